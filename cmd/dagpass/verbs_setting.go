package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dagpass/dagpass/identity"
)

// mend is operate for settings: it works, too, where what was changed in the
// console keeps the server from starting.
func mend(ctx context.Context, env environment, io stdio, do func(context.Context, *identity.Service) error) error {
	return operateWith(ctx, env, io, func(c *Config) { c.Forgiving = true }, do)
}

type settingListVerb struct {
	JSON bool `help:"Print JSON."`
}

// settingLine is a setting as it is listed.
type settingLine struct {
	Name        string     `json:"name"`
	Environment string     `json:"environment"`
	Given       bool       `json:"given"`
	Override    *string    `json:"override"`
	Effective   string     `json:"effective"`
	Pinned      bool       `json:"pinned"`
	ChangedAt   *time.Time `json:"changed_at"`
	ChangedBy   string     `json:"changed_by"`
}

// Run lists the settings that may be changed without a restart.
func (v settingListVerb) Run(ctx context.Context, env environment, io stdio) error {
	return mend(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		all, err := s.Settings(ctx)
		if err != nil {
			return err
		}
		if v.JSON {
			return json.NewEncoder(io.Out).Encode(settingLines(all))
		}
		return printSettings(io.Out, all)
	})
}

func settingLines(all []identity.SettingLine) []settingLine {
	lines := make([]settingLine, len(all))
	for i, l := range all {
		lines[i] = settingLine{Name: l.Name, Environment: l.Env, Given: l.Given, Override: l.Override, Effective: l.Effective, Pinned: l.Pinned, ChangedBy: l.ChangedBy}
		if l.Override != nil {
			lines[i].ChangedAt = &l.ChangedAt
		}
	}
	return lines
}

func printSettings(w io.Writer, all []identity.SettingLine) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tIN EFFECT\tFROM\tCHANGED\tBY")
	for _, l := range all {
		changed, by := "-", "-"
		if l.Override != nil {
			changed, by = l.ChangedAt.UTC().Format(time.RFC3339), fmt.Sprintf("%q", l.ChangedBy)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.Name, short(l), whence(l), changed, by)
	}
	return t.Flush()
}

// short is what is in effect, on one line that cannot steer a terminal.
func short(l identity.SettingLine) string {
	switch {
	case l.Effective == "":
		return "-"
	case l.Kind == identity.SettingImage:
		return fmt.Sprintf("(%d bytes)", base64.StdEncoding.DecodedLen(len(l.Effective)))
	}
	return fmt.Sprintf("%q", l.Effective)
}

func whence(l identity.SettingLine) string {
	switch {
	case l.Gone:
		return "override of a setting that is gone; clear it"
	case l.Pinned && l.Override != nil:
		return "environment, pinned; an override is ignored"
	case l.Pinned:
		return "environment, pinned"
	case l.Override != nil:
		return "override"
	case l.Given:
		return "environment"
	}
	return "default"
}

type settingSetVerb struct {
	Name  string `arg:"" help:"The setting, such as SESSION_TTL."`
	Value string `arg:"" help:"Its value, written as in the environment. BRAND_LOGO takes the name of a file."`
}

// Run puts a value over the environment's.
func (v settingSetVerb) Run(ctx context.Context, env environment, io stdio) error {
	name, value := named(v.Name), v.Value
	if name == "BRAND_LOGO" && value != "" {
		content, err := os.ReadFile(value) //nolint:gosec // whoever has the command line reads what they may
		if err != nil {
			return err
		}
		value = logoText(content)
	}
	return mend(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if err := s.SetSetting(ctx, name, value); err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "%s is changed; running replicas go by it within five seconds\n", name)
		return nil
	})
}

type settingClearVerb struct {
	Name string `arg:"" help:"The setting, such as SESSION_TTL."`
}

// Run goes back to the environment's value.
func (v settingClearVerb) Run(ctx context.Context, env environment, io stdio) error {
	return mend(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if err := s.ClearSetting(ctx, named(v.Name)); err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "%s is what the environment says; running replicas go by it within five seconds\n", named(v.Name))
		return nil
	})
}

// named takes the name of a setting as it stands in the environment, too.
func named(name string) string {
	return cmp.Or(strings.TrimPrefix(strings.ToUpper(name), prefix), name)
}
