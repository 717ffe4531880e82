package providers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// Heard is what a source said of somebody, word by word, for an admin who tries
// it out. What could not be verified is not among it, and nothing is decided by
// it: a [Claim] is what counts. It may hold whatever a provider puts into a claim.
type Heard struct {
	Parts []Part
}

// Part is one answer.
type Part struct {
	// From is "id_token", "userinfo", "user", "emails", "orgs" and "teams" of
	// GitHub, "entry" of a directory, "assertion" or "headers" of a proxy.
	From string
	// Claims are JSON values, or what encodes as one.
	Claims map[string]any
}

// SaysVerified tells whether the source itself says that the address is verified.
func (h *Heard) SaysVerified() bool {
	return slices.ContainsFunc(h.Parts, func(p Part) bool { return p.From == "emails" || isTrue(p.Claims["email_verified"]) })
}

type heardKey struct{}

// Listen makes a context with which a sign-in leaves what it heard in the second
// value, also where it ends in an error. It is for one sign-in at a time.
func Listen(ctx context.Context) (context.Context, *Heard) {
	h := &Heard{}
	return context.WithValue(ctx, heardKey{}, h), h
}

// hear notes what was said, if anybody listens.
func hear(ctx context.Context, from string, claims map[string]any) {
	if h, ok := ctx.Value(heardKey{}).(*Heard); ok {
		h.Parts = append(h.Parts, Part{from, maps.Clone(claims)})
	}
}

// entryHeard is an entry of a directory as it was read, and the groups that were
// found for it.
func entryHeard(person *ldap.Entry, groups []string) map[string]any {
	all := map[string]any{"dn": person.DN, "groups found": groups}
	for _, a := range person.Attributes {
		values := make([]string, len(a.Values))
		for i, value := range a.Values {
			if values[i] = value; !utf8.ValidString(value) {
				values[i] = fmt.Sprintf("%x", value)
			}
		}
		all[a.Name] = values
	}
	return all
}
