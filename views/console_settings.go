package views

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// ConsoleSettings is GET /auth/admin/settings. Each setting has a form that posts
// "name", "value", "version" and, where it is asked for, "confirm" = "yes" to
// /auth/admin/settings, or to /settings/preview; the form of an image sends its
// file as "file" in a form of several parts. Another posts "name" and "version" to
// /settings/clear, or to /settings/preview with "clear" = "yes".
type ConsoleSettings struct {
	Console
	Sections []ConsoleSection
	// Fixed are what only the environment or a file changes.
	Fixed []ConsoleFixed
}

// Component renders the page.
func (p ConsoleSettings) Component() templ.Component { return consoleSettingsPage(p) }

// ConsoleSection is settings that belong together.
type ConsoleSection struct {
	Title    string
	Settings []ConsoleSetting
}

// ConsoleSetting is a setting that may be changed here.
type ConsoleSetting struct {
	Name  string // without DAGPASS_
	Title string
	Help  string
	Kind  string // "list", "choice", "duration", "switch", "text", "color" or "image"
	// Choices are the values of a choice.
	Choices []ConsoleChoice
	// Effective, Environment and Override are shown; "" is nothing. Given tells
	// that the environment says something, else it is the default.
	Effective, Environment, Override string
	Given, Overridden                bool
	Value                            string // in the form; of a list one entry on each line
	Long                             bool   // a text of several lines
	ChangedAt                        time.Time
	ChangedBy                        string
	Pinned                           bool // it cannot be changed; an override is ignored
	Gone                             bool // nothing is called so any more; it can only be cleared
	Preview                          bool // a dry run comes first
	Version                          string
	Tried                            bool  // its form came back
	Wrong                            Wrong // "value", "confirm" or ""
}

// ConsoleFixed is a setting that cannot be changed here.
type ConsoleFixed struct {
	Name, Value string
	Given       bool // else it is the default
}

// id is that of the form's field.
func (s ConsoleSetting) id() string { return "set-" + strings.ToLower(s.Name) }

// whence is where the value in effect comes from.
func (s ConsoleSetting) whence() (tone, words string) {
	switch {
	case s.Gone:
		return "bad", "Gone"
	case s.Pinned:
		return "", "Pinned"
	case s.Overridden:
		return "good", "Changed here"
	case s.Given:
		return "", "From the environment"
	}
	return "", "Default"
}

func (s ConsoleSetting) tone() string {
	tone, _ := s.whence()
	return tone
}

func (s ConsoleSetting) from() string {
	_, words := s.whence()
	return words
}

// nothing is what an empty value means: an empty list keeps nobody out.
func (s ConsoleSetting) nothing() string {
	if s.Kind == "list" {
		return "No list"
	}
	return "Nothing"
}

// to is where the form posts.
func (s ConsoleSetting) to(p ConsoleSettings, clear bool) string {
	switch {
	case s.Preview:
		return p.path("/auth/admin/settings/preview")
	case clear:
		return p.path("/auth/admin/settings/clear")
	}
	return p.path("/auth/admin/settings")
}

func (s ConsoleSetting) button() string {
	if s.Preview {
		return "Show what would change"
	}
	return "Apply"
}

// field describes the one field of the form.
func (s ConsoleSetting) field() input {
	return input{ID: s.id(), Name: "value", Label: s.Title, Value: s.Value, Hint: s.hint(), Wrong: s.Wrong["value"], Autocomplete: "off", Plain: s.Kind != "text", Optional: s.Kind == "text", Focus: s.Tried}
}

func (s ConsoleSetting) hint() string {
	return map[string]string{
		"list":     "One entry on each line.",
		"duration": "Hours and minutes, such as 8h or 1h30m.",
		"color":    "# and six hexadecimal digits.",
		"image":    "PNG, JPEG, GIF or WebP, 128 KiB at the most.",
	}[s.Kind]
}

// title says of a form that came back that there is something wrong.
func (p ConsoleSettings) title(title string) string {
	for _, section := range p.Sections {
		for _, s := range section.Settings {
			if len(s.Wrong) > 0 {
				return "Error: " + title
			}
		}
	}
	return title
}

func sectionID(title string) string {
	return "section-" + strings.ReplaceAll(strings.ToLower(title), " ", "-")
}

func radioID(id string, i int) string { return id + "-" + strconv.Itoa(i) }
