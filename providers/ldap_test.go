package providers_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dagpass/dagpass/providers"
	"github.com/dagpass/dagpass/providers/slapdtest"
)

const (
	alicePassword = "the walrus and the carpenter"
	aliceDN       = "uid=alice,ou=people," + slapdtest.Base
)

// person is a record of somebody whose password is alicePassword.
func person(dn string, further ...string) string {
	uid, _, _ := strings.Cut(strings.TrimPrefix(dn, "uid="), ",")
	return record(dn, append([]string{
		"objectClass: inetOrgPerson", "uid: " + uid, "cn: " + uid, "sn: " + uid, "userPassword: " + alicePassword,
	}, further...)...)
}

func group(dn string, members ...string) string {
	lines := []string{"objectClass: groupOfNames"}
	for _, member := range members {
		lines = append(lines, "member: "+member)
	}
	return record(dn, lines...)
}

func record(dn string, lines ...string) string {
	return "dn: " + dn + "\nchangetype: add\n" + strings.Join(lines, "\n") + "\n\n"
}

func inGroups(rdn string) string { return rdn + ",ou=groups," + slapdtest.Base }

// wonderland is a directory with Alice in it.
func wonderland(t *testing.T, o slapdtest.Options) *slapdtest.Server {
	t.Helper()
	s := slapdtest.Start(t, o)
	s.LDIF(t, person(aliceDN, "mail: alice@example.org", "displayName: Alice Liddell"))
	return s
}

// newLDAP makes a directory of the server; edits come after the defaults.
func newLDAP(t *testing.T, s *slapdtest.Server, edits ...func(*providers.LDAPConfig)) *providers.LDAP {
	t.Helper()
	cfg := providers.LDAPConfig{
		URLs: []string{s.TLSURL}, CAFile: s.CAFile, BaseDN: slapdtest.Base,
		BindDN: slapdtest.Search, BindPassword: slapdtest.SearchPassword,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	l, err := providers.NewLDAP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func at(urls ...string) func(*providers.LDAPConfig) {
	return func(cfg *providers.LDAPConfig) { cfg.URLs = urls }
}

func startTLS(cfg *providers.LDAPConfig) { cfg.StartTLS = true }

// verdictOf holds every error to being an *Error that tells no password.
func verdictOf(t *testing.T, err error) verdict {
	t.Helper()
	if err == nil {
		return verdict{}
	}
	var known *providers.Error
	if !errors.As(err, &known) {
		t.Fatalf("%v is no *providers.Error", err)
	}
	for _, secret := range []string{alicePassword, slapdtest.SearchPassword} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a password is in the error: %v", err)
		}
	}
	return verdict{known.Reason, known.Outage}
}

// refuses signs in and compares the verdict.
func refuses(t *testing.T, l *providers.LDAP, name, password, want string) {
	t.Helper()
	claim, err := l.SignIn(t.Context(), name, password)
	if got := verdictOf(t, err).String(); got != want {
		t.Errorf("%q: %s (%v), want %s", name, got, err, want)
	}
	if claim.Subject != "" {
		t.Errorf("%q: refused, and yet the claim %+v", name, claim)
	}
}

func admits(t *testing.T, l *providers.LDAP, name string) providers.Claim {
	t.Helper()
	claim, err := l.SignIn(t.Context(), name, alicePassword)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	return claim
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func TestLDAPClaim(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, trusted := range []bool{false, true} {
		l := newLDAP(t, s, func(cfg *providers.LDAPConfig) {
			cfg.BaseDN = "DC=Example, DC=org"
			cfg.EmailTrusted = trusted
			cfg.Now = func() time.Time { return now }
		})
		got := admits(t, l, "alice")
		want := providers.Claim{
			Issuer: "ldap:dc=example,dc=org", Email: "alice@example.org", EmailVerified: trusted,
			Name: "Alice Liddell", Username: "alice", AMR: []string{"pwd"}, AuthTime: now,
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(providers.Claim{}, "Subject")); diff != "" {
			t.Errorf("trusted %t (-want +got):\n%s", trusted, diff)
		}
		if !uuid.MatchString(got.Subject) {
			t.Errorf("the subject is %q", got.Subject)
		}
	}
}

func TestLDAPNames(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	s.LDIF(t, person("uid=bob,ou=people,"+slapdtest.Base, "mail: alice")+person("uid=white rabbit,ou=people,"+slapdtest.Base))
	l := newLDAP(t, s)
	admits(t, l, `EXAMPLE\White Rabbit`)
	refuses(t, l, "white  rabbit", alicePassword, "unknown_name") // which slapd finds
	subject := admits(t, l, "alice").Subject
	for _, name := range []string{"ALICE", " alice ", "alice@example.org", "Alice@Example.ORG", `EXAMPLE\alice`, `other\alice@example.org`} {
		if got := admits(t, l, name).Subject; got != subject {
			t.Errorf("%q is %s, want %s", name, got, subject)
		}
	}
	for _, name := range []string{
		"", " ", "*", "a*", "alice*", "alic?", "alice)(uid=*", "*)(uid=*))(|(uid=*", "alice)(|(uid=*", "alice))%00",
		"alice\x00", "\x00", `\2a`, `x\*`, `\`, `EXAMPLE\`, `EXAMPLE\EXAMPLE\alice`, `\61lice`, "{username}", "{dn}", "(", ")",
		"al\xffice", strings.Repeat("a", 300), "Alice Liddell", aliceDN, "mallory", "@example.org", "alice@",
	} {
		refuses(t, l, name, alicePassword, "unknown_name")
	}
}

// A server that lets in whoever gives no password, as RFC 4513 allows.
func TestLDAPEmptyPasswordIsNoPassword(t *testing.T) {
	s := wonderland(t, slapdtest.Options{Global: "allow bind_anon_dn"})
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.UnauthenticatedBind(aliceDN); err != nil {
		t.Fatalf("the server refuses the unauthenticated bind, so this tests nothing: %v", err)
	}
	p := tapInto(t, s.URL, nil)
	l := newLDAP(t, s, at(p.URL))
	for _, password := range []string{"", "\x00", "\x00" + alicePassword, alicePassword + "\x00", strings.Repeat("x", 2000)} {
		refuses(t, l, "alice", password, "wrong_password")
		refuses(t, l, "", password, "unknown_name")
	}
	if heard := p.heard(); len(heard) > 0 {
		t.Errorf("the server was asked: %q", heard)
	}
	refuses(t, l, "alice", "wrong", "wrong_password")
	refuses(t, l, "alice", alicePassword+" ", "wrong_password")
}

func TestLDAPUnknownNameTakesTheSameSteps(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	p := tapInto(t, s.URL, nil)
	l := newLDAP(t, s, at(p.URL))
	admits(t, l, "alice")
	p.heard()
	refuses(t, l, "alice", "wrong", "wrong_password")
	known := p.heard()
	refuses(t, l, "mallory", "wrong", "unknown_name")
	unknown := p.heard()
	want := []string{"Search Request", "Bind Request " + aliceDN}
	if !slices.Equal(known, want) || len(unknown) != 2 || unknown[0] != want[0] || !strings.HasPrefix(unknown[1], "Bind Request ") {
		t.Errorf("a known name takes %q, an unknown one %q", known, unknown)
	}
	if slices.Equal(known, unknown) {
		t.Error("an unknown name is bound as somebody else's entry")
	}
}

// The connection on which a password was proved is never used again.
func TestLDAPSearchesAreNeverThePersons(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	p := tapInto(t, s.URL, nil)
	l := newLDAP(t, s, at(p.URL))
	for range 3 {
		admits(t, l, "alice") // Alice herself may read nothing
	}
	binds := map[string]int{}
	for _, request := range p.heard() {
		binds[request]++
	}
	if binds["Bind Request "+slapdtest.Search] != 1 || binds["Bind Request "+aliceDN] != 3 {
		t.Errorf("the binds were %v", binds)
	}
}

func TestLDAPTransport(t *testing.T) {
	good := wonderland(t, slapdtest.Options{})
	other := wonderland(t, slapdtest.Options{Hosts: []string{"ldap.example.org"}})
	name := wonderland(t, slapdtest.Options{Hosts: []string{"localhost"}})
	address := wonderland(t, slapdtest.Options{Hosts: []string{"127.0.0.1"}})
	for _, c := range []struct {
		name string
		s    *slapdtest.Server
		ca   string
		tls  bool
		want string
	}{
		{"ldaps", good, good.CAFile, false, ""},
		{"StartTLS", good, good.CAFile, true, ""},
		{"ldaps, a CA of somebody else", good, other.CAFile, false, "directory_unavailable (outage)"},
		{"StartTLS, a CA of somebody else", good, other.CAFile, true, "directory_unavailable (outage)"},
		{"ldaps, the system's CAs", good, "", false, "directory_unavailable (outage)"},
		{"StartTLS, the system's CAs", good, "", true, "directory_unavailable (outage)"},
		{"ldaps, another host's certificate", other, other.CAFile, false, "directory_unavailable (outage)"},
		{"StartTLS, another host's certificate", other, other.CAFile, true, "directory_unavailable (outage)"},
		{"ldaps, a certificate of the name", name, name.CAFile, false, "directory_unavailable (outage)"},
		{"StartTLS, a certificate of the name", name, name.CAFile, true, "directory_unavailable (outage)"},
		{"ldaps, a certificate of the address", address, address.CAFile, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLDAP(t, c.s, func(cfg *providers.LDAPConfig) {
				cfg.CAFile, cfg.StartTLS = c.ca, c.tls
				if c.tls {
					cfg.URLs = []string{c.s.URL}
				}
			})
			refuses(t, l, "mallory", alicePassword, strings.Replace(c.want+"unknown_name", ")unknown_name", ")", 1))
		})
	}
}

// Whoever stands between must not get a word out of us by denying TLS.
func TestLDAPStartTLSDoesNotFallBack(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	for name, code := range map[string]int64{"refused": ldap.LDAPResultProtocolError, "promised, and then plain": 0} {
		t.Run(name, func(t *testing.T) {
			p := tapInto(t, s.URL, func(request *ber.Packet) []byte {
				if request.Children[1].Tag == ldap.ApplicationExtendedRequest {
					return replies(request, ldap.ApplicationExtendedResponse, code, "no TLS here")
				}
				return nil
			})
			l := newLDAP(t, s, at(p.URL), startTLS)
			refuses(t, l, "alice", alicePassword, "directory_unavailable (outage)")
			for _, request := range p.heard() {
				if strings.Contains(request, "Bind") || strings.Contains(request, "Search") {
					t.Errorf("said without TLS: %s", request)
				}
			}
		})
	}
}

func TestLDAPNextServer(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	var asked atomic.Int32
	broken := listen(t, func(c net.Conn) { asked.Add(1); _ = c.Close() })
	time := &clock{}
	l := newLDAP(t, s, at("ldaps://"+broken, s.TLSURL), func(cfg *providers.LDAPConfig) { cfg.Now = time.Now })
	for range 3 {
		admits(t, l, "alice")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the server that fails was asked %d times, want 1", n)
	}
	time.advance(20e9)
	admits(t, l, "alice")
	if n := asked.Load(); n != 2 {
		t.Errorf("after a while it was asked %d times, want 2", n)
	}
	s.Stop()
	refuses(t, l, "alice", alicePassword, "directory_unavailable (outage)")
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("it was reached within the last minute: %v", err)
	}
	time.advance(2 * 60e9)
	if v := verdictOf(t, l.Ready(t.Context())); v.String() != "directory_unavailable (outage)" {
		t.Errorf("ready: %s", v)
	}
}

// listen serves connections on a free port.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String()
}

func TestLDAPDeadConnectionIsNoDeadServer(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	p := tapInto(t, s.URL, nil)
	l := newLDAP(t, s, at(p.URL))
	for range 3 {
		admits(t, l, "alice")
		p.cut()
	}
	time := &clock{}
	l = newLDAP(t, s, at(p.URL), func(cfg *providers.LDAPConfig) { cfg.Now = time.Now })
	admits(t, l, "alice")
	time.advance(61e9)
	p.heard()
	admits(t, l, "alice")
	if heard := p.heard(); heard[0] != "Bind Request "+slapdtest.Search {
		t.Errorf("a connection that was idle for a minute was used: %q", heard)
	}
}

func TestLDAPSlowServer(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	silent := listen(t, func(net.Conn) {})
	hangs := func(tag ber.Tag) string {
		return tapInto(t, s.URL, func(request *ber.Packet) []byte {
			if request.Children[1].Tag == tag {
				return []byte{} // nothing, ever
			}
			return nil
		}).URL
	}
	for _, c := range []struct {
		name, url string
		startTLS  bool
	}{
		{"no TLS handshake", "ldaps://" + silent, false},
		{"no answer to StartTLS", "ldap://" + silent, true},
		{"no answer to a bind", hangs(ldap.ApplicationBindRequest), false},
		{"no answer to a search", hangs(ldap.ApplicationSearchRequest), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLDAP(t, s, at(c.url), func(cfg *providers.LDAPConfig) { cfg.StartTLS, cfg.Timeout = c.startTLS, 50*time.Millisecond })
			began := time.Now()
			refuses(t, l, "alice", alicePassword, "directory_unavailable (outage)")
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
			if err := l.Ready(t.Context()); err == nil {
				t.Error("it says that it is ready")
			}
		})
	}
}

// Somebody who leaves is not the server's fault.
func TestLDAPCallerLeaves(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	var leave atomic.Value
	leave.Store(func() bool { return false })
	p := tapInto(t, s.URL, func(request *ber.Packet) []byte {
		if request.Children[1].Tag == ldap.ApplicationSearchRequest && leave.Load().(func() bool)() {
			return []byte{}
		}
		return nil
	})
	l := newLDAP(t, s, at(p.URL))
	for _, before := range map[string]func(){"a kept connection": func() {}, "a new connection": p.cut} {
		admits(t, l, "alice")
		before()
		ctx, cancel := context.WithCancel(t.Context())
		leave.Store(func() bool { cancel(); return true })
		_, err := l.SignIn(ctx, "alice", alicePassword)
		if v := verdictOf(t, err); v.reason != "directory_unavailable" || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", v, err)
		}
		leave.Store(func() bool { return false })
		admits(t, l, "alice")
	}
}

func TestLDAPSearchAccountIsRefused(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	p := tapInto(t, s.URL, nil)
	time := &clock{}
	l := newLDAP(t, s, at(p.URL), func(cfg *providers.LDAPConfig) { cfg.BindPassword, cfg.Now = "old", time.Now })
	refuses(t, l, "alice", alicePassword, "directory_refused (outage)")
	for range 5 {
		_, err := l.SignIn(t.Context(), "alice", alicePassword)
		if !verdictOf(t, err).outage || l.Ready(t.Context()) == nil {
			t.Errorf("it is ready, or refuses with %v", err)
		}
	}
	if heard := p.heard(); len(heard) != 1 {
		t.Errorf("a wrong password locks an account that is tried so often: %q", heard)
	}
}

// The same when its password is changed while we run.
func TestLDAPSearchAccountIsRefusedLater(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	var changed atomic.Bool
	p := tapInto(t, s.URL, func(request *ber.Packet) []byte {
		operation := request.Children[1]
		if changed.Load() && operation.Tag == ldap.ApplicationBindRequest && operation.Children[1].Data.String() == slapdtest.Search {
			return replies(request, ldap.ApplicationBindResponse, ldap.LDAPResultInvalidCredentials, "")
		}
		return nil
	})
	time := &clock{}
	l := newLDAP(t, s, at(p.URL), func(cfg *providers.LDAPConfig) { cfg.Now = time.Now })
	admits(t, l, "alice")
	changed.Store(true)
	p.cut()
	p.heard()
	refuses(t, l, "alice", alicePassword, "directory_refused (outage)")
	for range 3 {
		refuses(t, l, "alice", alicePassword, "directory_unavailable (outage)")
	}
	if heard := p.heard(); len(heard) > 2 { // the search on the connection that was cut may have been heard
		t.Errorf("%q", heard)
	}
	changed.Store(false)
	time.advance(16e9)
	admits(t, l, "alice")
}

func TestLDAPTwoEntries(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	l := newLDAP(t, s)
	s.LDIF(t, person("uid=alice,"+slapdtest.Base, "mail: other@example.org"))
	refuses(t, l, "alice", alicePassword, "ambiguous_name")
	s.LDIF(t, person("uid=alice,ou=groups,"+slapdtest.Base))
	refuses(t, l, "alice", alicePassword, "ambiguous_name")
	admits(t, l, "alice@example.org")
	narrow := newLDAP(t, s, func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(&(uid={username})(displayName=Alice*))" })
	admits(t, narrow, "alice")
}

// A server that knows more than one entry and may tell of one.
func TestLDAPOneOfTwoEntries(t *testing.T) {
	s := wonderland(t, slapdtest.Options{Global: "sizelimit 1"})
	l := newLDAP(t, s)
	admits(t, l, "alice")
	s.LDIF(t, person("uid=alice,"+slapdtest.Base))
	refuses(t, l, "alice", alicePassword, "ambiguous_name")
}

// An entry from elsewhere, or none at all, which is bound as nobody.
func TestLDAPEntryElsewhere(t *testing.T) {
	s := wonderland(t, slapdtest.Options{Global: "allow bind_anon_cred"})
	for _, dn := range []string{"", "no DN", slapdtest.Base, "uid=alice,dc=example,dc=com", slapdtest.Search + ",dc=com"} {
		p := tapInto(t, s.URL, func(request *ber.Packet) []byte {
			operation := request.Children[1]
			if operation.Tag != ldap.ApplicationSearchRequest || operation.Children[0].Data.Len() == 0 {
				return nil
			}
			return append(entry(request, dn, "uid", "alice"), replies(request, ldap.ApplicationSearchResultDone, 0, "")...)
		})
		refuses(t, newLDAP(t, s, at(p.URL)), "alice", alicePassword, "entry_unusable")
	}
}

func TestLDAPRenamedEntryIsTheSame(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	l := newLDAP(t, s)
	before := admits(t, l, "alice")
	s.LDIF(t, "dn: "+aliceDN+"\nchangetype: modrdn\nnewrdn: uid=hargreaves\ndeleteoldrdn: 1\nnewsuperior: "+slapdtest.Base+"\n")
	after := admits(t, l, "hargreaves")
	if before.Subject != after.Subject || before.Issuer != after.Issuer || after.Username != "hargreaves" {
		t.Errorf("%+v became %+v", before, after)
	}
	s.LDIF(t, person(aliceDN))
	if admits(t, l, "alice").Subject == before.Subject {
		t.Error("another entry under the old name is the old account")
	}
}

// Without a lasting id a name would be the account, whoever has it.
func TestLDAPEntryWithoutID(t *testing.T) {
	s := wonderland(t, slapdtest.Options{Database: "access to attrs=entryUUID by * none"})
	refuses(t, newLDAP(t, s), "alice", alicePassword, "entry_unusable")
}

func TestLDAPHugeEntry(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	s.LDIF(t, person("uid=bob,ou=people,"+slapdtest.Base, "displayName: "+strings.Repeat("x", 3<<19)))
	s.LDIF(t, person("uid=carol,ou=people,"+slapdtest.Base, "displayName: "+strings.Repeat("x", 3<<9)))
	l := newLDAP(t, s)
	admits(t, l, "alice")
	refuses(t, l, "bob", alicePassword, "entry_unusable")
	refuses(t, l, "bob", alicePassword, "entry_unusable") // on a connection of its own
	admits(t, l, "alice")                                 // the server is not left alone for it
	if name := admits(t, l, "carol").Name; name != "carol" {
		t.Errorf("a name of %d bytes", len(name))
	}
}

func TestLDAPReferralIsNotFollowed(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	var followed atomic.Int32
	elsewhere := listen(t, func(c net.Conn) { followed.Add(1); _ = c.Close() })
	s.LDIF(t, record("ou=elsewhere,"+slapdtest.Base, "objectClass: referral", "objectClass: extensibleObject",
		"ref: ldap://"+elsewhere+"/ou=elsewhere,"+slapdtest.Base))
	l := newLDAP(t, s)
	admits(t, l, "alice")
	refuses(t, l, "bob", alicePassword, "unknown_name")
	there := newLDAP(t, s, func(cfg *providers.LDAPConfig) { cfg.BaseDN = "ou=people,ou=elsewhere," + slapdtest.Base })
	refuses(t, there, "bob", alicePassword, "directory_refused (outage)")
	if n := followed.Load(); n > 0 {
		t.Errorf("followed %d times", n)
	}
}

func TestLDAPGroups(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	outside := "cn=outside," + slapdtest.Base
	s.LDIF(t, group(inGroups("cn=data"), aliceDN)+
		group(inGroups("cn=engineers"), inGroups("cn=data"), inGroups("cn=staff"))+
		group(inGroups("cn=staff"), inGroups("cn=engineers"))+ // a circle
		group(outside, aliceDN)+
		group(inGroups("cn=by way of outside"), outside)+
		group(inGroups("cn=others"), "uid=bob,ou=people,"+slapdtest.Base)+
		group(inGroups(`cn=Research\2C and\0Adevelopment`), aliceDN)+
		group(inGroups(`cn=cn\=others\,ou\=groups\,dc\=example\,dc\=org`), aliceDN)+
		record(inGroups("cn=unique"), "objectClass: groupOfUniqueNames", "uniqueMember: "+aliceDN)+
		record(inGroups("cn=unix"), "objectClass: posixGroup", "gidNumber: 1", "memberUid: alice")+
		record(inGroups("cn=nobody's"), "objectClass: posixGroup", "gidNumber: 2"))
	common := []string{"data", "engineers", "staff", "unique", "unix", "Research, and\ndevelopment"}
	for _, c := range []struct {
		name string
		edit func(*providers.LDAPConfig)
		want []string
	}{
		{"below the base", func(*providers.LDAPConfig) {}, append([]string{"outside", "by way of outside"}, common...)},
		{"below the groups' base", func(cfg *providers.LDAPConfig) { cfg.GroupBaseDN = "OU=groups,DC=example,DC=org" }, common},
		{"a filter", func(cfg *providers.LDAPConfig) { cfg.GroupFilter = "(&(cn=e*)(member={dn}))" }, nil},
		{"a filter by name", func(cfg *providers.LDAPConfig) { cfg.GroupFilter = "(memberUid={username})" }, []string{"unix"}},
		{"a filter for two", func(cfg *providers.LDAPConfig) { cfg.GroupFilter = "(&(|(cn=data)(cn=staff))(member={dn}))" }, []string{"data"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			claim := admits(t, newLDAP(t, s, c.edit), "alice@example.org")
			var bare []string
			for _, name := range claim.Groups {
				if !strings.HasSuffix(name, slapdtest.Base) {
					bare = append(bare, name)
				}
			}
			if diff := cmp.Diff(c.want, bare, cmpopts.SortSlices(strings.Compare), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if slices.Contains(claim.Groups, inGroups("cn=others")) {
				t.Error("a group's name passes for another group")
			}
			if slices.Contains(c.want, "data") && !slices.Contains(claim.Groups, inGroups("cn=data")) {
				t.Errorf("no full name among %q", claim.Groups)
			}
		})
	}
}

func TestLDAPGroupsInGroupsInGroups(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	member, chain := aliceDN, ""
	for i := 1; i <= 12; i++ {
		dn := inGroups(fmt.Sprintf("cn=level %d", i))
		chain += group(dn, member)
		member = dn
	}
	s.LDIF(t, chain)
	groups := admits(t, newLDAP(t, s), "alice").Groups
	if !slices.Contains(groups, "level 10") || slices.Contains(groups, "level 11") {
		t.Errorf("ten levels count, got %q", groups)
	}
}

func TestLDAPGroupsInACircle(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	s.LDIF(t, group(inGroups("cn=a"), aliceDN, inGroups("cn=b"))+group(inGroups("cn=b"), inGroups("cn=a")))
	p := tapInto(t, s.URL, nil)
	l := newLDAP(t, s, at(p.URL))
	admits(t, l, "alice")
	p.heard()
	if got, want := admits(t, l, "alice").Groups, []string{"a", "b", inGroups("cn=a"), inGroups("cn=b")}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	// Alice, her groups, theirs, and theirs, which are known.
	if heard := p.heard(); len(heard) != 5 {
		t.Errorf("asked %q", heard)
	}
}

func TestLDAPTooManyGroups(t *testing.T) {
	for name, database := range map[string]string{
		"found": "", "told": "overlay memberof\naccess to attrs=member by * none",
	} {
		t.Run(name, func(t *testing.T) {
			s := wonderland(t, slapdtest.Options{Global: "sizelimit unlimited", Database: database})
			var changes strings.Builder
			for i := range 1001 {
				changes.WriteString(group(inGroups(fmt.Sprintf("cn=group %d", i)), aliceDN))
			}
			s.LDIF(t, changes.String())
			l := newLDAP(t, s)
			refuses(t, l, "alice", alicePassword, "entry_unusable")
			s.LDIF(t, "dn: "+inGroups("cn=group 7")+"\nchangetype: delete\n")
			if groups := admits(t, l, "alice").Groups; len(groups) != 2000 {
				t.Errorf("%d names of 1000 groups", len(groups))
			}
		})
	}
}

// memberOf is for servers that show nobody who is in a group.
func TestLDAPMemberOf(t *testing.T) {
	s := wonderland(t, slapdtest.Options{Database: "overlay memberof\naccess to attrs=member by * none"})
	s.LDIF(t, group(inGroups("cn=data"), aliceDN)+group("cn=outside,"+slapdtest.Base, aliceDN))
	l := newLDAP(t, s, func(cfg *providers.LDAPConfig) { cfg.GroupBaseDN = "ou=groups," + slapdtest.Base })
	if got, want := admits(t, l, "alice").Groups, []string{inGroups("cn=data"), "data"}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	l = newLDAP(t, s, func(cfg *providers.LDAPConfig) { cfg.GroupFilter = "(&(cn=dagster)(member={dn}))" })
	if got := admits(t, l, "alice").Groups; len(got) > 0 {
		t.Errorf("the filter leaves none, got %q", got)
	}
}

// Active Directory, as far as OpenLDAP can play it: the tap knows the matching
// rule for groups in groups, which the groups here have all as members.
func TestLDAPActiveDirectory(t *testing.T) {
	s := slapdtest.Start(t, slapdtest.Options{RootDSE: "supportedCapabilities: 1.2.840.113556.1.4.800\n"})
	account := func(name, kind string, further ...string) string {
		return record("cn="+name+",ou=people,"+slapdtest.Base, append([]string{
			"objectClass: user", "sn: x", "sAMAccountName: " + name, "sAMAccountType: " + kind,
			"userPrincipalName: " + name + "@corp.example.org", "userPassword: " + alicePassword,
		}, further...)...)
	}
	s.LDIF(t, account("alice", "805306368", "mail: Alice.Liddell@example.org", "objectGUID:: AAECAwQFBgcICQoLDA0ODw==", "uid: someone")+
		account("evil$", "805306369", "objectGUID:: AAECAwQFBgcICQoLDA0ODg==")+
		record(inGroups("cn=data"), "objectClass: group", "member: cn=alice,ou=people,"+slapdtest.Base)+
		record(inGroups("cn=others"), "objectClass: group", "member: "+inGroups("cn=data")))
	var asked []string
	p := tapInto(t, s.URL, func(request *ber.Packet) []byte {
		if request.Children[1].Tag == ldap.ApplicationSearchRequest {
			filter, _ := ldap.DecompileFilter(request.Children[1].Children[6])
			asked = append(asked, filter)
			plain, _ := ldap.CompileFilter(strings.ReplaceAll(filter, ":1.2.840.113556.1.4.1941:=", "="))
			request.Children[1].Children[6] = plain
			return nil
		}
		return nil
	})
	l := newLDAP(t, s, at(p.URL))
	for _, name := range []string{"alice", `CORP\Alice`, "alice@corp.example.org", "alice.liddell@example.org"} {
		claim := admits(t, l, name)
		if claim.Subject != "03020100-0504-0706-0809-0a0b0c0d0e0f" || claim.Username != "alice" || !slices.Equal(claim.Groups, []string{inGroups("cn=data"), "data"}) {
			t.Errorf("%q is %+v", name, claim)
		}
	}
	for _, name := range []string{"evil$", "someone", "alice@evil.example.org"} {
		refuses(t, l, name, alicePassword, "unknown_name")
	}
	p.heard() // no more is asked
	chain := "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:=cn=alice,ou=people,dc=example,dc=org))"
	if !slices.Contains(asked, chain) {
		t.Errorf("no search for %s among %q", chain, asked)
	}
}

// What servers answer to a bind as an account that is locked or disabled is a
// refusal; what they answer when they cannot decide is an outage.
func TestLDAPBindAnswers(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	for code, want := range map[int64]string{
		ldap.LDAPResultInvalidCredentials:          "wrong_password",
		ldap.LDAPResultNoSuchObject:                "wrong_password",
		ldap.LDAPResultInappropriateAuthentication: "wrong_password",
		ldap.LDAPResultConstraintViolation:         "wrong_password",
		ldap.LDAPResultUnwillingToPerform:          "wrong_password",
		ldap.LDAPResultConfidentialityRequired:     "directory_refused (outage)",
		ldap.LDAPResultReferral:                    "directory_refused (outage)",
		ldap.LDAPResultSaslBindInProgress:          "directory_refused (outage)",
		ldap.LDAPResultBusy:                        "directory_unavailable (outage)",
		ldap.LDAPResultUnavailable:                 "directory_unavailable (outage)",
		ldap.LDAPResultOther:                       "directory_unavailable (outage)",
	} {
		p := tapInto(t, s.URL, func(request *ber.Packet) []byte {
			operation := request.Children[1]
			if operation.Tag == ldap.ApplicationBindRequest && operation.Children[1].Data.String() == aliceDN {
				return replies(request, ldap.ApplicationBindResponse, code, "because")
			}
			return nil
		})
		refuses(t, newLDAP(t, s, at(p.URL)), "alice", alicePassword, want)
	}
}

func TestLDAPManyAtOnce(t *testing.T) {
	s := wonderland(t, slapdtest.Options{})
	l := newLDAP(t, s)
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if _, err := l.SignIn(t.Context(), "alice", alicePassword); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestLDAPConfig(t *testing.T) {
	noCA := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCA, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		edit func(*providers.LDAPConfig)
		want string // part of the error, empty for none
	}{
		{"ldaps", at("ldaps://dc1.corp.com", "ldaps://[2001:db8::1]:3269/"), ""},
		{"StartTLS", func(cfg *providers.LDAPConfig) { cfg.URLs, cfg.StartTLS = []string{"ldap://dc1.corp.com"}, true }, ""},
		{"plain on loopback", at("ldap://127.0.0.1:389", "ldap://localhost", "ldap://[::1]"), ""},
		{"plain", at("ldap://dc1.corp.com"), "must be ldaps"},
		{"plain after a safe one", at("ldaps://dc1.corp.com", "ldap://dc2.corp.com"), "must be ldaps"},
		{"a name like loopback", at("ldap://localhost.corp.com"), "must be ldaps"},
		{"http", at("https://dc1.corp.com"), "must be ldaps"},
		{"a socket", at("ldapi://%2fvar%2frun"), "ldap"},
		{"a password", at("ldaps://me:hush@dc1.corp.com"), "host alone"},
		{"a base", at("ldaps://dc1.corp.com/dc=corp"), "host alone"},
		{"no host", at("ldaps://"), "host alone"},
		{"no server", at(), "no server"},
		{"no base", func(cfg *providers.LDAPConfig) { cfg.BaseDN = "" }, "base DN"},
		{"a base that is none", func(cfg *providers.LDAPConfig) { cfg.BaseDN = "corp.com" }, "base DN"},
		{"a group base that is none", func(cfg *providers.LDAPConfig) { cfg.GroupBaseDN = "corp.com" }, "base DN"},
		{"anonymous", func(cfg *providers.LDAPConfig) { cfg.BindDN, cfg.BindPassword = "", "" }, ""},
		{"half an account", func(cfg *providers.LDAPConfig) { cfg.BindPassword = "" }, "belong together"},
		{"no CA file", func(cfg *providers.LDAPConfig) { cfg.CAFile = "/does/not/exist" }, "/does/not/exist"},
		{"a CA file without one", func(cfg *providers.LDAPConfig) { cfg.CAFile = noCA }, "no certificate"},
		{"a user filter", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(&(cn=a*)(userPrincipalName={username}@corp.com))" }, ""},
		{"a user filter for nobody", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(uid=alice)" }, "{username} is missing"},
		{"a user filter by DN", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(member={dn})" }, "{username} is missing"},
		{"a user filter for beginnings", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(uid={username}*)" }, "equality"},
		{"a user filter for sounds", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(uid~={username})" }, "equality"},
		{"a user filter for more", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(uid>={username})" }, "equality"},
		{"a user filter for attributes", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(&({username}=x)(uid={username}))" }, "equality"},
		{"half a user filter", func(cfg *providers.LDAPConfig) { cfg.UserFilter = "(uid={username}" }, "user filter"},
		{"a group filter", func(cfg *providers.LDAPConfig) { cfg.GroupFilter = "(member:1.2.840.113556.1.4.1941:={dn})" }, ""},
		{"a group filter for all", func(cfg *providers.LDAPConfig) { cfg.GroupFilter = "(objectClass=group)" }, "{dn} or {username} is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := providers.LDAPConfig{URLs: []string{"ldaps://dc1.corp.com"}, BaseDN: "dc=corp,dc=com", BindDN: "svc@corp.com", BindPassword: "hush"}
			c.edit(&cfg)
			_, err := providers.NewLDAP(cfg)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}
