package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
}

type file struct {
	Roles  map[Role]roleSpec `yaml:"roles"`
	Grants []Grant           `yaml:"grants"`
}

type roleSpec struct {
	Extends Role         `yaml:"extends"`
	Allow   []Permission `yaml:"allow"`
}

// New reads the policy. All problems of the file are reported at once, each on
// a line of its own; a field nobody knows is one.
func New(o Options) (*Policy, error) {
	f, err := parse(o.File)
	if err != nil {
		return nil, err
	}
	p := &Policy{roles: builtInRoles(), adminEmails: lower(o.AdminEmails), defaultRole: o.DefaultRole, grants: f.Grants}
	problems := p.defineRoles(f.Roles)
	for i, g := range f.Grants {
		problems = append(problems, p.checkGrant(i, g, o)...)
	}
	if _, ok := p.roles[o.DefaultRole]; !ok && o.DefaultRole != None {
		problems = append(problems, fmt.Errorf("default role %q is not a role", o.DefaultRole))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return p, nil
}

func parse(content []byte) (file, error) {
	var f file
	dec := yaml.NewDecoder(bytes.NewReader(content))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return file{}, fmt.Errorf("policy file: %w", err)
	}
	if err := dec.Decode(new(file)); !errors.Is(err, io.EOF) {
		return file{}, errors.New("policy file: one document is expected")
	}
	return f, nil
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

func (p *Policy) checkGrant(i int, g Grant, o Options) (problems []error) {
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", grantName(i), fmt.Sprintf(format, args...)))
	}
	if _, ok := p.roles[g.Role]; !ok {
		bad("role %q is not a role", g.Role)
	}
	if g.Email+g.Domain+g.Group+g.Org+g.Team == "" {
		bad("it must name an email, domain, group, org or team")
	}
	if g.Slot != "" && !slices.Contains(o.Slots, g.Slot) {
		bad("slot %q is not a configured provider", g.Slot)
	}
	if g.Group != "" && g.Slot == "" && len(o.GroupSlots) > 1 {
		bad("group %q must name its slot, for several providers send groups: %s", g.Group, strings.Join(o.GroupSlots, ", "))
	}
	if g.Team != "" && strings.Count(g.Team, "/") != 1 {
		bad("team %q must be written org/team", g.Team)
	}
	return problems
}

func grantName(i int) string { return fmt.Sprintf("grant %d", i+1) }
