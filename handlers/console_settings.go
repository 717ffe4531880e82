package handlers

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// maxUpload is how long a form with an image may be, in bytes: more than an image
// may be, so that whoever sends one that is too large is told that.
const maxUpload = 1 << 20

var errNoFile = models.NewError(models.KindInvalid, "no_file", "Choose an image.")

// formOrFile is [Server.form] that takes a form of several parts, too, of which
// one is a file. It stands in the field "value" then, as base64.
func (s *Server) formOrFile(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if mediaType(r) != echo.MIMEMultipartForm {
			return s.form(next)(c)
		}
		r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, maxUpload)
		if err := r.ParseMultipartForm(2 * maxUpload); err != nil { // in memory, all of it
			return errBody.Because(err)
		}
		content, err := uploaded(r)
		if err != nil {
			return errBody.Because(err)
		}
		r.PostForm.Set("value", base64.StdEncoding.EncodeToString(content))
		c.Response().Header().Del("Connection") // the body has come
		return next(c)
	}
}

// uploaded is the file of the form, empty where none was chosen.
func uploaded(r *http.Request) ([]byte, error) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

func (s *Server) settings(c echo.Context) error {
	v, err := s.settingsPage(c, "", nil)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, v)
}

// settingsPage is the page, with what is wrong with the form of a setting that was
// tried.
func (s *Server) settingsPage(c echo.Context, tried string, wrong views.Wrong) (page, error) {
	ctx := c.Request().Context()
	lines, err := s.Identity.Settings(ctx)
	if err != nil {
		return nil, err
	}
	fixed, err := s.Identity.FixedSettings(ctx)
	v := views.ConsoleSettings{Console: s.console(c)}
	for _, f := range fixed {
		v.Fixed = append(v.Fixed, views.ConsoleFixed{Name: f.Name, Value: f.Value, Given: f.From != "default"})
	}
	if v.Notice = notFor(lines, tried, wrong); v.Notice != "" {
		v.NoticeTone = "error"
	} else {
		v.Notice = s.console(c).Notice
	}
	for _, line := range lines {
		one := consoleSetting(line)
		if line.Name == tried {
			one.Tried, one.Wrong = true, wrong
			if line.Kind != identity.SettingImage && typed(c, "value") != "" {
				one.Value = typed(c, "value")
			}
		}
		v.Sections = inSection(v.Sections, line, one)
	}
	return v, err
}

// notFor is what went wrong where the page has no form for it.
func notFor(lines []identity.SettingLine, tried string, wrong views.Wrong) string {
	for _, line := range lines {
		if line.Name == tried && !line.Pinned && !line.Gone {
			return ""
		}
	}
	return wrong["value"] + wrong["confirm"] + wrong[""]
}

func inSection(all []views.ConsoleSection, line identity.SettingLine, one views.ConsoleSetting) []views.ConsoleSection {
	title := line.Section
	if line.Gone {
		title = "Gone"
	}
	if len(all) == 0 || all[len(all)-1].Title != title {
		all = append(all, views.ConsoleSection{Title: title})
	}
	last := &all[len(all)-1]
	last.Settings = append(last.Settings, one)
	return all
}

func consoleSetting(l identity.SettingLine) views.ConsoleSetting {
	v := views.ConsoleSetting{
		Name: l.Name, Title: l.Title, Help: l.Help, Kind: string(l.Kind), Effective: shownSetting(l, l.Effective),
		Given: l.Given, Overridden: l.Override != nil, Value: l.Effective, Long: l.Name == "MESSAGE", ChangedAt: l.ChangedAt, ChangedBy: l.ChangedBy,
		Pinned: l.Pinned, Gone: l.Gone, Preview: l.Access && !l.Gone && !l.Pinned, Version: l.Version,
	}
	v.Environment = shownSetting(l, l.InEnvironment())
	if l.Override != nil {
		v.Override = shownSetting(l, *l.Override)
	}
	for _, choice := range l.Choices {
		v.Choices = append(v.Choices, views.ConsoleChoice{Value: choice, Label: choice})
	}
	switch l.Kind {
	case identity.SettingList:
		v.Value = strings.Join(entries(l.Effective), "\n")
	case identity.SettingSwitch:
		v.Value = plainSwitch(l.Effective)
	}
	return v
}

// plainSwitch is true or false, which the environment may write as 1 or F, too.
func plainSwitch(value string) string {
	if on, err := strconv.ParseBool(value); err == nil {
		return strconv.FormatBool(on)
	}
	return value
}

// shownSetting is a value as it is read.
func shownSetting(l identity.SettingLine, value string) string {
	switch l.Kind {
	case identity.SettingList:
		return strings.Join(entries(value), ", ")
	case identity.SettingSwitch:
		return map[string]string{"true": "On", "false": "Off"}[plainSwitch(value)]
	case identity.SettingImage:
		if value != "" {
			return fmt.Sprintf("an image of %d bytes", base64.StdEncoding.DecodedLen(len(value)))
		}
	}
	return value
}

// entries are those of a list, whether each stands on a line of its own or commas
// are between them.
func entries(list string) (all []string) {
	for entry := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if entry = strings.TrimSpace(entry); entry != "" {
			all = append(all, entry)
		}
	}
	return all
}

// typed is a field as it was typed, with one kind of line ends.
func typed(c echo.Context, name string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(field(c, name), "\r\n", "\n"), string(utf8.RuneError))
}

// settingValue is the value that a form says.
func (s *Server) settingValue(c echo.Context) string {
	name, value := field(c, "name"), typed(c, "value")
	for _, d := range s.Identity.SettingDefs {
		if d.Name == name && d.Kind == identity.SettingList {
			return strings.Join(entries(value), ",")
		}
	}
	return strings.TrimSpace(value)
}

// setSetting changes a setting, or does what the dry run has shown.
func (s *Server) setSetting(c echo.Context) error {
	name, value := field(c, "name"), s.settingValue(c)
	if name == "BRAND_LOGO" && value == "" {
		return s.settingAgain(c, errNoFile.At(name))
	}
	err := s.Identity.SetSetting(decided(c), name, value)
	if err == nil {
		return s.toConsole(c, "/settings", "setting_set")
	}
	return s.settingRefused(c, err, &value)
}

// clearSetting goes back to the environment's value.
func (s *Server) clearSetting(c echo.Context) error {
	err := s.Identity.ClearSetting(decided(c), field(c, "name"))
	if err == nil {
		return s.toConsole(c, "/settings", "setting_clear")
	}
	if errors.Is(err, models.ErrNotFound) {
		err = identity.ErrSettingChanged.Because(err)
	}
	return s.settingRefused(c, err, nil)
}

// settingRefused shows the dry run once more where the change hangs on it, else
// the form.
func (s *Server) settingRefused(c echo.Context, err error, value *string) error {
	for _, d := range s.Identity.SettingDefs {
		if d.Name == field(c, "name") && d.Access && (tryAgain(err) || errors.Is(err, identity.ErrSettingChanged)) {
			return s.tryAgain(c, err, func() (views.ConsolePreview, error) { return s.settingPreview(c, value) })
		}
	}
	return s.settingAgain(c, err)
}

// settingAgain shows the page with what is wrong at the setting that it is about.
func (s *Server) settingAgain(c echo.Context, err error) error {
	name := field(c, "name")
	e := models.AsError(err)
	if e.Field == name {
		err = e.At("value")
	}
	return s.again(c, err, func(wrong views.Wrong) (page, error) { return s.settingsPage(c, name, wrong) }, "", "value", "confirm")
}

// trySetting shows what a change would do.
func (s *Server) trySetting(c echo.Context) error {
	value := new(string)
	if *value = s.settingValue(c); field(c, "clear") == "yes" {
		value = nil
	}
	v, err := s.settingPreview(c, value)
	if err != nil {
		return s.settingAgain(c, err)
	}
	return s.show(c, http.StatusOK, v)
}

func (s *Server) settingPreview(c echo.Context, value *string) (views.ConsolePreview, error) {
	name := field(c, "name")
	p, err := s.Identity.PreviewSetting(c.Request().Context(), name, value)
	if err != nil {
		return views.ConsolePreview{}, err
	}
	lines, err := s.Identity.Settings(c.Request().Context())
	if err != nil {
		return views.ConsolePreview{}, err
	}
	v := s.dryRun(c, p)
	v.Place, v.Apply, v.Back, v.Button = "settings", "/auth/admin/settings", "/auth/admin/settings", "Apply"
	v.Danger = p.Lose > 0
	v.Fields = []views.ConsoleField{{Name: "name", Value: name}}
	if value == nil {
		v.Apply, v.Button = "/auth/admin/settings/clear", "Clear the override"
	} else {
		v.Fields = append(v.Fields, views.ConsoleField{Name: "value", Value: *value})
	}
	v.Title = name
	for _, line := range lines {
		if line.Name == name {
			v.Title, v.Changes = line.Title, settingChanges(line, value)
		}
	}
	return v, nil
}

// settingChanges say in a sentence each what is and what would be.
func settingChanges(l identity.SettingLine, value *string) []string {
	after := l.InEnvironment()
	if value != nil {
		after = *value
	}
	say := func(value string) string {
		if shown := shownSetting(l, value); shown != "" {
			return shown
		}
		if l.Kind == identity.SettingList {
			return "no list"
		}
		return "nothing"
	}
	return []string{"It is now: " + say(l.Effective) + ".", "It would be: " + say(after) + "."}
}
