package providers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What refuses a header before anything is read of it.
const (
	ReasonHeaderPeer      = "header_peer"      // the request came from an address that may not send the header
	ReasonHeaderMissing   = "header_missing"   // no such header, or an empty one
	ReasonHeaderAmbiguous = "header_ambiguous" // twice, in another spelling, or several values in one
	ReasonHeaderMalformed = "header_malformed" // too long, or not readable text
)

// HeaderConfig describes a proxy in front of us that signs people in and says so
// in a header. What each kind needs:
//
//	kind        field                   setting, with the prefix HEADER_
//	any         Kind                    LOGIN: iap, cloudflare, dagpass, jwt, alb or plain; empty is off
//	            Label                   LABEL
//	            From                    FROM: addresses and networks; plain must have it
//	            EmailVerified           EMAIL_VERIFIED: trusted or empty
//	iap         Audience                AUDIENCE
//	cloudflare  Issuer, Audience        ISSUER (https://TEAM.cloudflareaccess.com), AUDIENCE
//	dagpass     Issuer, Audience        ISSUER (the other's public URL and /auth), AUDIENCE (its UPSTREAM_NAME)
//	jwt         Issuer, Audience,       ISSUER, AUDIENCE,
//	            KeysURL, Assertion      KEYS_URL, ASSERTION
//	alb         Issuer, Audience,       ISSUER, AUDIENCE (the client id),
//	            Signer                  SIGNER (the load balancer's ARN)
//	plain       User, and if wanted     USER,
//	            Email, Name, Groups     EMAIL, FULL_NAME, GROUPS
//
// KeysURL (KEYS_URL) may replace where iap, cloudflare, dagpass and alb publish
// their keys; GroupsClaim (GROUPS_CLAIM) is for all that are signed. A field
// that a kind does not read is refused: its author believes it to be checked.
type HeaderConfig struct {
	Slot          string // defaults to header
	Label         string // defaults to a name of the kind
	Kind          string
	Issuer        string // compared exactly
	Audience      string // compared exactly
	KeysURL       string // a JWKS; for alb the address below which each key is a file
	Signer        string // the ARN of an AWS load balancer, compared exactly
	Assertion     string // the header that carries a JWT
	GroupsClaim   string // a dot path, defaults to groups
	User          string // the names of plain headers
	Email         string
	Name          string
	Groups        string
	From          []netip.Prefix   // who may send the header: the peer itself, nobody it speaks for
	EmailVerified string           // "trusted", or empty: as far as the assertion says so
	HTTPClient    *http.Client     // its transport and a shorter timeout are honoured; nil is fine
	Now           func() time.Time // defaults to time.Now
}

// Header is a Witness. What it reads of a request is the one header that its
// kind names (of a plain one, the headers that are configured), nothing else.
type Header struct {
	cfg HeaderConfig
	// read verifies an assertion and returns its claims; plain has none.
	read func(context.Context, string) (map[string]any, error)
	keys keySet
}

var _ Witness = (*Header)(nil)

// NewHeader makes a witness without asking anybody anything. The error names
// every setting that is wrong, as HEADER_ISSUER and so on, one a line, and is no
// *Error.
func NewHeader(cfg HeaderConfig) (*Header, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	client := newClient(cfg.HTTPClient)
	w := &Header{cfg: cfg}
	w.keys.now = cfg.Now
	w.keys.fetch = func(ctx context.Context) ([]jose.JSONWebKey, error) { return fetchKeys(ctx, client, cfg.KeysURL) }
	w.read = w.readJWT
	if cfg.Kind == kindALB {
		w.read = (&loadBalancer{cfg: cfg, keys: newKeyFiles(client, cfg.KeysURL, cfg.Now)}).read
	}
	return w, nil
}

// HeaderIssuer is who a proxy of a kind speaks for: whom the configuration names,
// else the kind's own issuer.
func HeaderIssuer(kind, issuer string) string { return cmp.Or(issuer, headerKinds()[kind].issuer) }

func (c HeaderConfig) withDefaults() HeaderConfig {
	k := headerKinds()[c.Kind]
	c.Slot = cmp.Or(c.Slot, "header")
	c.Label = cmp.Or(c.Label, k.label)
	c.Issuer = HeaderIssuer(c.Kind, c.Issuer)
	c.Assertion = cmp.Or(c.Assertion, k.assertion)
	c.GroupsClaim = cmp.Or(c.GroupsClaim, "groups")
	if c.KeysURL == "" && k.keysURL != nil {
		c.KeysURL = k.keysURL(c)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c HeaderConfig) check() error {
	if _, ok := headerKinds()[c.Kind]; !ok {
		return fmt.Errorf("HEADER_LOGIN: %q is none of iap, cloudflare, dagpass, jwt, alb and plain", c.Kind)
	}
	problems := append(c.checkFields(), c.checkFrom()...)
	if c.EmailVerified != "" && c.EmailVerified != "trusted" {
		problems = append(problems, fmt.Errorf("HEADER_EMAIL_VERIFIED: %q is not trusted", c.EmailVerified))
	}
	if c.EmailVerified == "trusted" && c.Issuer != "" && Public(c.Issuer) {
		problems = append(problems, errors.New("HEADER_EMAIL_VERIFIED: cannot be trusted at an issuer where anybody may have an account"))
	}
	return errors.Join(problems...)
}

// headerName is how a header's name is written in the configuration. Names with
// "_" are no good: servers drop them or take them for "-".
var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// checkFields holds each field against the kinds that need it, and those that may have it.
func (c HeaderConfig) checkFields() (problems []error) {
	const signed = "iap cloudflare dagpass jwt alb"
	for _, f := range []struct {
		name, value, need, may string
		judge                  func(string) error
	}{
		{"ISSUER", c.Issuer, "cloudflare dagpass jwt alb", "", c.checkIssuer},
		{"AUDIENCE", c.Audience, signed, "", nil},
		{"KEYS_URL", c.KeysURL, "jwt", signed, checkKeysURL},
		{"SIGNER", c.Signer, "alb", "", c.checkSigner},
		{"ASSERTION", c.Assertion, "jwt", "", checkHeaderName},
		{"GROUPS_CLAIM", c.GroupsClaim, "", signed, nil},
		{"USER", c.User, "plain", "", checkHeaderName},
		{"EMAIL", c.Email, "", "plain", checkHeaderName},
		{"FULL_NAME", c.Name, "", "plain", checkHeaderName},
		{"GROUPS", c.Groups, "", "plain", checkHeaderName},
	} {
		needed := slices.Contains(strings.Fields(f.need), c.Kind)
		allowed := needed || slices.Contains(strings.Fields(f.may), c.Kind)
		switch {
		case f.value == "" && needed:
			problems = append(problems, fmt.Errorf("HEADER_%s is missing; %s needs it", f.name, c.Kind))
		case f.value != "" && !allowed:
			problems = append(problems, fmt.Errorf("HEADER_%s is not read with HEADER_LOGIN=%s", f.name, c.Kind))
		case f.value != "" && f.judge != nil:
			if err := f.judge(f.value); err != nil {
				problems = append(problems, fmt.Errorf("HEADER_%s: %w", f.name, err))
			}
		}
	}
	return problems
}

// checkIssuer wants a URL, but for jwt, where a bare host name will do (Pomerium
// sends one) unless it is that of an issuer for all the world. A single word is refused: accounts that are kept here, and plain
// headers, have such issuers.
func (c HeaderConfig) checkIssuer(issuer string) error {
	if c.Kind == kindJWT && strings.Contains(issuer, ".") && !strings.Contains(issuer, "://") && !Public("https://"+issuer) {
		return nil
	}
	u, err := checkURL(issuer, true)
	switch {
	case err != nil:
		return err
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("must have no query")
	case c.Kind == kindCloudflare && u.Path != "":
		return errors.New("is https://TEAM.cloudflareaccess.com, without a slash at the end")
	case c.Kind == kindDagpass && !strings.HasSuffix(u.Path, "/auth"):
		return errors.New("is the public URL of the other Dagpass and /auth")
	}
	return nil
}

func checkKeysURL(raw string) error {
	_, err := checkURL(raw, true)
	return err
}

func checkHeaderName(name string) error {
	if !headerName.MatchString(name) {
		return fmt.Errorf("%q is not the name of a header (letters, digits and -)", name)
	}
	return nil
}

// shortestFrom is the widest network that may send a header, in bits: wider ones
// are no named addresses.
const shortestFrom = 8

func (c HeaderConfig) checkFrom() (problems []error) {
	if c.Kind == kindPlain && len(c.From) == 0 {
		problems = append(problems, errors.New("HEADER_FROM is missing; without it anybody could sign in as anybody"))
	}
	for _, p := range c.From {
		switch {
		case !p.IsValid() || p.Addr().Is4In6():
			problems = append(problems, fmt.Errorf("HEADER_FROM: %q is not a network", p))
		case p.Bits() < shortestFrom:
			problems = append(problems, fmt.Errorf("HEADER_FROM: %s is too wide; name the proxy's addresses", p))
		}
	}
	return problems
}

// Info implements Source.
func (w *Header) Info() Info {
	return Info{Slot: w.cfg.Slot, Label: w.cfg.Label, Type: "header", Issuer: w.cfg.Issuer}
}

// Ready implements Source. Where there is no one document with all keys, there
// is nothing to ask before somebody comes.
func (w *Header) Ready(ctx context.Context) error {
	if w.cfg.Kind == kindPlain || w.cfg.Kind == kindALB {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	return w.keys.refresh(ctx, lately)
}

// SignIn implements Witness. It judges who sent the request before it reads
// the header, and all of the assertion before it believes any of it.
func (w *Header) SignIn(ctx context.Context, h map[string][]string, peer netip.Addr) (Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if !w.mayCome(peer) {
		return Claim{}, refused(ReasonHeaderPeer, "the request came from %s", peer)
	}
	if w.cfg.Kind == kindPlain {
		hear(ctx, "headers", w.plainHeard(h))
		return w.plain(h)
	}
	token, err := assertionIn(h, w.cfg.Assertion)
	if err != nil {
		return Claim{}, err
	}
	claims, err := w.read(ctx, token)
	if err != nil {
		return Claim{}, err
	}
	hear(ctx, "assertion", claims)
	return w.claim(claims), nil
}

func (w *Header) mayCome(peer netip.Addr) bool {
	peer = peer.Unmap().WithZone("")
	return len(w.cfg.From) == 0 || slices.ContainsFunc(w.cfg.From, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// only returns the value of the one header of that name. Two of them, or one
// that only some servers read under this name, may be one of the proxy's and one
// of a stranger's: nobody can tell which.
func only(h map[string][]string, name string) (string, error) {
	var values []string
	for spelled, lines := range h {
		if spelling(spelled) != spelling(name) {
			continue
		}
		if !strings.EqualFold(spelled, name) {
			return "", refused(ReasonHeaderAmbiguous, "%s is there in another spelling", name)
		}
		values = append(values, lines...)
	}
	switch {
	case len(values) > 1:
		return "", refused(ReasonHeaderAmbiguous, "%s is there %d times", name, len(values))
	case len(values) == 0 || strings.TrimSpace(values[0]) == "":
		return "", refused(ReasonHeaderMissing, "%s is missing or empty", name)
	}
	return strings.TrimSpace(values[0]), nil
}

// spelling brings a header's name to the form in which servers that take "_" or
// "." for "-" compare it.
func spelling(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

// maxAssertion bounds an assertion, in bytes. A load balancer's may have 11 KB
// of claims.
const maxAssertion = 16 << 10

func assertionIn(h map[string][]string, name string) (string, error) {
	token, err := only(h, name)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(token, ","):
		return "", refused(ReasonHeaderAmbiguous, "%s has several values", name)
	case len(token) > maxAssertion:
		return "", refused(ReasonHeaderMalformed, "%s is too long", name)
	}
	return token, nil
}
