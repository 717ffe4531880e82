package handlers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/handlers"
	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/views"
)

// changeable has the service know a few settings of each kind.
func changeable(c *handlers.Config) {
	s := c.Identity
	s.SettingDefs = []identity.SettingDef{
		{Name: "OIDC_ALLOWED_EMAILS", Title: "Addresses", Section: "Who", Kind: identity.SettingList, Access: true},
		{Name: "SESSION_IDLE", Title: "Idle time", Section: "Sessions", Kind: identity.SettingDuration, Default: "1h"},
		{Name: "MFA", Title: "Second factor", Section: "Sessions", Kind: identity.SettingChoice, Choices: []string{"optional", "off"}, Default: "optional", Pinned: true},
		{Name: "ENFORCE", Title: "Enforce", Section: "Dagster", Kind: identity.SettingSwitch, Default: "true"},
		{Name: "BRAND_NAME", Title: "Name", Section: "Looks", Kind: identity.SettingText},
		{Name: "BRAND_COLOR", Title: "Colour", Section: "Looks", Kind: identity.SettingColor},
		{Name: "BRAND_LOGO", Title: "Logo", Section: "Looks", Kind: identity.SettingImage},
		{Name: "MESSAGE", Title: "Message", Section: "Looks", Kind: identity.SettingText},
	}
	s.Fixed = []identity.FixedSetting{{Name: "SECRET_KEY", Value: "[redacted]", From: "set"}}
	inner := s.Compose
	s.Compose = func(changes identity.Changes) (*identity.Rules, error) {
		rules, err := inner(changes)
		if err != nil {
			return nil, err
		}
		over := *rules
		for name, value := range changes.Settings {
			if err := override(&over, name, value); err != nil {
				return nil, models.NewError(models.KindInvalid, "bad_setting", "This is none.").At(name)
			}
		}
		return &over, nil
	}
	if err := s.Recompose(context.Background()); err != nil {
		panic(err)
	}
}

func override(r *identity.Rules, name, value string) (err error) {
	switch name {
	case "OIDC_ALLOWED_EMAILS":
		r.Gates = map[string]policy.Gate{"oidc": {Emails: strings.Split(value, ",")}}
	case "SESSION_IDLE":
		r.SessionIdle, err = time.ParseDuration(value)
	case "ENFORCE":
		r.Monitor = value == "false"
	case "BRAND_NAME":
		r.Brand.Name = value
	case "BRAND_COLOR":
		r.Brand.Color = value
	case "BRAND_LOGO":
		r.Brand.Logo, err = base64.StdEncoding.DecodeString(value)
		r.Brand.LogoType, r.Brand.LogoHash = "image/png", models.Digest(value)[:16]
	case "MESSAGE":
		r.Brand.Message = value
	}
	return err
}

// settingVersion is what the form of a setting carries.
func (c *console) settingVersion(name string) string {
	c.t.Helper()
	lines, err := c.svc.Settings(models.WithOperator(context.Background()))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, l := range lines {
		if l.Name == name {
			return l.Version
		}
	}
	return ""
}

func (c *console) set(name, value string, more ...string) answer {
	c.t.Helper()
	return c.at.form("/auth/admin/settings", append([]string{"name", name, "value", value, "version", c.settingVersion(name)}, more...)...)
}

// A setting is changed in its form, holds at once, is shown with who changed it,
// and goes back.
func TestSettingsPage(t *testing.T) {
	c := newConsole(t, changeable)
	for name, value := range map[string]string{"SESSION_IDLE": " 30m ", "ENFORCE": "false", "BRAND_NAME": "Acme <b>", "MESSAGE": "one\r\ntwo <script>"} {
		if a := c.set(name, value); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/auth/admin/settings?notice=setting_set" {
			t.Errorf("%s: %d %s %s", name, a.StatusCode, a.Header.Get("Location"), a.body)
		}
	}
	r := c.svc.Rules()
	if r.SessionIdle != 30*time.Minute || !r.Monitor || r.Brand.Name != "Acme <b>" || r.Brand.Message != "one\ntwo <script>" {
		t.Errorf("in effect %+v", r)
	}
	page := c.at.open("/auth/admin/settings?notice=setting_set")
	for _, want := range []string{
		"Settings · Console · Acme &lt;b&gt;</title>", "one\ntwo &lt;script&gt;", "The setting is changed.", "Changed by root on", "30m", "Changed here",
		"DAGPASS_SECRET_KEY", "[redacted]", "The environment pins it",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.body, "<script>") || strings.Contains(page.body, "<b>") {
		t.Error("the page holds markup of a setting")
	}
	if a := c.at.form("/auth/admin/settings/clear", "name", "SESSION_IDLE", "version", c.settingVersion("SESSION_IDLE")); a.StatusCode != http.StatusSeeOther || c.svc.Rules().SessionIdle != time.Hour {
		t.Errorf("cleared: %d, %s", a.StatusCode, c.svc.Rules().SessionIdle)
	}
	if a := c.browser().page("/auth/login"); !strings.Contains(a.body, "one\ntwo &lt;script&gt;") || !strings.Contains(a.body, "· Acme &lt;b&gt;</title>") {
		t.Errorf("the sign-in page: %s", a.body)
	}
}

// What cannot be is said at its field, with what was typed, and changes nothing.
func TestSettingsPageRefuses(t *testing.T) {
	c := newConsole(t, changeable)
	for _, row := range []struct {
		name, value, version string
		status               int
		says                 []string
	}{
		{"SESSION_IDLE", "soon", "", 400, []string{`id="set-session_idle-wrong"`, "This is none.", `value="soon"`, "<details class=\"mt-2\" open"}},
		{"SESSION_IDLE", "", "", 400, []string{"Write a value."}},
		{"SESSION_IDLE", "1h", "other", 409, []string{"Somebody else has changed this setting"}},
		{"BRAND_LOGO", "", "", 400, []string{"Choose an image."}},
		{"MFA", "off", "", 403, []string{"This setting is pinned by the environment"}},
		{"SECRET_KEY", "x", "", 400, []string{"There is no setting of this name"}},
		{"", "", "", 400, []string{"There is no setting of this name"}},
		{"<script>", "x", "", 400, []string{"There is no setting of this name"}},
	} {
		version := row.version
		if version == "" {
			version = c.settingVersion(row.name)
		}
		a := c.at.form("/auth/admin/settings", "name", row.name, "value", row.value, "version", version)
		for _, want := range row.says {
			if a.StatusCode != row.status || !strings.Contains(a.body, want) || strings.Contains(a.body, "<script>") {
				t.Errorf("%s=%s: %d, lacks %q", row.name, row.value, a.StatusCode, want)
			}
		}
	}
	if a := c.at.form("/auth/admin/settings", "name", "MESSAGE", "value", "x"); a.StatusCode != 409 {
		t.Errorf("no version: %d", a.StatusCode)
	}
	if a := c.at.form("/auth/admin/settings/clear", "name", "MESSAGE", "version", c.settingVersion("MESSAGE")); a.StatusCode != 409 {
		t.Errorf("nothing to clear: %d", a.StatusCode)
	}
	if r, err := c.svc.Store.Rules(context.Background()); err != nil || r.Revision != 0 {
		t.Errorf("changed: %+v %v", r, err)
	}
}

// Who gets in is seen first and then done; what somebody does to themself they
// confirm.
func TestSettingsAreTriedFirst(t *testing.T) {
	c := newConsole(t, changeable)
	c.browser().signIn()
	ada := c.browser()
	ada.signIn()
	a := c.at.form("/auth/admin/settings/preview", "name", "OIDC_ALLOWED_EMAILS", "value", "grace@example.com\r\n\r\n bob@example.com")
	for _, want := range []string{"This is a dry run", "Addresses", "It would be: grace@example.com, bob@example.com.", "Ada", "Can no longer enter", `value="grace@example.com,bob@example.com"`, `action="/auth/admin/settings"`} {
		if a.StatusCode != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%d, lacks %q", a.StatusCode, want)
		}
	}
	seen := version.FindStringSubmatch(a.body)[1]
	if r := c.svc.Rules(); len(r.Gates["oidc"].Emails) != 0 {
		t.Fatal("a dry run changed it")
	}
	if a := c.at.form("/auth/admin/settings", "name", "OIDC_ALLOWED_EMAILS", "value", "grace@example.com,bob@example.com", "version", seen); a.StatusCode != http.StatusSeeOther {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := ada.do("GET", "/auth/me"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("whoever is not on the list: %d", a.StatusCode)
	}
	if a := c.at.form("/auth/admin/settings", "name", "OIDC_ALLOWED_EMAILS", "value", "x@example.com", "version", seen); a.StatusCode != 409 || !strings.Contains(a.body, "This is a dry run") {
		t.Errorf("the rules have changed: %d", a.StatusCode)
	}
	if a := c.at.form("/auth/admin/settings/preview", "name", "OIDC_ALLOWED_EMAILS", "clear", "yes"); a.StatusCode != 200 || !strings.Contains(a.body, `action="/auth/admin/settings/clear"`) {
		t.Errorf("clearing is tried: %d", a.StatusCode)
	}
	for _, name := range []string{"MFA", "SECRET_KEY"} {
		if a := c.at.form("/auth/admin/settings/preview", "name", name, "value", "off"); a.StatusCode != 403 && a.StatusCode != 400 {
			t.Errorf("%s is tried: %d", name, a.StatusCode)
		}
	}
}

// picture is a PNG.
func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (c *console) upload(content []byte) answer {
	c.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField("name", "BRAND_LOGO")
	_ = w.WriteField("version", c.settingVersion("BRAND_LOGO"))
	part, _ := w.CreateFormFile("file", "../../<script>.png")
	_, _ = part.Write(content)
	_ = w.Close()
	return c.at.send("POST", "/auth/admin/settings", body.String(), "Content-Type", w.FormDataContentType(), "Accept", "text/html", "Origin", c.url, "Sec-Fetch-Mode", "navigate")
}

// A logo is uploaded, shown on every page, and kept by browsers under an address
// of its own.
func TestBrand(t *testing.T) {
	c := newConsole(t, changeable)
	stranger := c.browser()
	for _, path := range []string{"/auth/brand/logo", "/auth/brand/style.css"} {
		if a := stranger.do("GET", path); a.StatusCode != 404 {
			t.Errorf("%s: %d before there is one", path, a.StatusCode)
		}
	}
	logo := picture(t)
	if a := c.upload(logo); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := c.set("BRAND_COLOR", "#ffd43b"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	b := c.svc.Rules().Brand
	page := stranger.page("/auth/login").body
	for address, want := range map[string][2]string{
		"/auth/brand/logo?v=" + b.LogoHash:                                           {"image/png", string(logo)},
		"/auth/brand/style.css?v=" + models.Digest(views.BrandStyle("#ffd43b"))[:16]: {"text/css; charset=utf-8", views.BrandStyle("#ffd43b")},
	} {
		a := stranger.do("GET", address)
		if !strings.Contains(page, address) || a.StatusCode != 200 || a.body != want[1] {
			t.Errorf("%s: %d", address, a.StatusCode)
		}
		for header, value := range map[string]string{
			"Content-Type": want[0], "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "public, max-age=31536000, immutable",
		} {
			if got := a.Header.Get(header); got != value {
				t.Errorf("%s: %s is %q", address, header, got)
			}
		}
		if a := stranger.do("GET", strings.Split(address, "?")[0]); a.Header.Get("Cache-Control") != "no-store" || a.body != want[1] {
			t.Errorf("%s by another name: %q", address, a.Header.Get("Cache-Control"))
		}
	}
	if a := c.upload(make([]byte, 2<<20)); a.StatusCode != 400 {
		t.Errorf("too large: %d", a.StatusCode)
	}
	if got := c.svc.Rules().Brand.Logo; !bytes.Equal(got, logo) {
		t.Error("another logo")
	}
}

// A switch that the environment writes in another way shows how it is.
func TestSwitchWrittenOtherwise(t *testing.T) {
	for value, on := range map[string]bool{"1": true, "TRUE": true, "0": false, "f": false} {
		c := newConsole(t, func(c *handlers.Config) {
			changeable(c)
			c.Identity.SettingDefs[3].Env, c.Identity.SettingDefs[3].Given = value, true
		})
		body := c.at.open("/auth/admin/settings").body
		chosen := regexp.MustCompile(`id="set-enforce-\d"[^>]*value="(\w+)"[^>]*checked`).FindStringSubmatch(body)
		if len(chosen) != 2 || chosen[1] != strconv.FormatBool(on) {
			t.Errorf("%s: %q", value, chosen)
		}
	}
}
