package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Options is what a policy is made of.
type Options struct {
	// File is the content of the policy file, YAML; empty means none.
	File []byte
	// AdminEmails are admin when an SSO provider has verified them.
	AdminEmails []string
	// DefaultRole is for people let in whom no grant names; None refuses them.
	DefaultRole Role
	// Slots are the providers that exist.
	Slots []string
	// GroupSlots are those that can send groups. With two or more of them a
	// grant by group must name its slot.
	GroupSlots []string
	// Grants are those kept in the database, each with its id. One that the file's
	// would be refused for gives nothing and is [Policy.Broken]; it stops nobody.
	Grants []Grant
}

type file struct {
	Roles  map[Role]roleSpec `yaml:"roles"`
	Grants []Grant           `yaml:"grants"`
	MFA    MFA               `yaml:"mfa"`
}

type roleSpec struct {
	Extends Role         `yaml:"extends"`
	Allow   []Permission `yaml:"allow"`
}

// ErrDefaultRole marks a problem of Options.DefaultRole, not of the file.
var ErrDefaultRole = errors.New("default role")

// New reads the policy. All problems of the file are reported at once, joined
// by errors.Join; a field nobody knows is one.
func New(o Options) (*Policy, error) {
	f, err := parse(o.File)
	if err != nil {
		return nil, err
	}
	p := &Policy{
		roles: builtInRoles(), adminEmails: folded(o.AdminEmails), defaultRole: o.DefaultRole, mfa: f.MFA,
		slots: o.Slots, groupSlots: o.GroupSlots,
	}
	problems := p.defineRoles(f.Roles)
	for i, g := range f.Grants {
		problems = append(problems, named(fileGrant(i), p.Check(g))...)
		p.grants = append(p.grants, g)
	}
	problems = append(problems, p.checkMFA()...)
	if err := errors.Join(append(problems, p.checkDefaultRole())...); err != nil {
		return nil, err
	}
	p.add(o.Grants)
	return p, nil
}

func parse(content []byte) (file, error) {
	var f file
	dec := yaml.NewDecoder(bytes.NewReader(content))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return file{}, inWords(err)
	}
	if err := dec.Decode(new(file)); !errors.Is(err, io.EOF) {
		return file{}, errors.New("one YAML document is expected")
	}
	return f, refuseEmpty(content)
}

// refuseEmpty finds what is written into a grant, or about second factors, and
// left empty, as a template does whose variable is missing. The reader takes it
// for absent, and a grant that names less matches more people, or holds at more
// locations; second factors for fewer roles are asked of fewer people. It looks
// at the values as they are after aliases and merges.
func refuseEmpty(content []byte) error {
	var f struct {
		Grants []map[string]any `yaml:"grants"`
		Rest   map[string]any   `yaml:",inline"`
	}
	if err := yaml.Unmarshal(content, &f); err != nil {
		return err
	}
	var problems []error
	for i, grant := range f.Grants {
		problems = append(problems, emptyFields(fileGrant(i), grant)...)
	}
	if mfa, written := f.Rest["mfa"]; written {
		fields, _ := mfa.(map[string]any)
		problems = append(problems, emptyFields("mfa", fields)...)
	}
	return errors.Join(problems...)
}

func emptyFields(what string, fields map[string]any) (problems []error) {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if lack := emptiness(fields[field]); lack != "" {
			problems = append(problems, fmt.Errorf("%s: %s %s", what, field, lack))
		}
	}
	if fields == nil {
		problems = append(problems, fmt.Errorf("%s is empty", what))
	}
	return problems
}

// emptiness says what a value lacks. The reader drops an entry of a list that
// is nothing, and with the last one the list.
func emptiness(value any) string {
	list, _ := value.([]any)
	switch {
	case value == nil, value == "", list != nil && len(list) == 0:
		return "is empty"
	case slices.ContainsFunc(list, func(entry any) bool { return emptiness(entry) != "" }):
		return "has an empty entry"
	}
	return ""
}

// goWords is what the YAML reader says about our types, and values it quotes.
var goWords = regexp.MustCompile(" (in type|into) [^ ]+| `[^`]*`")

// inWords makes an error of the YAML reader readable for whoever wrote the
// file: a problem per line of it, without the names of Go types.
func inWords(err error) error {
	var all *yaml.TypeError
	if !errors.As(err, &all) {
		return err
	}
	problems := make([]error, len(all.Errors))
	for i, text := range all.Errors {
		problems[i] = errors.New(goWords.ReplaceAllString(text, ""))
	}
	return errors.Join(problems...)
}

func (p *Policy) checkDefaultRole() error {
	if p.defaultRole == Admin {
		return fmt.Errorf("%w: admin is not accepted, for everybody let in would be one", ErrDefaultRole)
	}
	if _, ok := p.roles[p.defaultRole]; !ok && p.defaultRole != None {
		return fmt.Errorf("%w: %q is neither built in nor a role of the policy file", ErrDefaultRole, p.defaultRole)
	}
	return nil
}

func builtInRoles() map[Role]Permissions {
	roles := map[Role]Permissions{}
	for _, rung := range ladder {
		roles[rung.role] = BuiltIn(rung.role)
	}
	return roles
}

func (p *Policy) defineRoles(specs map[Role]roleSpec) (problems []error) {
	for _, name := range sortedRoles(specs) {
		set, errs := customRole(name, specs[name])
		problems = append(problems, errs...)
		p.roles[name] = set
	}
	return problems
}

func sortedRoles(specs map[Role]roleSpec) []Role {
	names := make([]Role, 0, len(specs))
	for name := range specs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func customRole(name Role, spec roleSpec) (Permissions, []error) {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("role %q: %s", name, fmt.Sprintf(format, args...)))
	}
	if len(BuiltIn(name)) > 0 || name == None || name == "none" {
		bad("the name is taken")
	}
	set := BuiltIn(spec.Extends)
	if spec.Extends == Admin || (spec.Extends != None && len(set) == 0) {
		bad("extends %q: it may extend viewer, launcher or editor", spec.Extends)
	}
	for _, perm := range spec.Allow {
		if !known(perm) || reserved.Has(perm) {
			bad("permission %q is not one that a role can be given", perm)
		}
		set[perm] = struct{}{}
	}
	return set, problems
}

func isTeam(s string) bool {
	org, team, ok := strings.Cut(s, "/")
	return ok && org != "" && team != "" && !strings.Contains(team, "/")
}

func fileGrant(i int) string { return fmt.Sprintf("grant %d", i+1) }
