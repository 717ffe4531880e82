package providers

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"time"
)

// HeaderConfig describes a proxy in front of us that signs people in and says so
// in a header. What each kind needs:
//
//	kind        setting                 with the prefix HEADER_
//	any         Kind                    LOGIN: iap, cloudflare, dagpass, jwt, alb or plain; empty is off
//	            Label                   LABEL
//	            From                    FROM: addresses and networks; plain must have it
//	            EmailVerified           EMAIL_VERIFIED
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
// their keys; GroupsClaim (GROUPS_CLAIM) is for all that are signed.
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
	From          []netip.Prefix   // who may send the header; the peer itself, nobody it speaks for
	EmailVerified string           // "trusted", or empty: an address counts as far as the proxy says that it is verified
	HTTPClient    *http.Client     // its transport and a shorter timeout are honoured; nil is fine
	Now           func() time.Time // defaults to time.Now
}

// Header is a Witness.
type Header struct{ cfg HeaderConfig }

var _ Witness = (*Header)(nil)

// NewHeader makes a witness without asking anybody anything. The error names
// every value that is wrong, by its field, and is no *Error.
func NewHeader(cfg HeaderConfig) (*Header, error) {
	cfg.Slot = cmp.Or(cfg.Slot, "header")
	return &Header{cfg: cfg}, nil // TODO
}

// Info implements Source.
func (w *Header) Info() Info {
	return Info{Slot: w.cfg.Slot, Label: w.cfg.Label, Type: "header", Issuer: w.cfg.Issuer}
}

// Ready implements Source.
func (w *Header) Ready(context.Context) error { return nil } // TODO

// SignIn implements Witness.
func (w *Header) SignIn(context.Context, map[string][]string, netip.Addr) (Claim, error) {
	return Claim{}, refused(ReasonSignature, "TODO")
}
