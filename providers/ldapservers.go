package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	maxIdle = 4           // connections kept for the next search
	idleFor = time.Minute // shorter than firewalls and servers keep them
)

// ldapServers are servers with the same contents. Searches go over connections
// that are kept, each bound as the account that searches; to prove a password a
// connection is made, and closed.
type ldapServers struct {
	cfg   LDAPConfig
	urls  []*url.URL
	roots *x509.CertPool // nil: the system's

	mu     sync.Mutex
	idle   []*ldapConn // the one used last is the last
	failed map[*url.URL]ldapFailure
}

type ldapFailure struct {
	at  time.Time
	err error
}

func newLDAPServers(cfg LDAPConfig) (*ldapServers, error) {
	s := &ldapServers{cfg: cfg, failed: map[*url.URL]ldapFailure{}}
	var problems []error
	for _, raw := range cfg.URLs {
		u, err := checkLDAPURL(raw, cfg.StartTLS)
		s.urls, problems = append(s.urls, u), append(problems, err)
	}
	if len(s.urls) == 0 {
		problems = append(problems, errors.New("no server's URL"))
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		s.roots = x509.NewCertPool()
		if err == nil && !s.roots.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("CA file: no certificate in %s", cfg.CAFile)
		}
		problems = append(problems, err)
	}
	return s, errors.Join(problems...)
}

func checkLDAPURL(raw string, startTLS bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%s is not ldaps:// or ldap:// with a host alone", quoted(raw))
	}
	if u.Scheme == "ldaps" || u.Scheme == "ldap" && (startTLS || loopback(u)) {
		return u, nil
	}
	return nil, fmt.Errorf("%q must be ldaps, or use StartTLS (plain ldap is for loopback alone)", raw)
}

// search asks a kept connection first. One that has died since is no server
// that has: a new connection decides.
func (s *ldapServers) search(ctx context.Context, request *ldap.SearchRequest) ([]*ldap.Entry, error) {
	if c := s.take(); c != nil {
		found, err := c.search(ctx, request)
		if s.settle(c, err) || errors.Is(err, errTooLarge) {
			return found, err
		}
	}
	c, err := s.reach(ctx, s.introduce)
	if err != nil {
		return nil, err
	}
	found, err := c.search(ctx, request)
	if !s.settle(c, err) && !errors.Is(err, errTooLarge) && ctx.Err() == nil {
		s.rest(c.server, err)
	}
	return found, err
}

// introduce binds as the account that searches. A server that refuses it is
// left alone like one that fails: too many wrong passwords lock the account.
func (s *ldapServers) introduce(ctx context.Context, c *ldapConn) error {
	if s.cfg.BindDN == "" {
		return nil
	}
	err := c.bind(ctx, s.cfg.BindDN, s.cfg.BindPassword)
	if said(err) {
		err = outage(ReasonDirectorySays, "bind as %s: %v", s.cfg.BindDN, err) //nolint:errorlint // said() must not take it for an answer to the search
		s.rest(c.server, err)
	}
	return err
}

// bind proves a password. Nothing else is ever said on its connection.
func (s *ldapServers) bind(ctx context.Context, dn, password string) error {
	c, err := s.reach(ctx, func(ctx context.Context, c *ldapConn) error { return c.bind(ctx, dn, password) })
	if err == nil {
		c.close()
		return nil
	}
	if refusesPerson(err) {
		return refused(ReasonWrongPassword, "bind: %w", err)
	}
	return asOutage(err)
}

// reach connects to the first server that can be reached and greeted. A server
// that fails is left alone for a while; what a server says is an answer, and
// no other server is asked.
func (s *ldapServers) reach(ctx context.Context, greet func(context.Context, *ldapConn) error) (*ldapConn, error) {
	var problems []error
	for _, server := range s.urls {
		if err := s.resting(server); err != nil {
			problems = append(problems, err)
			continue
		}
		c, err := s.connect(ctx, server)
		if err == nil {
			if err = greet(ctx, c); err == nil {
				return c, nil
			}
			c.close()
		}
		if known := (*Error)(nil); said(err) || errors.As(err, &known) {
			return nil, err
		}
		if ctx.Err() == nil {
			s.rest(server, err)
		}
		problems = append(problems, fmt.Errorf("%s: %w", server.Host, err))
	}
	return nil, outage(ReasonDirectory, "no server answers: %w", errors.Join(problems...))
}

// connect makes a connection that is as safe as the configuration wants it.
func (s *ldapServers) connect(ctx context.Context, server *url.URL) (*ldapConn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(server))
	if err != nil {
		return nil, err
	}
	c := &ldapConn{server: server, wire: &ldapWire{Conn: raw}, timeout: s.cfg.Timeout}
	c.wire.left.Store(maxAnswer)
	if err := c.secure(ctx, s.cfg.StartTLS, s.tlsConfig(server)); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (s *ldapServers) tlsConfig(server *url.URL) *tls.Config {
	return &tls.Config{ServerName: server.Hostname(), RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

func address(server *url.URL) string {
	port := server.Port()
	if port == "" {
		port = map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[server.Scheme]
	}
	return net.JoinHostPort(server.Hostname(), port)
}

// take returns the connection used last, nil if none is fit for use.
func (s *ldapServers) take() *ldapConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if !c.conn.IsClosing() && s.cfg.Now().Sub(c.since) < idleFor {
			return c
		}
		c.close()
	}
	return nil
}

// settle keeps a connection on which a search ended well, be it with a refusal,
// and closes any other. It tells which it did.
func (s *ldapServers) settle(c *ldapConn, err error) (well bool) {
	well = err == nil || said(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !well || len(s.idle) >= maxIdle {
		c.close()
		return well
	}
	c.since = s.cfg.Now()
	s.idle = append(s.idle, c)
	return well
}

func (s *ldapServers) rest(server *url.URL, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[server] = ldapFailure{s.cfg.Now(), err}
}

func (s *ldapServers) resting(server *url.URL) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	failure, ok := s.failed[server]
	if !ok || s.cfg.Now().Sub(failure.at) >= coolDown {
		return nil
	}
	return fmt.Errorf("%s failed lately: %w", server.Host, failure.err)
}
