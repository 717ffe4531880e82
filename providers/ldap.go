package providers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
	// the server's kind and on the name: see defaultUserFilter.
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

const (
	maxName     = 256  // bytes of a name that is typed, and of one that is shown
	maxPassword = 1024 // bytes
	maxSignIns  = 16   // that ask one directory at the same time; each takes two connections
)

// LDAP signs people in at a directory: it searches the entry of the name and
// binds as that entry with the password. It is immutable but for idle
// connections and for what it remembers of the servers.
//
// Accounts that are disabled, expired or locked need no logic here: a directory
// (Active Directory by userAccountControl, accountExpires and lockoutTime)
// refuses their bind as if the password were wrong, and so do we.
type LDAP struct {
	cfg       LDAPConfig
	base      *ldap.DN
	groupBase *ldap.DN
	servers   *ldapServers
	kind      remote[ldapKind]
	slots     chan struct{}
}

// ldapKind is what the servers say of themselves.
type ldapKind struct{ active bool } // Active Directory

var _ Directory = (*LDAP)(nil)

// NewLDAP makes a directory without asking it anything; it reads CAFile. The
// error names every value that is wrong and is no *Error.
func NewLDAP(cfg LDAPConfig) (*LDAP, error) {
	cfg = cfg.withDefaults()
	servers, serversErr := newLDAPServers(cfg)
	base, baseErr := parseBase(cfg.BaseDN)
	groupBase, groupErr := parseBase(cfg.GroupBaseDN)
	if err := errors.Join(serversErr, baseErr, groupErr, cfg.check()); err != nil {
		return nil, fmt.Errorf("provider %s: %w", cfg.Slot, err)
	}
	l := &LDAP{cfg: cfg, base: base, groupBase: groupBase, servers: servers, slots: make(chan struct{}, maxSignIns)}
	l.kind.now, l.kind.fetch = cfg.Now, l.askKind
	return l, nil
}

func (c LDAPConfig) withDefaults() LDAPConfig {
	c.Slot = cmp.Or(c.Slot, "ldap")
	c.Label = cmp.Or(c.Label, "Directory")
	c.GroupBaseDN = cmp.Or(c.GroupBaseDN, c.BaseDN)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c LDAPConfig) check() error {
	var problems []error
	if (c.BindDN == "") != (c.BindPassword == "") {
		problems = append(problems, errors.New("bind DN and bind password belong together"))
	}
	if c.UserFilter != "" {
		problems = append(problems, checkFilter("user filter", c.UserFilter, "{username}"))
	}
	if c.GroupFilter != "" {
		problems = append(problems, checkFilter("group filter", c.GroupFilter, "{dn}", "{username}"))
	}
	return errors.Join(problems...)
}

func parseBase(dn string) (*ldap.DN, error) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 {
		return nil, fmt.Errorf("base DN: %q is no distinguished name", dn)
	}
	return parsed, nil
}

// Info implements Source. The issuer is the branch, because several servers are
// one directory.
func (l *LDAP) Info() Info {
	return Info{Slot: l.cfg.Slot, Label: l.cfg.Label, Type: "ldap", Issuer: "ldap:" + normalDN(l.base)}
}

// String keeps the password out of logs.
func (l *LDAP) String() string { return "LDAP directory " + l.cfg.Slot }

// Ready implements Source.
func (l *LDAP) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	return l.kind.refresh(ctx, lately)
}

// capActiveDirectory is LDAP_CAP_ACTIVE_DIRECTORY_OID (MS-ADTS 3.1.1.3.4.3.1).
const capActiveDirectory = "1.2.840.113556.1.4.800"

// askKind reads the root DSE (RFC 4512 section 5.1). A server that keeps it to
// itself is no Active Directory.
func (l *LDAP) askKind(ctx context.Context) (ldapKind, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	found, err := l.servers.search(ctx, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases,
		1, 0, false, "(objectClass=*)", []string{"supportedCapabilities"}, nil))
	if err != nil && !said(err) {
		return ldapKind{}, asOutage(err)
	}
	var kind ldapKind
	for _, root := range found {
		for _, capability := range root.GetEqualFoldAttributeValues("supportedCapabilities") {
			kind.active = kind.active || capability == capActiveDirectory
		}
	}
	return kind, nil
}

// SignIn implements Directory. The name may be a bare one, an e-mail address,
// user@domain of Active Directory, or DOMAIN\user.
func (l *LDAP) SignIn(ctx context.Context, username, password string) (Claim, error) {
	name := BareName(username)
	if !typable(name) {
		return Claim{}, refused(ReasonUnknownName, "a name that no entry can have")
	}
	if !bindable(password) {
		return Claim{}, refused(ReasonWrongPassword, "a password that no entry can have")
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return Claim{}, outage(ReasonDirectory, "too many sign-ins at once: %w", ctx.Err())
	}
	return l.signIn(ctx, name, password)
}

func (l *LDAP) signIn(ctx context.Context, name, password string) (Claim, error) {
	kind, err := l.kind.get(ctx, freshFor)
	if err != nil {
		return Claim{}, err
	}
	person, err := l.find(ctx, kind, name)
	if errors.Is(err, errNoEntry) {
		return Claim{}, cmp.Or(l.bindNobody(ctx, password), err)
	}
	if err != nil {
		return Claim{}, err
	}
	if err := l.servers.bind(ctx, person.DN, password); err != nil {
		return Claim{}, err
	}
	groups, err := l.groups(ctx, kind, person)
	if err != nil {
		return Claim{}, err
	}
	hear(ctx, "entry", entryHeard(person, groups))
	return l.claim(kind, person, groups)
}

// BareName is what a directory is asked for. It leaves out what stands before a
// backslash: the NetBIOS name of a domain is not in the entry, so that it says
// nothing. OTHER\alice is alice here, her password decides, and failed attempts
// count as hers.
func BareName(username string) string {
	if _, name, cut := strings.Cut(username, `\`); cut {
		username = name
	}
	return strings.TrimSpace(username)
}

func typable(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// bindable refuses what a server could take for no password at all, which is
// an unauthenticated bind and succeeds (RFC 4513 section 5.1.2). A zero byte is
// the end of the password for a server that reads it as C does.
func bindable(password string) bool {
	return password != "" && len(password) <= maxPassword && !strings.Contains(password, "\x00")
}

// errNoEntry is a name that nobody has.
var errNoEntry = refused(ReasonUnknownName, "no entry has this name")

// find returns the one entry of a name.
func (l *LDAP) find(ctx context.Context, kind ldapKind, name string) (*ldap.Entry, error) {
	filter := cmp.Or(l.cfg.UserFilter, defaultUserFilter(kind, name))
	// One entry more than are wanted tells that they are several.
	found, err := l.servers.search(ctx, ldap.NewSearchRequest(l.cfg.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
		2, 0, false, fill(filter, "", name), personAttributes, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || len(found) > 1 {
		return nil, refused(ReasonAmbiguous, "several entries have the name %.256q", name)
	}
	if err != nil {
		return nil, asOutage(err)
	}
	if len(found) == 0 {
		return nil, errNoEntry
	}
	if dn, err := ldap.ParseDN(found[0].DN); err != nil || !l.base.AncestorOfFold(dn) {
		return nil, refused(ReasonEntry, "the directory answers with an entry that is not below the base: %.256q", found[0].DN)
	}
	if l.cfg.UserFilter == "" && !named(found[0], name) {
		return nil, errNoEntry
	}
	return found[0], nil
}

// named holds a name against the entry that it found, for directories compare
// loosely: OpenLDAP leaves out blanks, Active Directory accents and what is not
// seen. Were all those ways to write a name accepted, failed attempts could be
// spread over them.
func named(person *ldap.Entry, name string) bool {
	lower := strings.ToLower(name) // as attempts are counted; EqualFold takes ſ for s
	for _, attribute := range []string{"uid", "sAMAccountName", "userPrincipalName", "mail"} {
		for _, value := range person.GetEqualFoldAttributeValues(attribute) {
			if strings.ToLower(value) == lower {
				return true
			}
		}
	}
	return false
}

// bindNobody binds as an entry that cannot be there, so that a name nobody has
// takes a connection and a bind too. What the directory itself needs to compare
// a password is out of our hands. It returns nil or an outage.
func (l *LDAP) bindNobody(ctx context.Context, password string) error {
	err := l.servers.bind(ctx, "cn=dagpass-unknown-name,"+l.cfg.BaseDN, password)
	if known := (*Error)(nil); errors.As(err, &known) && known.Outage {
		return err
	}
	return nil
}
