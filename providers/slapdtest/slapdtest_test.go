package slapdtest

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func TestOnlySearchMayRead(t *testing.T) {
	s := Start(t, Options{})
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	everything := ldap.NewSearchRequest(Base, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=*)", nil, nil)
	if got, err := conn.Search(everything); err == nil {
		t.Errorf("anybody may read %d entries", len(got.Entries))
	}
	if err := conn.Bind(Search, SearchPassword); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.Search(everything); err != nil || len(got.Entries) != 4 {
		t.Errorf("Search sees %d entries, %v; want 4", len(got.Entries), err)
	}
}

// The test binary starts itself, the child starts a server, and is killed.
func TestServerEndsWithAKilledBinary(t *testing.T) {
	if os.Getenv("SLAPDTEST_CHILD") != "" {
		os.Stdout.WriteString(Start(t, Options{}).dir + "\n")
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithAKilledBinary$")
	child.Env = append(os.Environ(), "SLAPDTEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	dir := lines.Text()
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the child's folder: %v", err)
	}
	child.Process.Kill()
	child.Wait()
	awaitGone(t, dir)
}

// The script of the leash removes the folder after the server has ended, so
// that a folder that is gone is a server that is gone.
func awaitGone(t *testing.T, dir string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s outlived its test binary", dir)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
