package identity_test

import (
	"strings"
	"testing"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func labelled(id, name, email string, verified bool) *models.Principal {
	p := &models.Principal{User: models.User{ID: id, Name: name, Email: email}}
	p.Identity.Claims = models.Claims{Email: email, EmailVerified: verified}
	return p
}

func TestRunLabel(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	for name, row := range map[string]struct {
		label identity.Label
		who   *models.Principal
		want  string
	}{
		"address":                     {identity.LabelEmail, labelled("u1", "Ada", "ada@corp.com", true), "ada@corp.com"},
		"address nobody verified":     {identity.LabelEmail, labelled("u1", "Ada", "ada@corp.com", false), "Ada"},
		"no address":                  {identity.LabelEmail, labelled("u1", "Ada", "", true), "Ada"},
		"a name like an address":      {identity.LabelEmail, labelled("u1", "boss@corp.com", "ada@corp.com", false), "u1"},
		"a name with a wide sign":     {identity.LabelEmail, labelled("u1", "boss\uff20corp.com", "", false), "u1"},
		"a name with a small sign":    {identity.LabelEmail, labelled("u1", "boss\ufe6bcorp.com", "", false), "u1"},
		"an address beside a name":    {identity.LabelEmail, labelled("u1", "boss@corp.com", "ada@corp.com", true), "ada@corp.com"},
		"a name, where names are":     {identity.LabelName, labelled("u1", "boss@corp.com", "", false), "boss@corp.com"},
		"neither":                     {identity.LabelEmail, labelled("u1", "", "", false), "u1"},
		"name":                        {identity.LabelName, labelled("u1", "Ada Löve", "ada@corp.com", true), "Ada Löve"},
		"no name":                     {identity.LabelName, labelled("u1", "", "ada@corp.com", true), "u1"},
		"name of controls":            {identity.LabelName, labelled("u1", "\x00\n \u202e", "", false), "u1"},
		"name with a line and a turn": {identity.LabelName, labelled("u1", " Ada\r\n\u202eevoL\x7f ", "", false), "AdaevoL"},
		"name that is no text":        {identity.LabelName, labelled("u1", "Ada\xff", "", false), "Ada\ufffd"},
		"long name":                   {identity.LabelName, labelled("u1", strings.Repeat("ä", 200), "", false), strings.Repeat("ä", 128)},
		"long name cut in a letter":   {identity.LabelName, labelled("u1", "x"+strings.Repeat("ä", 200), "", false), "x" + strings.Repeat("ä", 127)},
		"a label nobody knows":        {"", labelled("u1", "Ada", "ada@corp.com", true), "ada@corp.com"},
	} {
		amend(t, w.Service, func(r *identity.Rules) { r.Label = row.label })
		if got := w.RunLabel(row.who); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// A pseudonym tells two people apart, is the same at every replica, and hangs on
// the account and the key alone.
func TestPseudonym(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	of := func(s *identity.Service, p *models.Principal) string {
		amend(t, s, func(r *identity.Rules) { r.Label = identity.LabelPseudonym })
		return s.RunLabel(p)
	}
	ada, grace := labelled("u1", "Ada", "ada@corp.com", true), labelled("u2", "Grace", "grace@corp.com", true)
	mine := of(w.Service, ada)
	replica, rotated := w.replica(w.Store, policy.Gate{}, key(1)), w.replica(w.Store, policy.Gate{}, key(2), key(1))
	if !strings.HasPrefix(mine, "user-") || len(mine) != len("user-")+16 || strings.Contains(mine, "u1") {
		t.Errorf("%q", mine)
	}
	if got := of(replica, labelled("u1", "Countess", "", false)); got != mine {
		t.Errorf("at another replica, under another name: %q, want %q", got, mine)
	}
	if of(w.Service, grace) == mine || of(rotated, ada) == mine {
		t.Error("two people or two keys have one pseudonym")
	}
}

func TestParseLabel(t *testing.T) {
	for name, want := range map[string]bool{"email": true, "name": true, "pseudonym": true, "": false, "Email": false, "id": false} {
		if _, ok := identity.ParseLabel(name); ok != want {
			t.Errorf("%q: %v", name, ok)
		}
	}
}
