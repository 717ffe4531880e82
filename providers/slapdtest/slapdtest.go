package slapdtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Install is the line to type where slapd is missing.
const Install = "apt-get install -y slapd ldap-utils"

// What every directory of this package has.
const (
	Base = "dc=example,dc=org"
	// Search may read everything but passwords. Nobody else may read anything.
	Search         = "cn=search," + Base
	SearchPassword = "the search account's password" //nolint:gosec // of a directory that lives for a test

	root         = "cn=root," + Base
	rootPassword = "the root's password"
)

// Options are what a test wants otherwise. The zero value will do.
type Options struct {
	// Hosts are the names of the certificate; defaults to localhost and 127.0.0.1.
	Hosts []string
	// Global and Database are further lines of slapd.conf(5).
	Global, Database string
	// RootDSE is LDIF of further attributes of the root DSE.
	RootDSE string
}

// Server is a running slapd.
type Server struct {
	URL    string // ldap://127.0.0.1:port, which knows StartTLS
	TLSURL string // ldaps://127.0.0.1:port
	CAFile string // who signed the server's certificate

	dir    string
	leash  *os.File
	exited chan struct{}
}

// Start starts a server that ends with t. It holds Base, Search,
// ou=people and ou=groups. It fails t where slapd is missing: a test that was
// asked for must not pass by being skipped.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := start(o)
	if err != nil {
		t.Fatalf("slapdtest: %v", err)
	}
	t.Cleanup(s.Stop)
	s.LDIF(t, seed)
	return s
}

const seed = `
dn: ` + Base + `
changetype: add
objectClass: dcObject
objectClass: organization
o: Example

dn: ` + Search + `
changetype: add
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: ` + SearchPassword + `

dn: ou=people,` + Base + `
changetype: add
objectClass: organizationalUnit

dn: ou=groups,` + Base + `
changetype: add
objectClass: organizationalUnit
`

// LDIF makes changes, which are records of ldif(5) with a changetype, as the
// directory's root.
func (s *Server) LDIF(t testing.TB, changes string) {
	t.Helper()
	cmd := exec.Command("ldapmodify", "-x", "-H", s.URL, "-D", root, "-w", rootPassword)
	cmd.Env = append(os.Environ(), "LDAPNOINIT=1")
	cmd.Stdin = strings.NewReader(changes)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("slapdtest: ldapmodify: %v\n%s", err, out)
	}
}

// Stop ends the server before its test does.
func (s *Server) Stop() {
	_ = s.leash.Close() // a second time says that it is closed
	<-s.exited
}

// Log is what the server wrote so far.
func (s *Server) Log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}
