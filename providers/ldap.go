package providers

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// LDAPConfig describes one directory: OpenLDAP, Active Directory and their like.
type LDAPConfig struct {
	Slot  string // defaults to "ldap"
	Label string // defaults to "Directory"
	// URLs are servers with the same contents, tried in this order: ldaps://,
	// or ldap:// with StartTLS. Plain ldap:// is for loopback alone.
	URLs []string
	// StartTLS secures ldap:// connections before anything is said on them. A
	// server that cannot is not used.
	StartTLS bool
	// CAFile names a PEM file of the authorities to trust instead of the system's.
	CAFile string
	// BindDN and BindPassword are the account that searches. Both are empty
	// where anybody may search.
	BindDN, BindPassword string
	// BaseDN is the branch that people, and groups, are below.
	BaseDN string
	// UserFilter finds the one entry of a {username}. The default depends on
	// the server's kind: see docs/providers.md.
	UserFilter string
	// GroupBaseDN is the branch that groups count below, BaseDN if empty.
	GroupBaseDN string
	// GroupFilter finds the groups of {dn} and {username}. If there is one,
	// memberOf does not count.
	GroupFilter string
	// EmailTrusted says that people cannot write their own mail attribute.
	EmailTrusted bool
	// Timeout is for a connection and for each operation; defaults to 5 s.
	Timeout time.Duration
	Now     func() time.Time // defaults to time.Now
}

// LDAP signs people in at a directory by search and bind. It is immutable but
// for idle connections and for what it remembers of servers that failed.
type LDAP struct {
	cfg       LDAPConfig
	base      *ldap.DN
	groupBase *ldap.DN
	tls       *tls.Config
}

var _ Directory = (*LDAP)(nil)

// NewLDAP makes a directory without asking it anything; it reads CAFile. The
// error names every value that is wrong and is no *Error.
func NewLDAP(cfg LDAPConfig) (*LDAP, error) {
	cfg.Slot = cmp.Or(cfg.Slot, "ldap")
	cfg.Label = cmp.Or(cfg.Label, "Directory")
	cfg.GroupBaseDN = cmp.Or(cfg.GroupBaseDN, cfg.BaseDN)
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &LDAP{cfg: cfg}, nil // TODO ldap
}

// Info implements Source. The issuer is the branch, because several servers
// are one directory.
func (l *LDAP) Info() Info {
	return Info{Slot: l.cfg.Slot, Label: l.cfg.Label, Type: "ldap", Issuer: "ldap:" + strings.ToLower(l.base.String())}
}

// String keeps the password out of logs.
func (l *LDAP) String() string { return "LDAP directory " + l.cfg.Slot }

// Ready implements Source.
func (l *LDAP) Ready(ctx context.Context) error { return errors.ErrUnsupported } // TODO ldap

// SignIn implements Directory.
func (l *LDAP) SignIn(ctx context.Context, username, password string) (Claim, error) {
	return Claim{}, outage(ReasonDirectory, "%w", errors.ErrUnsupported) // TODO ldap
}

var _ = fmt.Sprint
var _ = url.Parse
