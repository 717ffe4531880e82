package handlers_test

import (
	"net/http"
	"slices"
	"testing"
)

// forScripts are the routes of who is signed in, or half-way, that a script may
// ask: ours do, and so can one in a page of Dagster's, which is of our origin.
// What is new here must be of no use to that one.
var forScripts = []string{
	"GET /auth/me", "POST /auth/activity",
	"JSON /auth/confirm/passkey/begin", "JSON /auth/confirm/passkey",
	"JSON /auth/account/passkey/begin", "JSON /auth/account/passkey",
	"JSON /auth/mfa/passkey/begin", "JSON /auth/mfa/passkey",
	"JSON /auth/mfa/enrol/passkey/begin", "JSON /auth/mfa/enrol/passkey",
	"JSON /auth/admin/audit/tail",
	"GET /auth/logout", "POST /auth/logout", // it shows nothing, and ends what is one's own
}

// toStrangers is what the table says of strangers where a route is for others.
var toStrangers = []string{"303 /auth/login", "401 unauthenticated"}

// Every page, form and download of somebody is refused to a script, whoever they
// are, before it shows or does anything.
func TestNotForScripts(t *testing.T) {
	rows := table(t)
	for i, b := range visitors(t) {
		for _, r := range rows {
			if !slices.Contains(toStrangers, r.want[0]) || r.want[i] == r.want[0] || slices.Contains(forScripts, r.method+" "+r.path) {
				continue
			}
			if r.path == "/auth/account/password" && everybody[i] == "OAuth-only" { // it is not even there
				continue
			}
			if a := b.send(r.methods()[0], r.asked(), "", b.asScriptElsewhere()...); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s, %s: %s", r.method, r.path, everybody[i], got(a))
			}
		}
	}
}

// What scripts may ask is served, and to nobody who is a stranger.
func TestForScripts(t *testing.T) {
	left := slices.Clone(forScripts)
	for _, r := range table(t) {
		if slices.Contains(toStrangers, r.want[0]) {
			left = slices.DeleteFunc(left, func(one string) bool { return one == r.method+" "+r.path })
		}
	}
	if len(left) > 0 {
		t.Errorf("%q", left)
	}
}
