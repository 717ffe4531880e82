package gallery

import (
	"strings"

	"github.com/dagpass/dagpass/views"
)

// branded is an installation with a name, a logo, a colour and a message of its
// own; serve has what it names.
func branded() views.Site {
	return views.Site{
		Name: "Acme Data", Logo: "/auth/brand/logo?v=1", Style: "/auth/brand/style.css?v=1",
		Message: "Maintenance on Saturday from 08:00 to 10:00 UTC.\nQuestions: #data-platform.",
	}
}

// BrandColor is that of the branded pages.
const BrandColor = "#d6336c"

func brandeds() []Page {
	console := consoleSettings()
	console.Site = branded()
	return []Page{
		{"branded-login", "", views.Login{Site: branded(), Providers: providers(), Password: &views.SignInForm{}}.Component()},
		{"branded-settings", "", console.Component()},
	}
}

func consoleSettings() views.ConsoleSettings {
	ada := func(s views.ConsoleSetting) views.ConsoleSetting {
		s.Overridden, s.ChangedAt, s.ChangedBy, s.Version = true, at(-60), "Ada Lovelace", "v"
		return s
	}
	return views.ConsoleSettings{
		Console: console(),
		Sections: []views.ConsoleSection{
			{Title: "Who gets in", Settings: []views.ConsoleSetting{
				ada(views.ConsoleSetting{
					Name: "GOOGLE_ALLOWED_DOMAINS", Title: "Google: allowed domains", Kind: "list", Given: true, Preview: true, Value: "example.com\nexample.org",
					Effective: "example.com, example.org", Override: "example.com, example.org", Environment: "example.com",
					Help: "Domains of e-mail addresses that may sign in there, such as example.com. * is everybody whom the provider vouches for.",
				}),
				{Name: "GOOGLE_ALLOWED_EMAILS", Title: "Google: allowed addresses", Kind: "list", Preview: true, Help: "E-mail addresses that may sign in there, besides the allowed domains."},
				{
					Name: "DEFAULT_ROLE", Title: "Default role", Kind: "choice", Preview: true, Effective: "viewer", Environment: "viewer", Value: "viewer",
					Choices: chosen("none", "viewer", "launcher", "editor", "operator"), Help: "Of people who are let in and whom no grant names. none refuses them.",
				},
			}},
			{Title: "Sessions and second factors", Settings: []views.ConsoleSetting{
				{Name: "SESSION_TTL", Title: "Length of a session", Kind: "duration", Effective: "24h", Environment: "24h", Value: "24h", Help: "How long a session lasts at the most, such as 24h. It holds for sessions that begin from now on."},
				ada(views.ConsoleSetting{Name: "SESSION_IDLE", Title: "Idle time", Kind: "duration", Effective: "30m", Override: "30m", Environment: "8h", Value: "30m", Help: "How long a session lasts without anything done in it, such as 8h. It holds for open sessions, too."}),
				{Name: "MFA", Title: "Second factor", Kind: "choice", Effective: "optional", Environment: "optional", Value: "optional", Choices: chosen("optional", "required", "off"), Help: "optional asks whoever has set one up, required makes every local account have one, off asks nobody."},
			}},
			{Title: "Dagster", Settings: []views.ConsoleSetting{
				{Name: "ENFORCE", Title: "Permissions are enforced", Kind: "switch", Effective: "On", Environment: "On", Value: "true", Help: "Off is monitor mode: what a role forbids is recorded and done all the same."},
			}},
			{Title: "Appearance", Settings: []views.ConsoleSetting{
				{Name: "BRAND_NAME", Title: "Name", Kind: "text", Help: "Stands for “Dagpass” in titles and at the top of pages. 60 characters at the most."},
				{Name: "BRAND_LOGO", Title: "Logo", Kind: "image", Help: "PNG, JPEG, GIF or WebP of at most 128 KiB."},
				ada(views.ConsoleSetting{Name: "BRAND_COLOR", Title: "Colour", Kind: "color", Effective: BrandColor, Override: BrandColor, Value: BrandColor, Help: "Of buttons, links and charts, such as #3b5bdb."}),
				{Name: "MESSAGE", Title: "Message of the day", Kind: "text", Long: true, Help: "Plain text on the sign-in page and on top of the account page and this console."},
			}},
		},
		Fixed: []views.ConsoleFixed{
			{Name: "LISTEN", Value: "127.0.0.1:3000"},
			{Name: "PUBLIC_URL", Value: "https://dagster.example.com", Given: true},
			{Name: "DATABASE_URL", Value: "postgres://[redacted]@db:5432/dagpass", Given: true},
			{Name: "SECRET_KEY", Value: "[redacted]", Given: true},
			{Name: "PASSWORD_LOGIN", Value: "true"},
			{Name: "POLICY", Value: "(1284 bytes)", Given: true},
		},
	}
}

func chosen(values ...string) (all []views.ConsoleChoice) {
	for _, v := range values {
		all = append(all, views.ConsoleChoice{Value: v, Label: v})
	}
	return all
}

func consoleSettingPages() []Page {
	page := func(name string, p views.ConsoleSettings) Page {
		return Page{"console-settings-" + name, p.Prefix, p.Component()}
	}
	pinned := consoleSettings()
	for i := range pinned.Sections {
		for j := range pinned.Sections[i].Settings {
			pinned.Sections[i].Settings[j].Pinned, pinned.Sections[i].Settings[j].Preview = true, false
		}
	}
	pinned.Sections = append(pinned.Sections, views.ConsoleSection{Title: "Gone", Settings: []views.ConsoleSetting{
		{Name: "OIDC_OKTA_ALLOWED_DOMAINS", Title: "OIDC_OKTA_ALLOWED_DOMAINS", Kind: "text", Gone: true, Overridden: true, ChangedAt: at(-60), ChangedBy: "Ada Lovelace"},
	}})
	refused := consoleSettings()
	again := &refused.Sections[1].Settings[1]
	again.Tried, again.Value, again.Wrong = true, "soon", views.Wrong{"value": "This is not a duration such as 30m or 24h."}
	hostile := views.ConsoleSettings{Console: hostileConsole(), Fixed: []views.ConsoleFixed{{Name: Markup, Value: Markup}}}
	for i, kind := range []string{"list", "text", "choice", "switch", "duration", "color"} {
		hostile.Sections = append(hostile.Sections, views.ConsoleSection{Title: "Section " + kind, Settings: []views.ConsoleSetting{{
			Name: "X" + strings.Repeat("I", i), Title: Markup, Help: Markup, Kind: kind, Choices: chosen(Markup, Markup, Markup, Markup, Markup), Effective: Markup, Environment: Markup, Override: Markup,
			Overridden: true, Given: i%2 == 0, Value: "</textarea>" + Markup, Long: kind == "text", ChangedBy: Markup, Version: Markup, Preview: i%2 == 0, Tried: i == 0,
			Wrong: views.Wrong{"value": Markup, "confirm": Markup, "": Markup},
		}}})
	}
	return []Page{page("usual", consoleSettings()), page("pinned", pinned), page("refused", refused), page("hostile", hostile)}
}
