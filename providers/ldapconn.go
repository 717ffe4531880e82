package providers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ldapConn is one connection to one server.
type ldapConn struct {
	server  *url.URL
	wire    *ldapWire
	conn    *ldap.Conn // nil until it is secure
	timeout time.Duration
	since   time.Time // idle since
}

// errTooLarge is an answer of more than maxAnswer bytes. It is the entry's
// fault and not the server's: whoever may write their own entry must not be
// able to have servers left alone.
var errTooLarge = errors.New("the answer is too large")

// ldapWire counts what one answer may be long.
type ldapWire struct {
	net.Conn
	left atomic.Int64
}

func (w *ldapWire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.left.Add(-int64(n)) < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// secure does the handshake of TLS, at once or after StartTLS (RFC 4511 section
// 4.14). There is no way on without it: ctx or a refusal end the connection.
func (c *ldapConn) secure(ctx context.Context, startTLS bool, config *tls.Config) error {
	if c.server.Scheme == "ldaps" {
		conn := tls.Client(c.wire, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			return err
		}
		c.conn = ldap.NewConn(conn, true)
		c.conn.Start()
		return nil
	}
	c.conn = ldap.NewConn(c.wire, false)
	c.conn.Start()
	if !startTLS {
		return nil
	}
	err := c.do(ctx, func() error { return c.conn.StartTLS(config) })
	if err != nil {
		return fmt.Errorf("StartTLS: %v", err) //nolint:errorlint // said() must not take the refusal for an answer to a bind
	}
	return nil
}

// do runs one operation. When its time is over, or an answer is too large, the
// connection ends, because the library knows no other way out of a read.
func (c *ldapConn) do(ctx context.Context, operation func() error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.wire.Close() })
	defer stop()
	c.wire.left.Store(maxAnswer)
	err := operation()
	switch {
	case err == nil || said(err):
		return err
	case c.wire.left.Load() < 0:
		return errTooLarge
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

func (c *ldapConn) bind(ctx context.Context, dn, password string) error {
	return c.do(ctx, func() error { return c.conn.Bind(dn, password) })
}

// search returns entries, also those before an error. References to other
// servers (RFC 4511 section 4.5.3) are not followed: our password is not theirs.
func (c *ldapConn) search(ctx context.Context, request *ldap.SearchRequest) (found []*ldap.Entry, err error) {
	err = c.do(ctx, func() error {
		result, err := c.conn.Search(request)
		if result != nil {
			found = result.Entries
		}
		return err
	})
	return found, err
}

// close ends the connection. The wire goes first: the library says goodbye and
// waits for its own reader.
func (c *ldapConn) close() {
	_ = c.wire.Close()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// said tells a server's answer from a failure on the way to it. A server that
// says that it cannot at the moment has failed.
func said(err error) bool {
	var answer *ldap.Error
	return errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork && !slices.Contains([]uint16{
		ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultOther,
	}, answer.ResultCode)
}

// refusesPerson tells the answers to a bind that are about who binds: a wrong
// password, and what servers answer for accounts that are locked, disabled or
// have none.
func refusesPerson(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject,
		ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultConstraintViolation,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultInsufficientAccessRights)
}

// asOutage makes an *Error of what went wrong with a server. nil stays nil.
func asOutage(err error) error {
	var known *Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, errTooLarge):
		return refused(ReasonEntry, "%w", err)
	case said(err):
		return outage(ReasonDirectorySays, "%w", err)
	}
	return outage(ReasonDirectory, "%w", err)
}
