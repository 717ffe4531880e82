package providers

import (
	"testing"

	"github.com/markbates/goth"
)

// At Google an address proves no membership, however the slot was configured;
// whoever judges a domain relies on being told so.
func TestHosted(t *testing.T) {
	for _, tt := range []struct {
		kind, issuer string
		want         bool
	}{
		{"google", "https://accounts.google.com", true},
		{"google", "http://127.0.0.1:1", true},
		{"oidc", "https://accounts.google.com", true},
		{"oidc", "https://okta.example.com", false},
	} {
		o, err := NewOIDC(OIDCConfig{Slot: "x", Type: tt.kind, Label: "X", Issuer: tt.issuer, ClientID: "id", ClientSecret: "s"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := o.claim(goth.User{UserID: "1", Email: "a@b.c", RawData: map[string]any{"email_verified": true, "hd": "b.c"}})
		if err != nil || c.Hosted != tt.want || c.HostedDomain != "b.c" {
			t.Errorf("%s at %s: %+v, %v", tt.kind, tt.issuer, c, err)
		}
	}
}
