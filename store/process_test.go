package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// itself is this test binary, to run one test in a process of its own.
func itself(t *testing.T, test string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^("+test+")$")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// Times are instants: whatever zone they are given in, they compare rightly,
// and they come back in UTC.
func TestTimesAreInstants(t *testing.T) {
	if zone, err := time.LoadLocation(os.Getenv("TZ")); err != nil || noon().Local().Format(time.RFC3339) != noon().In(zone).Format(time.RFC3339) {
		t.Fatalf("the local zone is not %s (%v)", zone, err)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ada := signedIn(t, s, "ada")[0]
		for _, zone := range []*time.Location{time.UTC, time.Local, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600)} {
			seen := noon().Add(time.Minute).In(zone)
			if err := s.TouchSession(t.Context(), ada.session.ID, seen); err != nil {
				t.Fatal(err)
			}
			session, user, _, err := s.Session(t.Context(), ada.session.ID)
			if !session.LastSeenAt.Equal(seen) || session.LastSeenAt.Location() != time.UTC || user.CreatedAt != noon() || err != nil {
				t.Errorf("%s: seen %s, created %s (%v), want them in UTC", zone, session.LastSeenAt, user.CreatedAt, err)
			}
			for at, want := range map[time.Duration]int64{day - time.Second: 1, day: 0} {
				if got, err := s.Counts(t.Context(), noon().Add(at).In(zone)); got.Sessions != want || err != nil {
					t.Errorf("%s: %d sessions %s after noon (%v), want %d", zone, got.Sessions, at, err, want)
				}
			}
			if n, err := s.Sweep(t.Context(), noon().Add(day-time.Second).In(zone), day); n != 0 || err != nil {
				t.Errorf("%s: swept %d (%v), want none", zone, n, err)
			}
		}
	})
}

func TestTimesAreInstantsOnAMachineElsewhere(t *testing.T) {
	for _, zone := range []string{"Asia/Tokyo", "America/St_Johns"} {
		t.Run(zone, func(t *testing.T) {
			if out, err := itself(t, "TestTimesAreInstants$|TestSweepTakes.*|TestPeopleComeBackAsTheyWent", "TZ="+zone).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What GORM would log by itself are statements with their values.
func TestNothingOfAValueIsPrinted(t *testing.T) {
	out, err := itself(t, "TestChangeGivesUpInTheEnd|TestAbsentIsNotFound").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "@example.com") || strings.Contains(string(out), "SELECT") {
		t.Errorf("printed:\n%s", out)
	}
}

// A process is killed while it makes one change after the other: what it was
// told to be committed is there, whole and once; and the next process starts
// and writes at once.
func TestKilledUnderLoad(t *testing.T) {
	if url := os.Getenv("STORE_TEST_LOAD"); url != "" {
		changeForever(t, url)
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		committed := killAfter(t, itself(t, "TestKilledUnderLoad", "STORE_TEST_LOAD="+url), 25)
		s := storetest.Migrated(t, url)
		for _, id := range committed {
			if _, err := s.User(t.Context(), id); err != nil {
				t.Errorf("a change that was committed is lost: %v", err)
			}
		}
		users, events := count(t, s, "users"), int64(len(unbroken(t, s)))
		if users != events || users != count(t, s, "sessions") || users < int64(len(committed)) {
			t.Errorf("%d users, %d events, want as many, and %d at least", users, events, len(committed))
		}
		signedIn(t, s, "next")
	})
}

func changeForever(t *testing.T, url string) {
	s := storetest.Migrated(t, url)
	for i := 0; ; i++ {
		p := newPerson("person"+strconv.Itoa(i), noon())
		change(t, s, p.insert)
		fmt.Printf("did %s\n", p.user.ID)
	}
}

// A process is killed in the middle of a change: nothing of it is there, and
// nobody waits for it.
func TestKilledInTheMiddle(t *testing.T) {
	if url := os.Getenv("STORE_TEST_MIDDLE"); url != "" {
		stopInTheMiddle(t, url)
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		killAfter(t, itself(t, "TestKilledInTheMiddle", "STORE_TEST_MIDDLE="+url), 1)
		s := storetest.Migrated(t, url)
		for _, table := range []string{"users", "identities", "sessions", "events"} {
			if n := count(t, s, table); n != 0 {
				t.Errorf("%d %s, want none", n, table)
			}
		}
		signedIn(t, s, "ada")
		unbroken(t, s)
	})
}

func stopInTheMiddle(t *testing.T, url string) {
	s := storetest.Migrated(t, url)
	change(t, s, func(tx *store.Tx) error {
		if err := newPerson("ada", noon()).insert(tx); err != nil {
			return err
		}
		fmt.Println("did something")
		select {}
	})
}

// killAfter lets a process do n things, kills it, and gives what it did.
func killAfter(t *testing.T, cmd *exec.Cmd, n int) (did []string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all = append(all, lines.Text())
		if id, ok := strings.CutPrefix(lines.Text(), "did "); ok {
			did = append(did, id)
		}
		if len(did) == n {
			err = errors.Join(err, cmd.Process.Kill())
			n = -1
		}
	}
	if wait := cmd.Wait(); n >= 0 || err != nil || wait == nil {
		t.Fatalf("not killed (%v, %v):\n%s", err, wait, strings.Join(all, "\n"))
	}
	return did
}

// The audit trail notices what somebody does to it behind our back.
func TestTamperingBreaksTheChain(t *testing.T) {
	for _, deed := range []string{
		"UPDATE events SET body = replace(body, 'ok', 'no') WHERE seq = 2",
		"UPDATE events SET hash = previous WHERE seq = 2",
		"DELETE FROM events WHERE seq = 2",
		"DELETE FROM events WHERE seq = 1",
	} {
		t.Run(deed, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				for range 3 {
					if err := s.Record(t.Context(), said()); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Writer().Exec(deed).Error; err != nil {
					t.Fatal(err)
				}
				if follows(t, s) {
					t.Error("not noticed")
				}
			})
		})
	}
}

func follows(t *testing.T, s *store.Store) bool {
	links, err := s.Links(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var last models.Link
	for _, l := range links {
		if !l.Follows(last) {
			return false
		}
		last = l
	}
	return true
}
