package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

func liveOf(t *testing.T, environ ...string) *live {
	t.Helper()
	cfg := mustLoad(t, environ, "")
	return &live{cfg: cfg, file: newPolicyFile(cfg, slog.New(slog.DiscardHandler))}
}

func with(settings ...string) identity.Changes {
	c := identity.Changes{Settings: map[string]string{}}
	for i := 0; i+1 < len(settings); i += 2 {
		c.Settings[settings[i]] = settings[i+1]
	}
	return c
}

func logo(t *testing.T, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each setting that may be changed takes its place over the environment's.
func TestCompose(t *testing.T) {
	picture := logo(t, 2)
	l := liveOf(t, google(github(okta("DAGPASS_SESSION_TTL=2h", "DAGPASS_MESSAGE=old", "DAGPASS_GOOGLE_ALLOWED_DOMAINS=a.com")...)...)...)
	for _, tt := range []struct {
		name, value string
		read        func(*identity.Rules) any
		want        any
	}{
		{"GOOGLE_ALLOWED_DOMAINS", "B.com,c.com", func(r *identity.Rules) any { return strings.Join(r.Gates["google"].Domains, " ") }, "b.com c.com"},
		{"GOOGLE_ALLOWED_EMAILS", "X@b.com", func(r *identity.Rules) any { return strings.Join(r.Gates["google"].Emails, " ") }, "x@b.com"},
		{"GITHUB_ALLOWED_ORGS", "acme", func(r *identity.Rules) any { return strings.Join(r.Gates["github"].Orgs, " ") }, "acme"},
		{"GITHUB_ALLOWED_EMAILS", "*", func(r *identity.Rules) any { return r.Gates["github"].Everyone }, true},
		{"OIDC_OKTA_ALLOWED_GROUPS", "Data", func(r *identity.Rules) any { return strings.Join(r.Gates["okta"].Groups, " ") }, "Data"},
		{"DEFAULT_ROLE", "none", func(r *identity.Rules) any { return r.Policy.DefaultRole() }, policy.None},
		{"SESSION_TTL", "5h", func(r *identity.Rules) any { return r.SessionTTL }, 5 * time.Hour},
		{"SESSION_IDLE", "10m", func(r *identity.Rules) any { return r.SessionIdle }, 10 * time.Minute},
		{"MFA", "required", func(r *identity.Rules) any { return r.MFA }, identity.MFARequired},
		{"RUN_LABEL", "name", func(r *identity.Rules) any { return r.Label }, identity.LabelName},
		{"ENFORCE", "false", func(r *identity.Rules) any { return r.Monitor }, true},
		{"UI_MENU", "false", func(r *identity.Rules) any { return r.Menu }, false},
		{"UI_GREY_OUT", "false", func(r *identity.Rules) any { return r.GreyOut }, false},
		{"BRAND_NAME", "Acme", func(r *identity.Rules) any { return r.Brand.Name }, "Acme"},
		{"BRAND_COLOR", "#ABCDEF", func(r *identity.Rules) any { return r.Brand.Color }, "#abcdef"},
		{"BRAND_LOGO", base64.StdEncoding.EncodeToString(picture), func(r *identity.Rules) any { return r.Brand.LogoType + string(r.Brand.Logo) }, "image/png" + string(picture)},
		{"MESSAGE", "", func(r *identity.Rules) any { return r.Brand.Message }, ""},
	} {
		was, err := l.compose(identity.Changes{})
		if err != nil {
			t.Fatal(err)
		}
		is, err := l.compose(with(tt.name, tt.value))
		if err != nil || tt.read(is) != tt.want || tt.read(was) == tt.want {
			t.Errorf("%s=%s: %v", tt.name, tt.value, err)
		}
	}
}

// What cannot be is said in words for a form, at the setting, without our prefix.
func TestComposeRefuses(t *testing.T) {
	l := liveOf(t, okta()...)
	for _, tt := range []struct{ name, value, says string }{
		{"SESSION_TTL", "soon", "This is not a duration such as 30m or 24h. This must be between 1m and 8760h."},
		{"SESSION_TTL", "1s", "This must be between 1m and 8760h."},
		{"ENFORCE", "maybe", "This is not true or false."},
		{"MFA", "x", "This must be optional, required or off."},
		{"DEFAULT_ROLE", "admin", "Default role: admin is not accepted, for everybody let in would be one."},
		{"DEFAULT_ROLE", "gone", `Default role: "gone" is neither built in nor a role of the policy file.`},
		{"OIDC_OKTA_ALLOWED_EMAILS", "corp.com", `"corp.com" is not an e-mail address.`},
		{"OIDC_OKTA_ALLOWED_DOMAINS", "@corp.com", `"@corp.com" must be written without @.`},
		{"OIDC_OKTA_ALLOWED_DOMAINS", " , ", "This is blank."},
		{"OIDC_OKTA_ALLOWED_GROUPS", "a\nb", `"a\nb" must be plain text on one line, with commas between entries.`},
		{"OIDC_OKTA_ALLOWED_GROUPS", "a\xff", `"a\xff" must be plain text on one line, with commas between entries.`},
		{"OIDC_OKTA_ALLOWED_EMAILS", "a\x00@b.c", `"a\x00@b.c" must be plain text on one line, with commas between entries.`},
		{"BRAND_NAME", strings.Repeat("x", 61), "This must have 60 characters or less."},
		{"BRAND_NAME", "a\nb", "This must be plain text."},
		{"BRAND_COLOR", "red", "This must be # and six hexadecimal digits, such as #3b5bdb."},
		{"BRAND_COLOR", "#12345g", "This must be # and six hexadecimal digits, such as #3b5bdb."},
		{"BRAND_LOGO", "~", "This must be an image: PNG, JPEG, GIF or WebP."},
		{"BRAND_LOGO", base64.StdEncoding.EncodeToString([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)), "This must be an image: PNG, JPEG, GIF or WebP."},
		{"BRAND_LOGO", base64.StdEncoding.EncodeToString([]byte("<html><script>alert(1)</script>")), "This must be an image: PNG, JPEG, GIF or WebP."},
		{"BRAND_LOGO", base64.StdEncoding.EncodeToString(append(logo(t, 1), make([]byte, 128<<10)...)), "This must be an image of 128 KiB or less."},
		{"MESSAGE", strings.Repeat("ä", 501), "This must have 500 characters or less."},
		{"PASSWORD_LOGIN", "false", "This is not a setting that may be changed while Dagpass runs."},
		{"OIDC_PROVIDERS", "x", "This is not a setting that may be changed while Dagpass runs."},
	} {
		_, err := l.compose(with(tt.name, tt.value, "SESSION_IDLE", "1h"))
		var got *models.Error
		if !errors.As(err, &got) || got.Field != tt.name || got.Msg != tt.says || got.Kind != models.KindInvalid {
			t.Errorf("%s=%.40s: %v, %+v", tt.name, tt.value, err, got)
		}
	}
}

// What the environment pins stays, whatever stands in the database.
func TestPinned(t *testing.T) {
	for pinned, want := range map[string][]string{
		"MFA, SESSION_TTL": {"MFA", "SESSION_TTL"}, "*": nil, "MESSAGE": {"MESSAGE"},
	} {
		l := liveOf(t, okta("DAGPASS_PINNED="+pinned)...)
		for _, d := range l.cfg.changeable() {
			if is := want == nil || slices.Contains(want, d.Name); d.Pinned != is {
				t.Errorf("%s: %s is pinned: %v", pinned, d.Name, d.Pinned)
			}
		}
	}
	l := liveOf(t, okta("DAGPASS_PINNED=SESSION_TTL,MFA")...)
	r, err := l.compose(with("SESSION_TTL", "1h", "MFA", "nonsense", "SESSION_IDLE", "1h"))
	if err != nil || r.SessionTTL != 24*time.Hour || r.MFA != identity.MFAOptional || r.SessionIdle != time.Hour {
		t.Errorf("%v %+v", err, r)
	}
	for name, says := range map[string]string{
		"SESSION_TLL":         `DAGPASS_PINNED: "SESSION_TLL" is not a setting that the console may change; did you mean SESSION_TTL?`,
		"DAGPASS_SESSION_TTL": `DAGPASS_PINNED: "DAGPASS_SESSION_TTL" is not a setting that the console may change; did you mean SESSION_TTL?`,
		"everything":          `DAGPASS_PINNED: "everything" is not a setting that the console may change`,
	} {
		if _, err := loadConfig(okta("DAGPASS_PINNED="+name), ""); err == nil || !strings.HasSuffix(err.Error(), "- "+says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A logo may be given as the image itself or as base64 of it.
func TestLogoFile(t *testing.T) {
	picture := append(logo(t, 2), '\n', '\r', '\n') // an image may end in what is trimmed of a text
	for name, content := range map[string]string{"image": string(picture), "base64": base64.StdEncoding.EncodeToString(picture) + "\n"} {
		c := mustLoad(t, okta("DAGPASS_BRAND_LOGO_FILE="+tempFile(t, "logo", content)), "")
		if !bytes.Equal(c.brand.Logo, picture) || c.brand.LogoType != "image/png" {
			t.Errorf("%s: %d bytes of %q", name, len(c.brand.Logo), c.brand.LogoType)
		}
	}
}

// A change of the policy file and the changes of the console hold together; what
// only one of them takes away is refused with the other as it is.
func TestPolicyFileUnderChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, "roles: { clerk: { extends: viewer } }")
	cfg := mustLoad(t, okta("DAGPASS_POLICY_FILE="+path), "")
	l := &live{cfg: cfg, file: newPolicyFile(cfg, slog.New(slog.DiscardHandler))}
	changed := with("DEFAULT_ROLE", "clerk")
	var err error
	l.file.recompose = func(context.Context) error { _, err = l.compose(changed); return err }
	write(t, path, "roles: { porter: { extends: viewer } }")
	for range 3 {
		l.file.read(t.Context())
	}
	if r, again := l.compose(changed); err == nil || again != nil || r.Policy.DefaultRole() != "clerk" {
		t.Errorf("%v, then %v", err, again)
	}
	write(t, path, "roles: { clerk: { extends: editor } }")
	for range 3 {
		l.file.read(t.Context())
	}
	if r, again := l.compose(changed); err != nil || again != nil || !r.Policy.PermissionsOf("clerk").Has(policy.WipeAssets) {
		t.Errorf("%v, then %v", err, again)
	}
}

// What one process changes holds at another within five seconds, for sessions
// that are open too.
func TestSettingsAcrossProcesses(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		p := start(t, url)
		edgar := p.as("edgar")
		o := p.operator(url)
		if got := edgar.role(); got != "viewer" {
			t.Fatalf("the role is %q", got)
		}
		o.must("", "setting", "set", "default_role", "launcher")
		p.settles(edgar, "launcher", 5*time.Second)
		o.must("", "setting", "set", "OIDC_OIDC_ALLOWED_EMAILS", "ada@example.com")
		p.settles(edgar, "", 5*time.Second)
		o.must("", "setting", "clear", "DAGPASS_OIDC_OIDC_ALLOWED_EMAILS")
		p.settles(edgar, "launcher", 5*time.Second)
	})
}

// With a change that cannot be, nothing starts; it says which and how to put it
// right, and that works.
func TestUnreadableChange(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		p := start(t, url)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		o := p.operator(url)
		o.must("", "setting", "set", "MESSAGE", "hello")
		put(t, url, "SESSION_IDLE", "soon")
		put(t, url, "DEFAULT_ROLE", "clerk")
		for _, name := range []string{"DEFAULT_ROLE", "SESSION_IDLE"} {
			status, _, said := o.run("", "user", "list")
			if status != exitUsage || !strings.Contains(said, "DAGPASS_"+name+" was changed in the console") || !strings.Contains(said, "dagpass setting clear "+name) {
				t.Errorf("%s: status %d, %s", name, status, said)
			}
			if list := o.must("", "setting", "list"); !strings.Contains(list, name) {
				t.Errorf("%s is not listed: %s", name, list)
			}
			if status, _, said := o.run("", "setting", "set", "SESSION_TTL", "nonsense"); status != exitFailed {
				t.Errorf("what cannot be is taken: status %d, %s", status, said)
			}
			o.must("", "setting", "clear", name)
		}
		o.must("", "user", "list")
	})
}

// A list of a provider that was removed since opens no door: it stops nothing, is
// told once and listed until it is cleared.
func TestGoneChange(t *testing.T) {
	l := liveOf(t, okta()...)
	for name, gone := range map[string]bool{
		"GOOGLE_ALLOWED_DOMAINS": true, "OIDC_OLD_ALLOWED_GROUPS": true, "OIDC_OKTA_ALLOWED_GROUPS": false,
		"OIDC_OLD_ISSUER": false, "OIDC_OLD_ALLOWED_DOORS": false, "SECRET_KEY": false,
	} {
		if l.cfg.gone(name) != gone {
			t.Errorf("%s", name)
		}
	}
	if r, err := l.compose(with("GOOGLE_ALLOWED_EMAILS", "*", "MFA", "required")); err != nil || len(r.Gates) != 1 || r.MFA != identity.MFARequired {
		t.Errorf("%v, %+v", err, r)
	}
	url := storetest.SQLiteURL(t)
	p := start(t, url)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	o := p.operator(url)
	o.must("", "user", "list")
	put(t, url, "OIDC_GONE_ALLOWED_EMAILS", "x@y.z")
	if status, _, said := o.run("", "user", "list"); status != 0 || strings.Count(said, "OIDC_GONE_ALLOWED_EMAILS") != 2 {
		t.Errorf("status %d, %s", status, said)
	}
	if list := o.must("", "setting", "list"); !strings.Contains(list, "override of a setting that is gone") {
		t.Errorf("%s", list)
	}
	o.must("", "setting", "clear", "OIDC_GONE_ALLOWED_EMAILS")
}

func put(t *testing.T, url, name, value string) {
	t.Helper()
	s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Change(t.Context(), func(tx *store.Tx) (models.Event, error) {
		return models.Event{Event: "setting.set"}, tx.SetSetting(models.Setting{Name: name, Value: value, ChangedAt: time.Now().UTC()})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSettingVerbs(t *testing.T) {
	url := storetest.SQLiteURL(t)
	p := start(t, url)
	o := p.operator(url, "DAGPASS_SESSION_IDLE=2h", "DAGPASS_PINNED=MFA")
	o.must("", "setting", "set", "SESSION_TTL", "12h")
	o.must("", "setting", "set", "brand_logo", tempFile(t, "logo.png", string(logo(t, 2))))
	var all []settingLine
	if err := json.Unmarshal([]byte(o.must("", "setting", "list", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][3]string{"SESSION_TTL": {"12h", "override", "operator"}, "SESSION_IDLE": {"2h", "environment", ""}, "RUN_LABEL": {"email", "default", ""}} {
		i := slices.IndexFunc(all, func(l settingLine) bool { return l.Name == name })
		from := map[bool]string{true: "environment", false: "default"}[all[i].Given]
		if all[i].Override != nil {
			from = "override"
		}
		if got := [3]string{all[i].Effective, from, all[i].ChangedBy}; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, args := range [][]string{{"set", "MFA", "off"}, {"set", "SECRET_KEY", "x"}, {"set", "SESSION_TTL", "x"}, {"clear", "RUN_LABEL"}, {"set", "GOOGLE_ALLOWED_DOMAINS", "x.com"}, {"set", "BRAND_LOGO", "/nowhere"}} {
		if status, out, said := o.run("", append([]string{"setting"}, args...)...); status != exitFailed || out != "" || said == "" {
			t.Errorf("%v: status %d, %s%s", args, status, out, said)
		}
	}
	if got := o.must("", "setting", "list"); !strings.Contains(got, "environment, pinned") || !strings.Contains(got, "override") {
		t.Errorf("%s", got)
	}
}

// What only the environment changes is listed, without what nobody may see.
func TestFixedSettings(t *testing.T) {
	c := mustLoad(t, okta("DAGPASS_SECRET_KEY="+aKey, "DAGPASS_DATABASE_URL=postgres://me:"+canary+"@db/dagpass"), "")
	names := map[string]string{}
	for _, f := range c.fixed() {
		names[f.Name] = f.Value
		if strings.Contains(f.Value, aKey) || strings.Contains(f.Value, canary) {
			t.Errorf("%s shows its secret", f.Name)
		}
	}
	for _, name := range []string{"SECRET_KEY", "DATABASE_URL", "PASSWORD_LOGIN", "OIDC_OKTA_CLIENT_ID", "PUBLIC_URL", "PINNED"} {
		if _, ok := names[name]; !ok {
			t.Errorf("%s is not listed", name)
		}
	}
	for _, d := range c.changeable() {
		if _, ok := names[d.Name]; ok {
			t.Errorf("%s is in both lists", d.Name)
		}
	}
}
