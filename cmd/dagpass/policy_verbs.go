package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
	"github.com/dagpass/dagpass/providers"
)

type policyCheckVerb struct{}

// Run refuses rules that can give nobody anything, all at once.
func (policyCheckVerb) Run(env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	if problems := cfg.policy.Unreachable(cfg.policyDoors()); len(problems) > 0 {
		return errors.New("the policy has unreachable rules:\n  - " + strings.Join(problems, "\n  - "))
	}
	_, err = fmt.Fprintln(io.Out, "every rule of the policy can be reached")
	return err
}

// policyDoors is what the policy has to know of each provider.
func (c *Config) policyDoors() (doors []policy.Door) {
	for _, p := range c.providers() {
		doors = append(doors, p.door())
	}
	return doors
}

func (p provider) door() policy.Door {
	return policy.Door{
		Slot: p.slot, Gate: p.gate, Groups: p.groups, Orgs: p.kind == "github", Hosted: providers.Hosts(p.kind, p.issuer),
	}
}

type policyExplainVerb struct {
	Permission string   `arg:"" help:"What they want to do, such as launch_pipeline_execution."`
	Location   string   `help:"At which code location; without it, in the whole deployment."`
	User       string   `help:"The account's name, e-mail or id; its claims are those of the last sign-in." placeholder:"WHO"`
	Slot       string   `help:"Claims in place of an account: the provider that would vouch for them."`
	Email      string   `help:"The address that the provider has verified."`
	HD         string   `name:"hd" help:"The organisation that hosts the account, by Google's word." placeholder:"DOMAIN"`
	Group      []string `help:"A group; repeatable." sep:"none"`
	Org        []string `help:"A GitHub organisation; repeatable." sep:"none"`
	Team       []string `help:"A GitHub team, as org/team; repeatable." sep:"none"`
	JSON       bool     `help:"Print JSON."`
}

// explanation is the answer to one question, for each way in that the person
// has.
type explanation struct {
	Permission policy.Permission `json:"permission"`
	// Location is empty for the whole deployment, also where no location can
	// hold the permission.
	Location string      `json:"location"`
	User     *personLine `json:"user,omitempty"`
	Answers  []verdict   `json:"answers"`
}

// personLine is the account that was asked about.
type personLine struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	CreatedAt time.Time `json:"created_at"`
	Disabled  bool      `json:"disabled"`
}

// verdict is what somebody may do who comes in by one provider.
type verdict struct {
	Provider string `json:"provider"`
	Email    string `json:"email"` // as far as it is verified
	Allowed  bool   `json:"allowed"`
	// Barred is a fixed word that says why they would not get in at all.
	Barred string `json:"barred,omitempty"`
	// Role is the one in the whole deployment, LocationRole the one at the
	// location.
	Role         policy.Role `json:"role"`
	LocationRole policy.Role `json:"location_role,omitempty"`
	// Rule decided, unless they are barred.
	Rule ruleLine `json:"rule"`
	// Missing is the lowest built-in role that would be enough.
	Missing policy.Role `json:"missing,omitempty"`
	// Matching are all rules that match the person.
	Matching []ruleLine `json:"matching"`
}

type ruleLine struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
}

// Run explains one decision, without making it.
func (v policyExplainVerb) Run(ctx context.Context, env environment, io stdio) error {
	cfg, err := env.load()
	if err != nil {
		return err
	}
	if err := v.check(cfg); err != nil {
		return usageError{err}
	}
	e := &explainer{cfg, cfg.rules(), policy.Want{Permission: policy.Permission(v.Permission), Location: v.Location}}
	x, err := v.explain(ctx, e, env, io)
	switch {
	case err != nil:
		return err
	case v.JSON:
		return json.NewEncoder(io.Out).Encode(x)
	}
	return x.print(io.Out, !e.rules.Monitor)
}

// explain goes by what is in the database too, as the server does. One that is not
// there yet is not made for it: the rules can be tried before there is a server.
func (v policyExplainVerb) explain(ctx context.Context, e *explainer, env environment, io stdio) (x explanation, err error) {
	if v.User == "" && !e.cfg.hasDatabase() {
		return e.explain(e.judge(v.subject(e.cfg))), nil
	}
	err = operate(ctx, env, io, func(ctx context.Context, s *identity.Service) error {
		if e.rules = s.Rules(); v.User == "" {
			x = e.explain(e.judge(v.subject(e.cfg)))
			return nil
		}
		return onOne(ctx, s, v.User, func(u models.User) error {
			ways, err := s.IdentitiesOf(ctx, u.ID)
			x = e.explainUser(u, ways)
			return err
		})
	})
	return x, err
}

// hasDatabase tells whether there is one to look into.
func (c *Config) hasDatabase() bool {
	file := c.databaseFile()
	if file == "" {
		return true // another process has it
	}
	_, err := os.Stat(file)
	return err == nil
}

// explainer answers for one configuration, the rules that hold and one want.
type explainer struct {
	cfg   Config
	rules *identity.Rules
	want  policy.Want
}

func (e explainer) explain(answers ...verdict) explanation {
	want := policy.Decide(policy.Access{}, e.want).Want // with a location only where one counts
	return explanation{Permission: want.Permission, Location: want.Location, Answers: answers}
}

func (e explainer) explainUser(u models.User, ways []models.Identity) explanation {
	answers := []verdict{}
	for _, way := range ways {
		subject := way.Claims.Subject(way.Slot)
		subject.Assigned = u.Role
		answer := e.judge(subject)
		if u.Disabled() {
			answer.Allowed, answer.Barred = false, "user_disabled"
		}
		answers = append(answers, answer)
	}
	x := e.explain(answers...)
	x.User = &personLine{u.ID, u.Name, u.Email, u.CreatedAt, u.Disabled()}
	return x
}

// judge decides as a request's admission does: they must get in at all, and a
// rule must give them what is wanted.
func (e explainer) judge(s policy.Subject) verdict {
	rules := e.rules.Policy
	access := rules.Access(s)
	d := policy.Decide(access, e.want)
	answer := verdict{
		Provider: s.Slot, Email: s.Email, Role: access.Role, Rule: e.rule(d.Rule), Missing: d.Missing, Matching: []ruleLine{},
	}
	if d.Location != "" {
		answer.LocationRole = access.RoleAt(d.Location)
	}
	for _, name := range rules.Rules(s) {
		answer.Matching = append(answer.Matching, e.rule(name))
	}
	answer.Barred = e.barred(s)
	answer.Allowed = d.Allowed && answer.Barred == ""
	return answer
}

func (e explainer) barred(s policy.Subject) string {
	gate, ok := e.rules.Gates[s.Slot]
	switch {
	case s.Slot == models.LocalSlot && !e.cfg.PasswordLogin:
		return "password_login_off"
	case s.Slot != models.LocalSlot && !ok:
		return "provider_gone"
	}
	reason, _ := e.rules.Policy.Admit(gate, s)
	return reason
}

func (e explainer) rule(name string) ruleLine {
	texts := map[string]string{
		"no grant":      "none of the rules that match gives it",
		"admin_emails":  prefix + "ADMIN_EMAILS names the address",
		"assigned_role": "an admin has given it to them",
		"default_role":  prefix + "DEFAULT_ROLE is " + string(e.rules.Policy.DefaultRole()) + ", and no other rule names them",
	}
	return ruleLine{name, cmp.Or(texts[name], e.rules.Policy.Text(name))}
}

func (c *Config) provider(slot string) (provider, bool) {
	all := c.providers()
	i := slices.IndexFunc(all, func(p provider) bool { return p.slot == slot })
	if i < 0 {
		return provider{}, false
	}
	return all[i], true
}

// subject is the person that the flags describe, once they have been checked.
func (v policyExplainVerb) subject(cfg Config) policy.Subject {
	p, _ := v.vouches(cfg)
	s := policy.NewSubject(p.slot, v.Email, true)
	s.Hosted, s.HostedDomain = p.door().Hosted, v.HD
	s.Groups, s.Orgs, s.Teams = v.Group, v.Org, v.Team
	return s
}

// check refuses a question that has no answer, and claims that the provider
// would never make: they would only mislead.
func (v policyExplainVerb) check(cfg Config) error {
	claims := v.Slot+v.Email+v.HD != "" || len(v.Group)+len(v.Org)+len(v.Team) > 0
	switch {
	case !policy.BuiltIn(policy.Admin).Has(policy.Permission(v.Permission)):
		return fmt.Errorf("%q is not a permission%s", v.Permission, nearestPermission(v.Permission))
	case v.User != "" && claims:
		return errors.New("name an account by --user, or claims; not both")
	case v.User == "" && !claims:
		return errors.New("name an account by --user, or claims by --slot, --email, --hd, --group, --org and --team")
	case v.User != "":
		return nil
	}
	return v.checkClaims(cfg)
}

func (v policyExplainVerb) checkClaims(cfg Config) error {
	p, err := v.vouches(cfg)
	door := p.door()
	switch {
	case err != nil:
		return err
	case v.Email != "" && policy.NewSubject("", v.Email, true).Email == "":
		return fmt.Errorf("%q is not an e-mail address", v.Email)
	case len(v.Group) > 0 && !door.Groups:
		return fmt.Errorf("the provider %s sends no groups", p.slot)
	case len(v.Org)+len(v.Team) > 0 && !door.Orgs:
		return fmt.Errorf("the provider %s sends no organisations and teams", p.slot)
	case v.HD != "" && !door.Hosted:
		return fmt.Errorf("the provider %s does not say which organisation hosts an account", p.slot)
	}
	return nil
}

// vouches finds the provider; one that is alone need not be named.
func (v policyExplainVerb) vouches(cfg Config) (provider, error) {
	all := cfg.providers()
	if v.Slot == "" && len(all) == 1 {
		return all[0], nil
	}
	if p, ok := cfg.provider(v.Slot); ok {
		return p, nil
	}
	var slots []string
	for _, p := range all {
		slots = append(slots, p.slot)
	}
	return provider{}, fmt.Errorf("name the provider by --slot: %s", strings.Join(slots, ", "))
}

// nearestPermission is for whoever mistyped; nothing where none is near.
func nearestPermission(name string) string {
	best, distance := "", max(3, len(name)/2)
	for _, known := range policy.BuiltIn(policy.Admin).Names() {
		if d := levenshtein.ComputeDistance(name, known); d < distance {
			best, distance = known, d
		}
	}
	if best == "" {
		return "; docs/permissions.md lists them"
	}
	return "; did you mean " + best + "?"
}

func (x explanation) print(w io.Writer, enforce bool) error {
	if x.User != nil {
		fmt.Fprintf(w, "%q %q, id %s\n", x.User.Name, x.User.Email, x.User.ID)
	}
	if len(x.Answers) == 0 {
		fmt.Fprintln(w, "refused: no provider has ever vouched for this account")
	}
	never := map[bool]string{false: ", for no code location can hold it"}[policy.Located(x.Permission)]
	for _, answer := range x.Answers {
		word := map[bool]string{true: "allowed", false: "refused"}[answer.Allowed]
		fmt.Fprintf(w, "%s: %s %s%s\n", word, x.Permission, where(x.Location), never)
		if err := answer.print(w, x.Location); err != nil {
			return err
		}
	}
	if !enforce {
		fmt.Fprintf(w, "%sENFORCE is false: what a role forbids is recorded and done all the same\n", prefix)
	}
	return nil
}

func where(location string) string {
	if location == "" {
		return "in the whole deployment"
	}
	return "at the code location " + location
}

func (v verdict) print(w io.Writer, location string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  by\t%s %q\n", v.Provider, v.Email)
	if v.Barred != "" {
		fmt.Fprintf(t, "  barred\t%s\n", barredWords(v.Barred))
	}
	fmt.Fprintf(t, "  role\t%s %s\n", roleWord(v.Role), where(""))
	if location != "" {
		fmt.Fprintf(t, "  \t%s %s\n", roleWord(v.LocationRole), where(location))
	}
	fmt.Fprintf(t, "  rule\t%s\n", v.Rule)
	if v.Missing != policy.None {
		fmt.Fprintf(t, "  missing\tthe role %s %s, or one of the policy file with this permission\n", v.Missing, where(location))
	}
	for _, rule := range v.Matching {
		if rule != v.Rule {
			fmt.Fprintf(t, "  matches\t%s\n", rule)
		}
	}
	return t.Flush()
}

func roleWord(role policy.Role) string { return cmp.Or(string(role), "no whole role") }

// String is the rule in words.
func (r ruleLine) String() string {
	if r.Text == "" {
		return r.Name
	}
	return r.Name + ": " + r.Text
}

func barredWords(reason string) string {
	return cmp.Or(map[string]string{
		"user_disabled":       "the account is disabled",
		"provider_gone":       "the provider is not configured any more",
		"password_login_off":  prefix + "PASSWORD_LOGIN is false, so that only a link of dagpass user link lets them in",
		"address_not_allowed": "the provider's allow-list does not have their address",
		"org_not_allowed":     "the provider's allow-list has none of their organisations and teams",
		"group_not_allowed":   "the provider's allow-list has none of their groups",
		"not_on_a_list":       "anybody can open an account at this provider, and neither a list nor a rule names them",
		"no_role":             "no rule gives them anything in the whole deployment, so they are not let in",
	}[reason], reason)
}
