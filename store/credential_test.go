package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// belongings are one row of each kind that hangs on a person.
type belongings struct {
	credential models.Credential
	factor     models.Factor
	code       models.RecoveryCode
	link       models.OneTimeLink
	pending    *models.PendingSignIn
	address    models.KnownAddress
}

func belongingsOf(p person) belongings {
	id, email, passkey, proven := p.user.ID, "key of "+p.user.Email, "passkey of "+p.user.Name, noon().Add(-time.Minute)
	pending, _ := models.NewPendingSignIn(id, p.identity.ID, models.LocalSlot, models.MethodPassword, models.WantsFactor, noon())
	pending.IDToken, pending.ProvenAt = "sealed", &proven
	return belongings{
		models.Credential{UserID: id, Username: p.user.Name, UsernameKey: "key of " + p.user.Name, EmailKey: &email, Password: "sealed", ChangedAt: noon()},
		models.Factor{ID: "factor of " + id, UserID: id, Kind: models.FactorPasskey, Name: "key", Sealed: "sealed", CredentialID: &passkey, LastStep: 7, CreatedAt: noon(), LastUsedAt: &proven},
		models.RecoveryCode{Hash: "code of " + id, UserID: id, CreatedAt: noon()},
		models.OneTimeLink{Hash: "link of " + id, UserID: &id, Purpose: models.LinkSignIn, CreatedAt: noon(), ExpiresAt: noon().Add(time.Hour)},
		pending,
		models.KnownAddress{UserID: id, Address: "192.0.2.1", SeenAt: noon()},
	}
}

func (b belongings) insert(tx *store.Tx) error {
	return errors.Join(
		tx.InsertCredential(&b.credential), tx.InsertFactor(&b.factor), tx.InsertLink(&b.link), tx.InsertPendingSignIn(b.pending),
		tx.ReplaceRecoveryCodes(b.code.UserID, []models.RecoveryCode{b.code}), tx.SaveKnownAddress(&b.address),
	)
}

// equipped puts people with all belongings into the store.
func equipped(t *testing.T, s *store.Store, subjects ...string) (people []person, things []belongings) {
	t.Helper()
	people = signedIn(t, s, subjects...)
	for _, p := range people {
		b := belongingsOf(p)
		change(t, s, b.insert)
		things = append(things, b)
	}
	return people, things
}

// belongingTables are the tables of what hangs on a person.
var belongingTables = []string{"credentials", "factors", "recovery_codes", "one_time_links", "pending_sign_ins", "known_addresses", "identities", "sessions"}

func TestBelongingsComeBackAsTheyWent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, things := equipped(t, s, "ada", "grace")
		for i, want := range things {
			id := people[i].user.ID
			var got belongings
			var errs [7]error
			got.credential, errs[0] = s.CredentialOf(t.Context(), id)
			got.factor, errs[1] = s.FactorByCredential(t.Context(), *want.factor.CredentialID)
			got.link, errs[2] = s.Link(t.Context(), want.link.Hash)
			pending, user, identity, err := s.PendingSignIn(t.Context(), want.pending.ID)
			got.pending, errs[3] = &pending, err
			factors, err := s.FactorsOf(t.Context(), id)
			errs[4] = err
			codes, err := s.RecoveryCodesOf(t.Context(), id)
			errs[5] = err
			known, err := s.KnowsAddress(t.Context(), id, "192.0.2.1")
			errs[6] = err
			got.code, got.address = want.code, want.address // which nobody reads back
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(belongings{})); diff != "" || errors.Join(errs[:]...) != nil {
				t.Errorf("%v went (-) and came (+) differ:\n%s", errs, diff)
			}
			if !cmp.Equal(factors, []models.Factor{want.factor}) || codes != 1 || !known || user.ID != id || identity.ID != people[i].identity.ID {
				t.Errorf("%v %d %t %s %s", factors, codes, known, user.ID, identity.ID)
			}
			for _, find := range []func() (models.Credential, error){
				func() (models.Credential, error) {
					return s.CredentialByUsername(t.Context(), want.credential.UsernameKey)
				},
				func() (models.Credential, error) { return s.CredentialByEmail(t.Context(), *want.credential.EmailKey) },
			} {
				if c, err := find(); c.UserID != id || err != nil {
					t.Errorf("%+v %v", c, err)
				}
			}
		}
	})
}

// What is not there is not found, whatever is asked for; an empty key is
// nobody's, though many have none.
func TestAbsentBelongingsAreNotFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, things := equipped(t, s, "ada", "grace")
		change(t, s, func(tx *store.Tx) error {
			without, totp := things[0].credential, models.Factor{ID: "totp", UserID: people[0].user.ID, Kind: models.FactorTOTP, CreatedAt: noon()}
			without.EmailKey = nil
			return errors.Join(tx.SaveCredential(&without), tx.InsertFactor(&totp))
		})
		for _, key := range []string{"", "nobody", "%", "' OR 1=1 --"} {
			for name, find := range map[string]func() error{
				"credential":  func() error { _, err := s.CredentialOf(t.Context(), key); return err },
				"username":    func() error { _, err := s.CredentialByUsername(t.Context(), key); return err },
				"email":       func() error { _, err := s.CredentialByEmail(t.Context(), key); return err },
				"passkey":     func() error { _, err := s.FactorByCredential(t.Context(), key); return err },
				"link":        func() error { _, err := s.Link(t.Context(), key); return err },
				"pending":     func() error { _, _, _, err := s.PendingSignIn(t.Context(), key); return err },
				"locked":      within(t, s, func(tx *store.Tx) error { _, err := tx.Credential(key); return err }),
				"identity":    within(t, s, func(tx *store.Tx) error { _, err := tx.IdentityByID(key); return err }),
				"spent link":  within(t, s, func(tx *store.Tx) error { _, err := tx.SpendLink(key); return err }),
				"spent code":  within(t, s, func(tx *store.Tx) error { return tx.SpendRecoveryCode(people[0].user.ID, key) }),
				"factor":      within(t, s, func(tx *store.Tx) error { return tx.DeleteFactor(people[0].user.ID, key) }),
				"its owner":   within(t, s, func(tx *store.Tx) error { return tx.DeleteFactor(key, things[0].factor.ID) }),
				"its step":    within(t, s, func(tx *store.Tx) error { return tx.AdvanceFactor(&models.Factor{ID: key, LastStep: 9}) }),
				"user":        within(t, s, func(tx *store.Tx) error { return tx.DeleteUser(key) }),
				"session":     within(t, s, func(tx *store.Tx) error { return tx.ProveSession(key, noon()) }),
				"one session": within(t, s, func(tx *store.Tx) error { return tx.DeleteSessionOf(people[0].user.ID, key) }),
				"way in":      within(t, s, func(tx *store.Tx) error { return tx.DeleteIdentity(people[0].user.ID, key) }),
				"saved":       within(t, s, func(tx *store.Tx) error { return tx.SaveCredential(&models.Credential{UserID: key}) }),
				"saved factor": within(t, s, func(tx *store.Tx) error {
					return tx.SaveFactor(&models.Factor{ID: things[0].factor.ID, UserID: key})
				}),
			} {
				if err := find(); !errors.Is(err, models.ErrNotFound) {
					t.Errorf("%s %q: %v, want %v", name, key, err, models.ErrNotFound)
				}
			}
		}
	})
}

// within is a step of a change of its own.
func within(t *testing.T, s *store.Store, fn func(tx *store.Tx) error) func() error {
	return func() error { return tryChange(t.Context(), s, fn) }
}

// Nothing of somebody's is removed, spent or changed under another's name.
func TestWhoseItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, things := equipped(t, s, "ada", "mallory")
		ada, mallory := things[0], people[1].user.ID
		for name, fn := range map[string]func(tx *store.Tx) error{
			"factor":        func(tx *store.Tx) error { return tx.DeleteFactor(mallory, ada.factor.ID) },
			"its name":      func(tx *store.Tx) error { f := ada.factor; f.UserID = mallory; return tx.SaveFactor(&f) },
			"recovery code": func(tx *store.Tx) error { return tx.SpendRecoveryCode(mallory, ada.code.Hash) },
			"session":       func(tx *store.Tx) error { return tx.DeleteSessionOf(mallory, people[0].session.ID) },
			"identity":      func(tx *store.Tx) error { return tx.DeleteIdentity(mallory, people[0].identity.ID) },
		} {
			if err := tryChange(t.Context(), s, fn); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		change(t, s, func(tx *store.Tx) error {
			_, err := tx.DeleteFactorsOf(mallory)
			_, others := tx.DeleteOtherSessionsOf(mallory, "none")
			return errors.Join(err, others, tx.DeleteLinksOf(mallory), tx.DeletePendingSignInsOf(mallory))
		})
		for _, table := range []string{"factors", "recovery_codes", "one_time_links", "pending_sign_ins", "sessions"} {
			if n := count(t, s, table); n != 1 {
				t.Errorf("%d %s left, want Ada's", n, table)
			}
		}
	})
}

func TestCredentialKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, _ := equipped(t, s, "ada")
		change(t, s, func(tx *store.Tx) error {
			for _, tt := range []struct {
				username, email string
				taken           bool
			}{
				{"key of ada", "", true},
				{"key of Ada", "", false},
				{"x", "key of ada@example.com", true},
				{"x", "", false},
				{"", "", false},
				{"key of ada@example.com", "key of ada", false},
			} {
				if taken, err := tx.CredentialKeyTaken(tt.username, tt.email); taken != tt.taken || err != nil {
					t.Errorf("%q %q: taken %t (%v)", tt.username, tt.email, taken, err)
				}
			}
			return nil
		})
		// The database itself keeps two from being the same, but for empty addresses.
		second, none := newPerson("grace", noon()), newPerson("hedy", noon())
		for name, c := range map[string]models.Credential{
			"name":    {UserID: second.user.ID, UsernameKey: "key of ada"},
			"address": {UserID: second.user.ID, UsernameKey: "grace", EmailKey: new("key of ada@example.com")},
			"account": {UserID: people[0].user.ID, UsernameKey: "another"},
		} {
			err := tryChange(t.Context(), s, func(tx *store.Tx) error { return errors.Join(second.insert(tx), tx.InsertCredential(&c)) })
			if !errors.Is(err, models.ErrConflict) {
				t.Errorf("the same %s: %v", name, err)
			}
		}
		change(t, s, func(tx *store.Tx) error {
			return errors.Join(second.insert(tx), none.insert(tx),
				tx.InsertCredential(&models.Credential{UserID: second.user.ID, UsernameKey: "grace"}),
				tx.InsertCredential(&models.Credential{UserID: none.user.ID, UsernameKey: "hedy"}))
		})
	})
}

func TestRehashPassword(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, _ := equipped(t, s, "ada", "grace")
		for _, step := range []struct{ user, former, want string }{
			{people[0].user.ID, "changed meanwhile", "sealed"},
			{"", "sealed", "sealed"},
			{people[0].user.ID, "sealed", "better"},
		} {
			if err := s.RehashPassword(t.Context(), step.user, step.former, "better"); err != nil {
				t.Fatal(err)
			}
			got, err := s.CredentialOf(t.Context(), people[0].user.ID)
			if got.Password != step.want || !got.ChangedAt.Equal(noon()) || err != nil {
				t.Errorf("%+v: %+v %v", step, got, err)
			}
		}
		if other, err := s.CredentialOf(t.Context(), people[1].user.ID); other.Password != "sealed" || err != nil {
			t.Errorf("somebody else has %q (%v)", other.Password, err)
		}
	})
}

func TestRecoveryCodesAreReplaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, things := equipped(t, s, "ada", "grace")
		id := people[0].user.ID
		change(t, s, func(tx *store.Tx) error {
			return tx.ReplaceRecoveryCodes(id, []models.RecoveryCode{{Hash: "a", UserID: id, CreatedAt: noon()}, {Hash: "b", UserID: id, CreatedAt: noon()}})
		})
		err := tryChange(t.Context(), s, func(tx *store.Tx) error { return tx.SpendRecoveryCode(id, things[0].code.Hash) })
		if n, _ := s.RecoveryCodesOf(t.Context(), id); n != 2 || !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%d codes, the old one: %v", n, err)
		}
		change(t, s, func(tx *store.Tx) error {
			n, err := tx.DeleteFactorsOf(id)
			if n != 1 {
				t.Errorf("%d factors, want 1", n)
			}
			return err
		})
		if n := count(t, s, "recovery_codes"); n != 1 {
			t.Errorf("%d codes left, want the other's", n)
		}
	})
}

// once is what may work once, whoever tries at the same time.
var once = map[string]func(tx *store.Tx, b belongings) error{
	"spend a link":        func(tx *store.Tx, b belongings) error { _, err := tx.SpendLink(b.link.Hash); return err },
	"spend a code":        func(tx *store.Tx, b belongings) error { return tx.SpendRecoveryCode(b.code.UserID, b.code.Hash) },
	"use a time step":     func(tx *store.Tx, b belongings) error { f := b.factor; f.LastStep = 8; return tx.AdvanceFactor(&f) },
	"end a half sign-in":  func(tx *store.Tx, b belongings) error { return first(tx.DeletePendingSignIn(b.pending.ID)) },
	"claim the house":     func(tx *store.Tx, _ belongings) error { return first(tx.DeleteLinks(models.LinkSetup)) },
	"remove a factor":     func(tx *store.Tx, b belongings) error { return tx.DeleteFactor(b.factor.UserID, b.factor.ID) },
	"delete an account":   func(tx *store.Tx, b belongings) error { return tx.DeleteUser(b.credential.UserID) },
	"take the last admin": lastAdmin,
}

var errLate = errors.New("somebody else was first")

func first(n int64, err error) error {
	if n == 0 {
		err = errors.Join(err, errLate)
	}
	return err
}

// lastAdmin takes the role from an admin, unless it is the last: of two there
// are, one may go.
func lastAdmin(tx *store.Tx, _ belongings) error {
	if err := tx.LockPeople(); err != nil {
		return err
	}
	n, err := tx.CountAdmins()
	if err != nil || n < 2 {
		return errors.Join(err, errLate)
	}
	return tx.DemoteOne()
}

// Of many who try at once, through two replicas, exactly one wins.
func TestOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		replicas := []*store.Store{storetest.Migrated(t, url), storetest.Migrated(t, url)}
		for name, try := range once {
			people, things := equipped(t, replicas[0], name, name+" too")
			change(t, replicas[0], func(tx *store.Tx) error {
				for _, p := range people {
					p.user.Role = policy.Admin
					if err := tx.SaveUser(p.user); err != nil {
						return err
					}
				}
				return tx.InsertLink(&models.OneTimeLink{Hash: name, Purpose: models.LinkSetup, CreatedAt: noon(), ExpiresAt: noon()})
			})
			var won atomic.Int32
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					err := tryChange(t.Context(), replicas[i%2], func(tx *store.Tx) error { return try(tx, things[0]) })
					switch {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, models.ErrNotFound) && !errors.Is(err, errLate):
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%s: %d won, want 1", name, won.Load())
			}
			change(t, replicas[0], func(tx *store.Tx) error { return tx.DemoteAll() })
		}
	})
}

// A code's step is used once, and none before it is from then on.
func TestStepsOnlyMoveForward(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, things := equipped(t, s, "ada", "grace")
		for _, tt := range []struct {
			step int64
			ok   bool
		}{{6, false}, {7, false}, {9, true}, {8, false}, {9, false}, {10, true}} {
			f, at := things[0].factor, noon().Add(time.Duration(tt.step)*time.Second)
			f.LastStep, f.LastUsedAt, f.Sealed = tt.step, &at, "something else"
			err := tryChange(t.Context(), s, func(tx *store.Tx) error { return tx.AdvanceFactor(&f) })
			got, _ := s.FactorByCredential(t.Context(), *f.CredentialID)
			if (err == nil) != tt.ok || (got.LastStep == tt.step && got.LastUsedAt.Equal(at)) != (tt.ok || tt.step == 9) || got.Sealed != "sealed" {
				t.Errorf("step %d: %v, then %+v", tt.step, err, got)
			}
		}
		if other, err := s.FactorByCredential(t.Context(), *things[1].factor.CredentialID); other.LastStep != 7 || err != nil {
			t.Errorf("somebody else's moved: %+v %v", other, err)
		}
	})
}

func TestSaveFactor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, things := equipped(t, s, "ada")
		f, at := things[0].factor, noon().Add(time.Hour)
		f.Name, f.Sealed, f.LastStep, f.LastUsedAt = "new", "anew", 0, &at
		change(t, s, func(tx *store.Tx) error { return tx.SaveFactor(&f) })
		if got, err := s.FactorByCredential(t.Context(), *f.CredentialID); !cmp.Equal(got, f) || err != nil {
			t.Errorf("%v %s", err, cmp.Diff(f, got))
		}
	})
}

func TestKnownAddresses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, things := equipped(t, s, "ada", "grace")
		again := things[0].address
		again.SeenAt = noon().Add(day)
		other := models.KnownAddress{UserID: people[0].user.ID, Address: "2001:db8::/64", SeenAt: noon()}
		change(t, s, func(tx *store.Tx) error { return errors.Join(tx.SaveKnownAddress(&again), tx.SaveKnownAddress(&other)) })
		if n := count(t, s, "known_addresses"); n != 3 {
			t.Errorf("%d rows, want 3", n)
		}
		for _, tt := range []struct {
			user, address string
			want, anybody bool
		}{
			{people[0].user.ID, "2001:db8::/64", true, true},
			{people[1].user.ID, "2001:db8::/64", false, true},
			{people[0].user.ID, "192.0.2.9", false, false},
			{people[0].user.ID, "", false, false},
			{"", "192.0.2.1", false, true},
		} {
			known, err := s.KnowsAddress(t.Context(), tt.user, tt.address)
			anybody, err2 := s.IsKnownAddress(t.Context(), tt.address)
			if known != tt.want || anybody != tt.anybody || errors.Join(err, err2) != nil {
				t.Errorf("%+v: %t %t %v %v", tt, known, anybody, err, err2)
			}
		}
		if _, err := s.Sweep(t.Context(), noon().Add(90*day), day); err != nil { // seen again a day later
			t.Fatal(err)
		}
		var left []string
		if err := s.Reader().Table("known_addresses").Order("user_id").Pluck("address", &left).Error; !cmp.Equal(left, []string{"192.0.2.1"}) || err != nil {
			t.Errorf("%v left (%v)", left, err)
		}
	})
}

// With an account goes all that hangs on it, and nothing of anybody else's.
func TestDeletingAnAccountTakesAllOfIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, _ := equipped(t, s, "ada", "grace")
		change(t, s, func(tx *store.Tx) error { return tx.DeleteUser(people[0].user.ID) })
		for _, table := range belongingTables {
			var owners []string
			if err := s.Reader().Table(table).Pluck("user_id", &owners).Error; !cmp.Equal(owners, []string{people[1].user.ID}) || err != nil {
				t.Errorf("%s of %v (%v)", table, owners, err)
			}
		}
	})
}

// With an identity go the sessions and the half sign-ins that were made with it.
func TestDeletingAnIdentity(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people, _ := equipped(t, s, "ada", "grace")
		change(t, s, func(tx *store.Tx) error { return tx.DeleteIdentity(people[0].user.ID, people[0].identity.ID) })
		for _, table := range []string{"identities", "sessions", "pending_sign_ins"} {
			if n := count(t, s, table); n != 1 {
				t.Errorf("%d %s, want Grace's", n, table)
			}
		}
	})
}

// Identities at providers move, the one of an account kept here does not, and
// who was signed in with them is no more.
func TestMoveIdentities(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		people := signedIn(t, s, "ada", "grace")
		local := models.NewIdentity(people[0].user.ID, models.LocalSlot, models.LocalIssuer, people[0].user.ID, noon())
		change(t, s, func(tx *store.Tx) error { return tx.SaveIdentity(local) })
		change(t, s, func(tx *store.Tx) error {
			n, err := tx.MoveIdentities(people[0].user.ID, people[1].user.ID)
			left, _ := tx.Identities(people[0].user.ID)
			now, _ := tx.Identities(people[1].user.ID)
			moved, _ := tx.IdentityByID(people[0].identity.ID)
			if n != 1 || len(left) != 1 || len(now) != 2 || moved.UserID != people[1].user.ID {
				t.Errorf("%d moved, %d left, %d now, %+v", n, len(left), len(now), moved)
			}
			return err
		})
		if n := count(t, s, "sessions"); n != 1 {
			t.Errorf("%d sessions, want Grace's", n)
		}
	})
}

func TestCountAdmins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := noon()
		change(t, s, func(tx *store.Tx) error {
			for i, u := range []models.User{
				{Role: policy.Admin}, {Role: policy.Admin}, {Role: policy.Admin, DisabledAt: &at}, {Role: policy.Editor}, {Role: policy.None}, {Role: "Admin"},
			} {
				u.ID, u.CreatedAt = fmt.Sprint(i), noon()
				if err := tx.InsertUser(&u); err != nil {
					return err
				}
			}
			n, err := tx.CountAdmins()
			if n != 2 {
				t.Errorf("%d as the change sees it", n)
			}
			return err
		})
		if n, err := s.CountAdmins(t.Context()); n != 2 || err != nil {
			t.Errorf("%d (%v), want 2", n, err)
		}
	})
}

// The release before knows none of the columns that came, and writes beside us
// during a rolling update.
func TestTheReleaseBeforeCanWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := noon()
		for _, row := range []struct {
			table string
			row   map[string]any
		}{
			{"users", map[string]any{"id": "u", "name": "ada", "email": "", "created_at": at, "disabled_at": nil}},
			{"identities", map[string]any{"id": "i", "user_id": "u", "slot": "okta", "issuer": "x", "subject": "y", "claims": "{}", "created_at": at, "signed_in_at": at}},
			{"sessions", map[string]any{
				"id": "s", "secret_hash": "h", "user_id": "u", "identity_id": "i", "slot": "okta", "client_ip": "", "user_agent": "", "id_token": "",
				"created_at": at, "last_seen_at": at, "expires_at": at.Add(day),
			}},
		} {
			if err := s.Writer().Table(row.table).Create(row.row).Error; err != nil {
				t.Fatalf("%s: %v", row.table, err)
			}
		}
		session, user, _, err := s.Session(t.Context(), "s")
		if session.Method != "" || session.Factor != models.FactorNone || session.ProvenAt != nil || user.Role != policy.None || err != nil {
			t.Errorf("%+v %+v %v", session, user, err)
		}
	})
}
