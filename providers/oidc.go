package providers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/markbates/goth"
)

// OIDCConfig describes one OpenID Connect provider. Providers differ in this
// data and not in code.
type OIDCConfig struct {
	Slot          string
	Label         string // defaults to Slot
	Type          string // defaults to "oidc"
	Issuer        string // compared exactly; https, or http on loopback
	ClientID      string
	ClientSecret  string            // empty for a public client
	Scopes        []string          // defaults to openid profile email; openid is always asked for
	GroupsClaim   string            // a dot path, defaults to groups
	EmailVerified string            // "required" (default) or "trusted"
	HTTPClient    *http.Client      // its transport and a shorter timeout are honoured; nil is fine
	Now           func() time.Time  // defaults to time.Now
	AuthParams    map[string]string // further parameters of the authorization request
	Hosted        func() string     // Google shows the accounts of this domain alone; "" and nil are all
}

// OIDC is an OpenID Connect provider. It is immutable but for what it caches of
// the provider's public documents, which it fetches when they are first needed:
// it can be made while the provider is down.
type OIDC struct {
	cfg       OIDCConfig
	client    *http.Client
	discovery remote[metadata]
	keys      keySet
}

var (
	_ Provider   = (*OIDC)(nil)
	_ EndSession = (*OIDC)(nil)
	_ Anew       = (*OIDC)(nil)
)

// NewOIDC makes a provider without asking it anything. The error names every
// value that is wrong and is no *Error.
func NewOIDC(cfg OIDCConfig) (*OIDC, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("provider %s: %w", cfg.Slot, err)
	}
	o := &OIDC{cfg: cfg, client: newClient(cfg.HTTPClient)}
	o.discovery.now, o.keys.now = cfg.Now, cfg.Now
	o.discovery.fetch = func(ctx context.Context) (metadata, error) {
		return discover(ctx, o.client, cfg.Issuer)
	}
	o.keys.fetch = o.fetchKeys
	return o, nil
}

const googleIssuer = "https://accounts.google.com"

// Hosts tells whether a provider of that type says by "hd" which organisation
// hosts an account.
func Hosts(kind, issuer string) bool {
	return kind == "google" || issuer == googleIssuer || issuer == iapIssuer
}

// NewGoogle makes the provider for Google, which is OpenID Connect with its
// own defaults. What cfg.Hosted gives only preselects a domain there;
// Claim.HostedDomain is what to judge.
func NewGoogle(cfg OIDCConfig) (*OIDC, error) {
	cfg.Slot = cmp.Or(cfg.Slot, "google")
	cfg.Label = cmp.Or(cfg.Label, "Google")
	cfg.Type = "google"
	cfg.Issuer = cmp.Or(cfg.Issuer, googleIssuer)
	params := map[string]string{"prompt": "select_account"}
	maps.Copy(params, cfg.AuthParams)
	cfg.AuthParams = params
	return NewOIDC(cfg)
}

func (c OIDCConfig) withDefaults() OIDCConfig {
	c.Label = cmp.Or(c.Label, c.Slot)
	c.Type = cmp.Or(c.Type, "oidc")
	c.GroupsClaim = cmp.Or(c.GroupsClaim, "groups")
	c.EmailVerified = cmp.Or(c.EmailVerified, "required")
	c.Scopes = slices.Clone(c.Scopes)
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile", "email"}
	}
	if !slices.Contains(c.Scopes, "openid") {
		c.Scopes = append([]string{"openid"}, c.Scopes...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c OIDCConfig) check() error {
	var problems []error
	if c.Slot == "" || c.ClientID == "" {
		problems = append(problems, errors.New("slot and client id are required"))
	}
	if u, err := checkURL(c.Issuer, true); err != nil {
		problems = append(problems, fmt.Errorf("issuer: %w", err))
	} else if u.RawQuery != "" || u.ForceQuery {
		problems = append(problems, errors.New("issuer: must have no query"))
	}
	if c.EmailVerified != "required" && c.EmailVerified != "trusted" {
		problems = append(problems, fmt.Errorf("email verified: %q is neither required nor trusted", c.EmailVerified))
	}
	if c.EmailVerified == "trusted" && Public(c.Issuer) {
		problems = append(problems, errors.New("email verified: cannot be trusted at an issuer where anybody may have an account"))
	}
	for name := range c.AuthParams {
		if ownParameter(name) {
			problems = append(problems, fmt.Errorf("%s is not for the configuration to set", name))
		}
	}
	return errors.Join(problems...)
}

// ownParameter says whether the flow itself sets a parameter of the
// authorization request, so that configuration cannot weaken it.
func ownParameter(name string) bool {
	return slices.Contains([]string{
		"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce",
		"code_challenge", "code_challenge_method", "request", "request_uri",
	}, name)
}

// Info implements Provider.
func (o *OIDC) Info() Info {
	return Info{Slot: o.cfg.Slot, Label: o.cfg.Label, Type: o.cfg.Type, Issuer: o.cfg.Issuer}
}

// String keeps the client secret out of logs.
func (o *OIDC) String() string { return "OIDC provider " + o.cfg.Slot }

// Begin implements Provider.
func (o *OIDC) Begin(ctx context.Context, a Attempt) (string, error) {
	l, err := o.login(ctx, a)
	if err != nil {
		return "", err
	}
	s, err := l.BeginAuth(a.State)
	if err != nil {
		return "", err
	}
	return s.GetAuthURL()
}

// SignsInAnew implements Anew. Google knows neither prompt=login nor max_age, and
// says when it asked only where that was agreed on with it.
func (o *OIDC) SignsInAnew() bool { return !Hosts(o.cfg.Type, o.cfg.Issuer) }

// Check implements Provider. An issuer that is sent is compared without asking
// the provider anything; whether a missing one matters is for its discovery
// document to say (RFC 9207 section 2.4).
func (o *OIDC) Check(ctx context.Context, cb Callback) error {
	if cb.Issuer != "" && cb.Issuer != o.cfg.Issuer {
		return refused(ReasonIssuer, "the callback is of the issuer %.256q", cb.Issuer)
	}
	if cb.Issuer == "" {
		m, err := o.discovery.get(ctx, freshFor)
		if err != nil {
			return err
		}
		if m.SendsIssuer {
			return refused(ReasonIssuer, "the callback names no issuer, and the provider promises one")
		}
	}
	return judgeError(cb.Error)
}

// Finish implements Provider. It checks the callback again, so that no caller
// can forget to.
func (o *OIDC) Finish(ctx context.Context, a Attempt, cb Callback) (Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	if err := o.Check(ctx, cb); err != nil {
		return Claim{}, err
	}
	l, err := o.login(ctx, a)
	if err != nil {
		return Claim{}, err
	}
	user, err := fetchUser(l, a, cb.Code)
	if err != nil {
		return Claim{}, err
	}
	return o.claim(user)
}

// Ready implements Provider.
func (o *OIDC) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	return o.discovery.refresh(ctx, lately)
}

// EndSessionURL implements EndSession.
func (o *OIDC) EndSessionURL(ctx context.Context, idToken, returnTo string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	m, err := o.discovery.get(ctx, freshFor)
	if err != nil || m.EndSession == "" {
		return "", false
	}
	u, err := url.Parse(m.EndSession)
	if err != nil {
		return "", false
	}
	q := u.Query()
	q.Set("client_id", o.cfg.ClientID)
	q.Set("post_logout_redirect_uri", returnTo)
	if idToken != "" {
		q.Set("id_token_hint", idToken)
	}
	u.RawQuery = q.Encode()
	return u.String(), true
}

func (o *OIDC) login(ctx context.Context, a Attempt) (*login, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.Nonce == "" {
		return nil, refused(ReasonAttempt, "no nonce")
	}
	if !a.FreshSince.IsZero() && !o.SignsInAnew() {
		return nil, errNotAnew
	}
	m, err := o.discovery.get(ctx, freshFor)
	if err != nil {
		return nil, err
	}
	return &login{oidc: o, ctx: ctx, metadata: m, attempt: a}, nil
}

func (o *OIDC) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	m, err := o.discovery.get(ctx, freshFor)
	if err != nil {
		return nil, err
	}
	return fetchKeys(ctx, o.client, m.JWKS)
}

// fullClaims asks userinfo (OpenID Connect Core section 5.3) when the ID token
// leaves out something that is wanted.
func (o *OIDC) fullClaims(ctx context.Context, m metadata, s *session) (map[string]any, error) {
	claims := wanted(s.claims, o.cfg.GroupsClaim)
	if m.Userinfo == "" || o.saysAll(claims) {
		return claims, nil
	}
	var userinfo map[string]any
	if _, err := getJSON(ctx, o.client, m.Userinfo, s.accessToken, &userinfo); err != nil {
		return nil, outage(ReasonUserinfo, "userinfo: %w", err)
	}
	if text(userinfo, "sub") != text(claims, "sub") {
		return nil, refused(ReasonUserinfoSub, "userinfo is about somebody else")
	}
	hear(ctx, "userinfo", userinfo)
	delete(userinfo, "amr") // how and when somebody signed in is for the signed ID token to say
	delete(userinfo, "auth_time")
	complete(claims, wanted(userinfo, o.cfg.GroupsClaim))
	return claims, nil
}

func (o *OIDC) saysAll(claims map[string]any) bool {
	return text(claims, "email") != "" && text(claims, "name") != "" && claims["groups"] != nil &&
		(claims["email_verified"] != nil || o.cfg.EmailVerified == "trusted")
}

// claim applies the slot's e-mail policy. A provider that is trusted vouches
// for every address it sends.
func (o *OIDC) claim(user goth.User) (Claim, error) {
	raw := user.RawData
	verified := user.Email != "" && (isTrue(raw["email_verified"]) || o.cfg.EmailVerified == "trusted")
	if !verified && o.cfg.EmailVerified == "required" {
		return Claim{}, refused(ReasonUnverified, "email_verified is missing or not true")
	}
	return Claim{
		Issuer:        o.cfg.Issuer,
		Subject:       user.UserID,
		Email:         user.Email,
		EmailVerified: verified,
		Hosted:        Hosts(o.cfg.Type, o.cfg.Issuer),
		HostedDomain:  text(raw, "hd"),
		Name:          user.Name,
		Username:      user.NickName,
		Groups:        texts(raw["groups"]),
		AMR:           texts(raw["amr"]),
		AuthTime:      instant(raw, "auth_time"),
		IDToken:       user.IDToken,
	}, nil
}
