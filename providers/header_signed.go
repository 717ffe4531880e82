package providers

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // exact names, none twice
)

// The kinds of headers.
const (
	kindIAP        = "iap"
	kindCloudflare = "cloudflare"
	kindDagpass    = "dagpass"
	kindJWT        = "jwt"
	kindALB        = "alb"
	kindPlain      = "plain"
)

// The issuer of Google's Identity-Aware Proxy, and how it begins the subject of
// a Google account. People of other directories have other beginnings.
const (
	iapIssuer  = "https://cloud.google.com/iap"
	iapAccount = "accounts.google.com:"
)

// plainIssuer is the issuer of whoever a plain header names.
const plainIssuer = "header"

// headerKind is what a kind of proxy fixes. An assertion's algorithm is never
// its own to choose.
type headerKind struct {
	label, issuer, assertion string
	keysURL                  func(HeaderConfig) string
	algorithms               []jose.SignatureAlgorithm
}

func headerKinds() map[string]headerKind {
	at := func(path string) func(HeaderConfig) string {
		return func(c HeaderConfig) string { return strings.TrimSuffix(c.Issuer, "/") + path }
	}
	es256 := []jose.SignatureAlgorithm{jose.ES256}
	return map[string]headerKind{
		kindIAP: {
			label: "Google", issuer: iapIssuer, assertion: "X-Goog-IAP-JWT-Assertion", algorithms: es256,
			keysURL: func(HeaderConfig) string { return "https://www.gstatic.com/iap/verify/public_key-jwk" },
		},
		kindCloudflare: {
			label: "Cloudflare Access", assertion: "Cf-Access-Jwt-Assertion",
			algorithms: []jose.SignatureAlgorithm{jose.RS256}, keysURL: at("/cdn-cgi/access/certs"),
		},
		kindDagpass: {label: "Dagpass", assertion: "X-Dagpass-Assertion", algorithms: es256, keysURL: at("/.well-known/jwks.json")},
		kindJWT:     {label: "Single sign-on", algorithms: algorithms()},
		kindALB:     {label: "AWS", assertion: "X-Amzn-Oidc-Data", keysURL: albKeysURL},
		kindPlain:   {label: "Single sign-on", issuer: plainIssuer},
	}
}

// readJWT verifies an assertion with the keys that its issuer publishes.
func (w *Header) readJWT(ctx context.Context, token string) (map[string]any, error) {
	if _, err := jose.ParseSignedCompact(token, headerKinds()[w.cfg.Kind].algorithms); err != nil {
		return nil, refused(ReasonSignature, "%w", err)
	}
	payload, err := w.keys.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, refused(ReasonTokenInvalid, "the claims cannot be read")
	}
	return claims, w.cfg.judge(claims)
}

// must is a rule, and what to say when it does not hold.
type must struct {
	hold            bool
	reason, problem string
}

func firstBroken(rules ...must) error {
	for _, r := range rules {
		if !r.hold {
			return refused(r.reason, "%s", r.problem)
		}
	}
	return nil
}

func (c HeaderConfig) judge(claims map[string]any) error {
	audience := audiences(claims["aud"])
	now := c.Now()
	return firstBroken(
		must{text(claims, "iss") == c.Issuer, ReasonTokenIssuer, "iss is another issuer"},
		must{slices.Contains(audience, c.Audience), ReasonAudience, "aud is another audience"},
		must{len(audience) == 1 || text(claims, "azp") == c.Audience, ReasonAudience, "several audiences, and azp is not ours"},
		must{readable(text(claims, "sub"), maxSubject), ReasonSubject, "sub is missing, too long or not readable"},
		must{now.Before(instant(claims, "exp")), ReasonExpired, "exp is missing or over"},
		must{notAhead(claims, "iat", now), ReasonIssuedAt, "iat is in the future or no time"},
		must{notAhead(claims, "nbf", now), ReasonTokenInvalid, "nbf is in the future or no time"},
		must{claims["events"] == nil, ReasonTokenInvalid, "a token with events is no assertion"},
	)
}

// audiences reads "aud" (RFC 7519 section 4.1.3); one that is not all text
// names nobody.
func audiences(v any) []string {
	all := texts(v)
	if list, ok := v.([]any); ok && len(list) != len(all) {
		return nil
	}
	return all
}

// headerSkew is how far a proxy's clock may be ahead of ours.
const headerSkew = time.Minute

// notAhead holds when a time is not given, or given and not in the future.
func notAhead(claims map[string]any, name string, now time.Time) bool {
	if _, given := claims[name]; !given {
		return true
	}
	at := instant(claims, name)
	return !at.IsZero() && !at.After(now.Add(headerSkew))
}

// readable holds for text of one to limit characters that can be seen. The
// replacement character is what is left of text that somebody could not read:
// two people may share it.
func readable(s string, limit int) bool {
	odd := func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }
	return s != "" && utf8.RuneCountInString(s) <= limit && !strings.ContainsFunc(s, odd)
}

// claim is what verified claims say about a person. A time of signing in that
// is yet to come proves nothing.
func (w *Header) claim(claims map[string]any) Claim {
	c := Claim{
		Issuer:       w.cfg.Issuer,
		Subject:      text(claims, "sub"),
		Email:        text(claims, "email"),
		Hosted:       Hosts(w.Info().Type, w.cfg.Issuer),
		HostedDomain: text(claims, "hd"),
		Name:         text(claims, "name"),
		Username:     text(claims, "preferred_username"),
		Groups:       texts(lookup(claims, w.cfg.GroupsClaim)),
		AMR:          texts(claims["amr"]),
	}
	c.EmailVerified = c.Email != "" && w.vouchesFor(claims)
	if notAhead(claims, "auth_time", w.cfg.Now()) {
		c.AuthTime = instant(claims, "auth_time")
	}
	return c
}

// vouchesFor tells whether the address of the claims is the person's. Google
// verifies the addresses of its own accounts. Cloudflare and another Dagpass
// pass addresses on and do not say who verified them.
func (w *Header) vouchesFor(claims map[string]any) bool {
	switch {
	case w.cfg.EmailVerified == "trusted":
		return true
	case w.cfg.Kind == kindIAP:
		return strings.HasPrefix(text(claims, "sub"), iapAccount)
	}
	return (w.cfg.Kind == kindJWT || w.cfg.Kind == kindALB) && isTrue(claims["email_verified"])
}
