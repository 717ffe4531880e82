package gallery

import (
	"strings"
	"time"

	"github.com/dagpass/dagpass/views"
)

func consoleProviderLines() []views.ConsoleProvider {
	redirect := func(slot string) string { return "https://dagster.example.com/auth/callback/" + slot }
	return []views.ConsoleProvider{
		{
			Slot: "google", Label: "Google", Type: "google", Kind: "OpenID Connect", Issuer: "https://accounts.google.com", RedirectURI: redirect("google"), Up: true,
			LastSuccess: at(-time.Minute), Test: "go",
		},
		{
			Slot: "github", Label: "GitHub", Type: "github", Kind: "GitHub", Issuer: "https://github.com", RedirectURI: redirect("github"), Up: true,
			LastSuccess: at(-time.Hour), LastError: at(-999 * time.Hour), Error: "It gave no token: the client's id, secret or type may be wrong.", Reason: "exchange_failed",
			Reference: strings.Repeat("9f86d081", 4), Test: "go",
		},
		{
			Slot: "keycloak", Label: "Acme single sign-on", Type: "oidc", Kind: "OpenID Connect", Issuer: "https://sso.example.com/realms/acme", RedirectURI: redirect("keycloak"),
			Problem: "Its configuration could not be fetched. The log of the server says why.", LastSuccess: at(-30 * time.Hour), LastError: at(-time.Minute),
			Error: "It could not be reached.", Reason: "unreachable", Reference: strings.Repeat("4b227777", 4), Test: "go",
		},
		{Slot: "ldap", Label: "Acme directory", Type: "ldap", Kind: "LDAP directory", Issuer: "ldaps://ldap.example.com", Up: true, Test: "form"},
		{Slot: "header", Label: "Cloudflare Access", Type: "header", Kind: "Headers of a proxy", Issuer: "https://acme.cloudflareaccess.com", Up: true, LastSuccess: at(-2 * time.Hour), Test: "look"},
		{Slot: "password", Label: "Password", Type: "password", Kind: "Accounts that are kept here", Up: true},
	}
}

func hostileConsoleProviders() []views.ConsoleProvider {
	return []views.ConsoleProvider{
		{
			Slot: Markup, Label: Markup, Type: Markup, Kind: Markup, Issuer: Markup, RedirectURI: Markup, Problem: Markup,
			LastError: at(0), Error: Markup, Reason: Markup, Reference: Markup, Test: "form", Username: Markup, Wrong: hostile("username", "password", ""),
		},
		{Slot: "long", Issuer: "https://" + strings.Repeat("long", 80), RedirectURI: "https://" + strings.Repeat("long", 80), Up: true, Test: "go", Wrong: hostile("")},
	}
}

func consoleProviders() []Page {
	page := func(name string, p views.ConsoleProviders) Page {
		return Page{"console-providers-" + name, p.Prefix, p.Component()}
	}
	wrong := consoleProviderLines()
	wrong[3].Username, wrong[3].Wrong = "ada", views.Wrong{"password": "Please fill this in."}
	return []Page{
		page("usual", views.ConsoleProviders{Console: console(), Lines: consoleProviderLines()}),
		page("test-wrong", views.ConsoleProviders{Console: console(), Lines: wrong}),
		page("empty", views.ConsoleProviders{Console: console()}),
		page("hostile", views.ConsoleProviders{Console: hostileConsole(), Lines: hostileConsoleProviders()}),
	}
}

func consoleTrials() []Page {
	page := func(name string, p views.ConsoleTrial) Page {
		return Page{"console-trial-" + name, p.Prefix, p.Component()}
	}
	in := views.ConsoleTrial{
		Console: console(), Provider: consoleProviderLines()[2], Verdict: "in",
		Why:     []string{"This account would be signed in.", "The list of the provider has the domain example.com."},
		Account: "Grace Hopper", AccountID: "3f2a9c0d4e5b6a7f8091a2b3c4d5e6f7", Facts: trialFacts(), Groups: []string{"data-platform", "marketing"},
		Role: "editor", Rules: consoleWays()[0].Rules, Factor: "Not asked for here: the provider says that it asked for one.", Said: trialSaid(),
	}
	out, none, failed, empty := in, in, in, views.ConsoleTrial{Console: console(), Provider: views.ConsoleProvider{Slot: "okta"}, Verdict: "failed"}
	out.Verdict, out.Why = "out", []string{"Neither the address nor its domain is on the list of the provider."}
	out.Account, out.AccountID = "", ""
	none.Verdict, none.Why = "out", []string{"No rule gives this person anything.", "The provider has no list: whoever it vouches for may come in."}
	none.Rules, none.Role, none.Groups, none.AccountID = nil, "", nil, ""
	failed.Verdict, failed.Why = "failed", []string{"The answer of the identity provider could not be verified."}
	failed.Reason, failed.Reference, failed.Said = "id_token_audience", strings.Repeat("9f86d081", 4), nil
	return []Page{
		page("in", in), page("refused", out), page("no-role", none), page("failed", failed), page("empty", empty),
		page("hostile", views.ConsoleTrial{
			Console: hostileConsole(), Provider: views.ConsoleProvider{Slot: Markup, Label: Markup, Type: Markup, Test: "go"}, Verdict: "in", Why: []string{Markup},
			Reason: Markup, Reference: Markup, Account: Markup, AccountID: Markup, Factor: Markup, Role: Markup, Groups: []string{Markup, strings.Repeat("group", 80)},
			Facts: []views.ConsoleFact{{Name: Markup, Value: Markup}, {Name: "Subject", Value: strings.Repeat("s", 255)}},
			Rules: []views.ConsoleRule{{Name: Markup, Text: Markup, Role: Markup, Locations: []string{Markup}, Permissions: []string{Markup}}},
			Said: []views.ConsoleSaid{
				{Title: Markup, Claims: []views.ConsoleClaim{{Name: Markup, Value: Markup, Note: Markup}, {Name: strings.Repeat("n", 100), Value: strings.Repeat("x", 600), Note: "… (cut)"}}, More: 1 << 20},
			},
		}),
	}
}

func trialFacts() []views.ConsoleFact {
	return []views.ConsoleFact{
		{Name: "Subject", Value: "9c1185a5-c5e9-fc54-612a-d3a1b3f0b9aa"},
		{Name: "Issuer", Value: "https://sso.example.com/realms/acme"},
		{Name: "Name", Value: "Grace Hopper"},
		{Name: "Username", Value: "grace"},
		{Name: "E-mail address", Value: "grace@example.com"},
		{Name: "Is the address verified?", Value: "Yes: the provider says so."},
		{Name: "Authentication methods (amr)", Value: "pwd, otp"},
		{Name: "Signed in there (auth_time)", Value: "2026-11-21T09:10:00Z"},
	}
}

func trialSaid() []views.ConsoleSaid {
	return []views.ConsoleSaid{
		{Title: "ID token", Claims: []views.ConsoleClaim{
			{Name: "amr", Value: `["pwd","otp"]`},
			{Name: "aud", Value: `"dagpass"`},
			{Name: "auth_time", Value: "1795252200"},
			{Name: "email", Value: `"grace@example.com"`},
			{Name: "email_verified", Value: "true"},
			{Name: "groups", Value: `["data-platform","marketing"]`},
			{Name: "iss", Value: `"https://sso.example.com/realms/acme"`},
			{Name: "nonce", Note: "(not shown)"},
			{Name: "sub", Value: `"9c1185a5-c5e9-fc54-612a-d3a1b3f0b9aa"`},
		}},
		{Title: "Userinfo", Claims: []views.ConsoleClaim{
			{Name: "biography", Value: `"` + strings.Repeat("She wrote a compiler. ", 27), Note: "… (cut)"}, {Name: "name", Value: `"Grace Hopper"`}, {Name: "sub", Value: `"9c1185a5-c5e9-fc54-612a-d3a1b3f0b9aa"`},
		}, More: 12},
	}
}
