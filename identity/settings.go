package identity

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

// SettingKind is what a setting's value looks like.
type SettingKind string

// Kinds.
const (
	SettingList     SettingKind = "list" // separated by commas
	SettingChoice   SettingKind = "choice"
	SettingDuration SettingKind = "duration"
	SettingSwitch   SettingKind = "switch" // true or false
	SettingText     SettingKind = "text"
	SettingColor    SettingKind = "color" // #rrggbb
	SettingImage    SettingKind = "image" // base64
)

// SettingDef is a setting that may be changed while the program runs.
type SettingDef struct {
	// Name is without DAGPASS_.
	Name, Title, Help, Section string
	Kind                       SettingKind
	// Choices are the values of a choice; none where they are not known before.
	Choices []string
	// Access tells that who gets in, or what they may, hangs on it.
	Access bool
	// Default is what holds where nothing was said, Env the value of the
	// environment if it is Given.
	Default, Env string
	Given        bool
	// Pinned tells that it cannot be changed here.
	Pinned bool
}

// SettingLine is such a setting and what became of it.
type SettingLine struct {
	SettingDef
	// Override is the value that was put over the environment's; nil for none. A
	// pinned setting goes without it.
	Override *string
	// Effective is the value that holds.
	Effective string
	// ChangedAt and ChangedBy are of the override; ChangedBy is a name.
	ChangedAt time.Time
	ChangedBy string
	// Version is for [WithVersion].
	Version string
	// Gone tells that nothing is called so any more, such as the list of a provider
	// that was removed. It can only be cleared.
	Gone bool
}

// FixedSetting is a setting that only the environment or a file changes.
type FixedSetting struct {
	// Name is without DAGPASS_. A Value that is a secret is redacted. From is
	// "set", "default" or the path of a file.
	Name, Value, From string
}

// What is said of settings.
var (
	ErrNoSetting  = models.NewError(models.KindInvalid, "unknown_setting", "There is no setting of this name that can be changed here.")
	ErrPinned     = models.NewError(models.KindForbidden, "pinned", "This setting is pinned by the environment and cannot be changed here.")
	ErrNothingSet = models.NewError(models.KindInvalid, "nothing_set", "Write a value. To go back to the environment's, clear the override.")
	// ErrBadSetting is what [Config.Compose] says of a value, at the setting and with
	// words of its own.
	ErrBadSetting     = models.NewError(models.KindInvalid, "bad_setting", "This value cannot be used.")
	errNoWayBack      = models.NewError(models.KindInvalid, "bad_setting", "What the environment says cannot be used as things are now, so the override stays. The log says why.")
	ErrSettingChanged = models.NewError(models.KindConflict, "conflict", "Somebody else has changed this setting in the meantime. Look at what is there now, and do it again if you still want to.")
)

// Settings lists what may be changed while the program runs.
func (s *Service) Settings(ctx context.Context) ([]SettingLine, error) {
	if err := s.mayLook(ctx); err != nil {
		return nil, err
	}
	stored, err := s.Store.Rules(ctx)
	if err != nil {
		return nil, ErrNotNow.Because(err)
	}
	names := map[string]string{"": ""}
	lines := s.settingLines(stored.Settings)
	for i := range lines {
		if lines[i].ChangedBy, err = s.nameOf(ctx, names, lines[i].ChangedBy); err != nil {
			return nil, ErrNotNow.Because(err)
		}
	}
	return lines, nil
}

func (s *Service) settingLines(stored []models.Setting) []SettingLine {
	lines, known := make([]SettingLine, len(s.SettingDefs)), map[string]bool{}
	for i, def := range s.SettingDefs {
		lines[i], known[def.Name] = lineOf(def, stored), true
	}
	for _, one := range stored {
		if !known[one.Name] {
			line := lineOf(SettingDef{Name: one.Name, Title: one.Name, Kind: SettingText}, stored)
			line.Effective, line.Gone = "", true
			lines = append(lines, line)
		}
	}
	return lines
}

// FixedSettings lists the others.
func (s *Service) FixedSettings(ctx context.Context) ([]FixedSetting, error) {
	return s.Fixed, s.mayLook(ctx)
}

func lineOf(def SettingDef, stored []models.Setting) SettingLine {
	line := SettingLine{SettingDef: def, Effective: def.InEnvironment()}
	if i := slices.IndexFunc(stored, func(one models.Setting) bool { return one.Name == def.Name }); i >= 0 {
		over := stored[i]
		line.Override, line.ChangedAt, line.ChangedBy = &over.Value, over.ChangedAt, over.ChangedBy
		if !def.Pinned {
			line.Effective = over.Value
		}
	}
	line.Version = line.version()
	return line
}

// InEnvironment is what holds without an override.
func (d SettingDef) InEnvironment() string {
	if d.Given {
		return d.Env
	}
	return d.Default
}

// version is a digest of what a form about the setting shows and changes.
func (l SettingLine) version() string {
	if l.Override == nil {
		return models.Digest(l.Name)
	}
	return models.Digest(l.Name + "=" + *l.Override)
}

// SetSetting puts a value over the environment's. It holds here at once, and at
// every other replica within seconds.
func (s *Service) SetSetting(ctx context.Context, name, value string) error {
	return s.changeSetting(ctx, "setting.set", name, &value, func(tx *store.Tx) error {
		return tx.SetSetting(models.Setting{Name: name, Value: value, ChangedAt: s.Now(), ChangedBy: models.ActorOf(ctx).ID})
	})
}

// ClearSetting takes the override away: the environment's value holds again. An
// override that nobody can read, or whose setting is gone, can be cleared, too.
func (s *Service) ClearSetting(ctx context.Context, name string) error {
	return s.changeSetting(ctx, "setting.clear", name, nil, func(tx *store.Tx) error { return tx.ClearSetting(name) })
}

func (s *Service) changeSetting(ctx context.Context, event, name string, value *string, write func(*store.Tx) error) error {
	if err := s.mayAdminister(ctx); err != nil {
		return err
	}
	def, err := s.settable(name, value)
	if err != nil {
		return err
	}
	e := models.NewEvent(ctx, event, models.OutcomeOK)
	e.Target = &models.Target{Kind: "setting", ID: name}
	err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) {
		if err := tx.LockPeople(); err != nil {
			return models.Event{}, err
		}
		stored, err := tx.Rules()
		if err != nil {
			return models.Event{}, err
		}
		line := lineOf(def, stored.Settings)
		if err := line.fits(ctx, stored); err != nil {
			return models.Event{}, err
		}
		e.Reason = line.becomes(value)
		if err := write(tx); err != nil {
			return models.Event{}, err
		}
		return e, s.bears(ctx, tx, stored, name, value)
	})
	s.takeOver(ctx, err)
	return err
}

// takeOver has what was changed here hold here at once. It was written: whatever
// goes wrong now, the next [Service.Refresh] makes good.
func (s *Service) takeOver(ctx context.Context, changed error) {
	if changed != nil {
		return
	}
	if err := s.Refresh(context.WithoutCancel(ctx)); err != nil {
		s.Log.ErrorContext(ctx, "what was changed does not hold yet", "error", err)
	}
}

// settable finds a setting that may be changed. What is cleared need not be one:
// it may be left of a provider that is gone.
func (s *Service) settable(name string, value *string) (SettingDef, error) {
	i := slices.IndexFunc(s.SettingDefs, func(d SettingDef) bool { return d.Name == name })
	switch {
	case i < 0 && value == nil:
		return SettingDef{Name: name}, nil
	case i < 0:
		return SettingDef{}, ErrNoSetting.At("name")
	case s.SettingDefs[i].Pinned && value != nil:
		return SettingDef{}, ErrPinned.At(name)
	case value != nil && *value == "" && !s.SettingDefs[i].Kind.mayBeEmpty():
		// An allow-list of nothing would let in everybody.
		return SettingDef{}, ErrNothingSet.At(name)
	}
	return s.SettingDefs[i], nil
}

// mayBeEmpty tells the kinds of which nothing is a value, which then stands
// over one of the environment.
func (k SettingKind) mayBeEmpty() bool {
	return k == SettingText || k == SettingColor || k == SettingImage
}

// fits refuses a change that was decided upon a setting as it no longer is, or
// upon the dry run of it while the rules were others.
func (l SettingLine) fits(ctx context.Context, stored store.Rules) error {
	seen, ok := ctx.Value(versionKey).(string)
	if !ok || seen == l.Version || seen == rulesVersion(stored.Revision) {
		return nil
	}
	return ErrSettingChanged
}

// bears holds the rules as they will be against the laws: they must be ones,
// somebody can still be admin, and nobody takes from themself what they have
// without saying that they want it. Where there are none already, to clear an
// override is right even if there are still none then.
func (s *Service) bears(ctx context.Context, tx *store.Tx, was store.Rules, name string, value *string) error {
	if _, err := s.Compose(proposed(was, name, value)); err != nil && value == nil {
		if _, already := s.Compose(changes(was)); already != nil {
			return nil
		}
		return errNoWayBack.At(name).Because(err)
	}
	return s.leaves(ctx, tx)
}

// proposed is what would be changed with a setting so, or without an override.
func proposed(stored store.Rules, name string, value *string) Changes {
	c := changes(stored)
	c.Settings = maps.Clone(c.Settings)
	delete(c.Settings, name)
	if value != nil {
		c.Settings[name] = *value
	}
	return c
}

// becomes tells the trail what a setting was and what it is. It holds no secret:
// no such setting is one.
func (l SettingLine) becomes(value *string) string {
	after := l.InEnvironment()
	if value != nil {
		after = *value
	}
	if l.Kind == SettingList {
		return clipped(lists(l.Effective, after))
	}
	return clipped("from " + l.told(l.Effective) + " to " + l.told(after))
}

func (l SettingLine) told(value string) string {
	switch {
	case value == "":
		return "nothing"
	case l.Kind == SettingImage:
		return "the image " + models.Digest(value)[:16]
	}
	return fmt.Sprintf("%q", value)
}

// lists tells by what one list differs from another.
func lists(before, after string) string {
	was, is := entries(before), entries(after)
	added := slices.DeleteFunc(slices.Clone(is), func(e string) bool { return slices.Contains(was, e) })
	removed := slices.DeleteFunc(slices.Clone(was), func(e string) bool { return slices.Contains(is, e) })
	var told []string
	if len(added) > 0 {
		told = append(told, fmt.Sprintf("added %d: %s", len(added), strings.Join(added, ", ")))
	}
	if len(removed) > 0 {
		told = append(told, fmt.Sprintf("removed %d: %s", len(removed), strings.Join(removed, ", ")))
	}
	return cmp.Or(strings.Join(told, "; "), "the same as before")
}

func entries(list string) (all []string) {
	for entry := range strings.SplitSeq(list, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			all = append(all, entry)
		}
	}
	return all
}

// maxTold bounds what the trail keeps of a value, in bytes.
const maxTold = 2000

func clipped(text string) string {
	if len(text) <= maxTold {
		return text
	}
	cut := maxTold
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " …"
}
