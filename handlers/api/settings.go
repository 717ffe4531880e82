package api

import (
	"context"
	"time"

	"github.com/dagpass/dagpass/identity"
)

func (a *API) settingOperations() {
	op := func(method, path, id, summary, description string, errors ...int) operation {
		return operation{method: method, path: path, id: id, tag: "settings", summary: summary, description: description, errors: errors}
	}
	add(a, op("GET", "/settings", "listSettings", "List settings",
		"What may be changed while Dagpass runs: its value from the environment, the override, and what holds. All else only the environment or a file changes."), a.settings)
	add(a, op("PUT", "/settings/{name}", "setSetting", "Set a setting",
		"It stands over the environment, and holds at every replica within five seconds. If-Match is the setting's version, in quotes.", 404, 412), a.setSetting)
	add(a, op("DELETE", "/settings/{name}", "clearSetting", "Clear a setting",
		"The environment's value holds again.", 404, 412), a.clearSetting)
	add(a, op("POST", "/settings/{name}/preview", "previewSetting", "Tell what a setting would change",
		"Who gains and who loses what. It changes nothing; like a change it takes a recent proof.", absent...), a.previewSetting)
}

// Settings are all that may be changed.
type Settings struct {
	Settings []Setting `json:"settings"`
}

// Setting is one of them.
type Setting struct {
	Name        string     `json:"name" doc:"As the environment has it, without DAGPASS_." example:"DEFAULT_ROLE"`
	Title       string     `json:"title" example:"Default role"`
	Help        string     `json:"help" example:"Of people whom no grant names."`
	Section     string     `json:"section" example:"Access"`
	Kind        string     `json:"kind" enum:"list,choice,duration,switch,text,color,image" example:"choice"`
	Choices     []string   `json:"choices" doc:"The values of a choice."`
	Access      bool       `json:"access" doc:"Whether who gets in, or what they may, hangs on it." example:"true"`
	Default     string     `json:"default" doc:"What holds where nothing was said." example:"viewer"`
	Environment *string    `json:"environment,omitempty" doc:"The environment's value; absent where it has none."`
	Override    *string    `json:"override,omitempty" doc:"What was put over it; absent for nothing."`
	Effective   string     `json:"effective" doc:"What holds." example:"viewer"`
	Pinned      bool       `json:"pinned" doc:"Whether the environment pins it: then it cannot be changed here." example:"false"`
	ChangedAt   *time.Time `json:"changed_at,omitempty"`
	ChangedBy   string     `json:"changed_by,omitempty" example:"Ada Lovelace"`
	Version     string     `json:"version" doc:"For If-Match, in quotes." example:"2c26b46b"`
}

func (a *API) settings(ctx context.Context, _ *struct{}) (*Body[Settings], error) {
	lines, err := a.Identity.Settings(ctx)
	return say(Settings{each(lines, settingOf)}, err)
}

func settingOf(l identity.SettingLine) Setting {
	s := Setting{
		Name: l.Name, Title: l.Title, Help: l.Help, Section: l.Section, Kind: string(l.Kind), Choices: list(l.Choices), Access: l.Access,
		Default: l.Default, Override: l.Override, Effective: l.Effective, Pinned: l.Pinned, ChangedAt: optional(l.ChangedAt), ChangedBy: l.ChangedBy, Version: l.Version,
	}
	if l.Given {
		s.Environment = &l.Env
	}
	return s
}

// SettingName is which one.
type SettingName struct {
	Name string `path:"name" maxLength:"100" doc:"The setting's name, without DAGPASS_." example:"DEFAULT_ROLE"`
}

type setInput struct {
	Once
	Conditions
	SettingName
	Body struct {
		Value string `json:"value" doc:"As the environment would have it; an image in base64." example:"viewer"`
	} `nameHint:"ValueToSet"`
}

func (a *API) setSetting(ctx context.Context, in *setInput) (*Nothing, error) {
	return &Nothing{}, in.kept(a.Identity.SetSetting(in.in(ctx), in.Name, in.Body.Value))
}

type clearInput struct {
	Once
	Conditions
	SettingName
}

func (a *API) clearSetting(ctx context.Context, in *clearInput) (*Nothing, error) {
	return &Nothing{}, in.kept(a.Identity.ClearSetting(in.in(ctx), in.Name))
}

type previewSettingInput struct {
	SettingName
	Body struct {
		Value *string `json:"value,omitempty" doc:"Absent to see what clearing it would do." example:"viewer"`
	} `nameHint:"ValueToPreview"`
}

func (a *API) previewSetting(ctx context.Context, in *previewSettingInput) (*Body[Preview], error) {
	p, err := a.Identity.PreviewSetting(ctx, in.Name, in.Body.Value)
	return say(previewOf(p), err)
}
