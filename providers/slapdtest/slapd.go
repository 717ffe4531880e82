package slapdtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dagpass/dagpass/e2e/freeport"
)

var errMissing = errors.New("slapd is not installed; type: " + Install)

// leashScript runs the server until standard input, the pipe that the test
// binary holds, is at its end.
const leashScript = `
dir=$1; shift
"$@" </dev/null >"$dir/log" 2>&1 & server=$!
{ cat >/dev/null; kill -INT $server; } <&3 3<&- &
wait $server; status=$?
rm -rf "$dir"
exit $status`

func start(o Options) (*Server, error) {
	s, ports, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if err := s.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, s.awaitReady(ports, 20*time.Second)
}

func prepare(o Options) (*Server, []string, error) {
	binary, err := exec.LookPath("slapd")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/slapd") // not on everybody's path
	}
	if err != nil {
		return nil, nil, errMissing
	}
	dir, err := os.MkdirTemp("", "slapdtest-")
	if err != nil {
		return nil, nil, err
	}
	ports, portErr := freePorts(2)
	if portErr != nil {
		return nil, nil, portErr
	}
	s := &Server{URL: "ldap://" + ports[0], TLSURL: "ldaps://" + ports[1], CAFile: filepath.Join(dir, "ca.pem"), dir: dir}
	return s, ports, errors.Join(copyBinary(binary, dir), writeCertificates(dir, o.Hosts), s.writeConfig(o))
}

// copyBinary takes slapd out of reach of AppArmor, whose profile on Ubuntu
// goes by the path and lets it read no folder for temporary files.
func copyBinary(from, dir string) error {
	binary, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "slapd"), binary, 0o700) //nolint:gosec // it is to be run
}

// freePorts are addresses that were free a moment ago.
func freePorts(n int) (addresses []string, err error) {
	for range n {
		port, err := freeport.Next()
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return addresses, nil
}

// folder is the first of the places that exists: distributions differ.
func folder(places ...string) string {
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return places[0]
}

const config = `
include %[2]s/core.schema
include %[2]s/cosine.schema
include %[2]s/nis.schema
include %[2]s/inetorgperson.schema
# Attributes of other servers that tests look up.
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.302 NAME 'sAMAccountType' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.1464 NAME 'supportedCapabilities' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL MAY ( sAMAccountName $ userPrincipalName $ sAMAccountType $ objectGUID ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY member )
modulepath %[3]s
moduleload back_mdb
moduleload memberof
pidfile %[1]s/pid
rootDSE %[1]s/rootdse.ldif
TLSCertificateFile %[1]s/server.pem
TLSCertificateKeyFile %[1]s/server.key
%[4]s
database mdb
directory %[1]s/data
maxsize 33554432
dbnosync
suffix %[5]s
rootdn %[6]s
rootpw "%[7]s"
%[9]s
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="%[8]s" read by * none
`

func (s *Server) writeConfig(o Options) error {
	schema := folder("/etc/ldap/schema", "/etc/openldap/schema")
	modules := folder("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap")
	text := fmt.Sprintf(config, s.dir, schema, modules, o.Global, Base, root, rootPassword, Search, o.Database)
	return errors.Join(
		os.Mkdir(filepath.Join(s.dir, "data"), 0o700),
		os.WriteFile(filepath.Join(s.dir, "rootdse.ldif"), []byte("dn:\n"+o.RootDSE), 0o600),
		os.WriteFile(filepath.Join(s.dir, "slapd.conf"), []byte(text), 0o600))
}

func (s *Server) run() error {
	held, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer held.Close()
	cmd := exec.Command("sh", "-c", leashScript, "sh", s.dir, filepath.Join(s.dir, "slapd"),
		"-d", "0", "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.URL+" "+s.TLSURL)
	cmd.ExtraFiles = []*os.File{held}
	// A process group of its own: an interrupt typed at the tests reaches the
	// server through the leash alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, ours.Close())
	}
	s.leash, s.exited = ours, make(chan struct{})
	go func() { _ = cmd.Wait(); close(s.exited) }() // the log tells why
	return nil
}

func (s *Server) awaitReady(ports []string, limit time.Duration) error {
	deadline := time.After(limit)
	for {
		log := s.Log() // read first: the folder goes when the server does
		if answers(ports) {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("slapd ended while starting:\n%s", log)
		case <-deadline:
			return fmt.Errorf("slapd not ready after %s\n%s", limit, strings.TrimSpace(log))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func answers(ports []string) bool {
	for _, port := range ports {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", port)
		if err != nil {
			return false
		}
		_ = conn.Close()
	}
	return true
}
