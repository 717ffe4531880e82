package main

import (
	"context"
	"fmt"
)

// How many connections are kept busy at once: few and many, and a handful where
// answers are large.
const (
	few     = 32
	many    = 500
	handful = 4
)

// lineUp is the processes of a section, by name: the upstream, and what stands in
// front of it.
type lineUp map[string]*process

// section is what is measured on one line-up. Each has one of its own that has
// just started, for memory that was once used is given back slowly.
type section struct {
	name    string
	parts   []string // besides the upstream
	measure func(*bench, context.Context, lineUp) error
}

var sections = []section{
	{"few", []string{"plain", "tuned", "nginx", "dagpass"}, (*bench).few},
	{"many", []string{"plain", "tuned", "nginx", "dagpass"}, (*bench).many},
	{"reading", []string{"dagpass", "unread"}, (*bench).reading},
	{"trimming", []string{"dagpass"}, (*bench).trimming},
	{"launching", []string{"dagpass"}, (*bench).launching},
	{"socket", []string{"plain", "nginx", "dagpass"}, (*bench).socket},
	{"console", nil, (*bench).console},
}

// lineUp starts everything.
func (b *bench) lineUp(ctx context.Context, names []string) (lineUp, error) {
	upstream, err := b.startPart(ctx, "upstream", "")
	l := lineUp{"upstream": upstream}
	for _, name := range names {
		if err != nil {
			return nil, err
		}
		switch name {
		case "nginx":
			l[name], err = b.startNginx(ctx, upstream.address)
		case "dagpass", "unread":
			l[name], err = b.startDagpass(ctx, name, upstream.url())
		default:
			l[name], err = b.startPart(ctx, name, upstream.url())
		}
	}
	return l, err
}

func (b *bench) few(ctx context.Context, l lineUp) error  { return b.proxies(ctx, l, few) }
func (b *bench) many(ctx context.Context, l lineUp) error { return b.proxies(ctx, l, many) }

// proxies holds Dagpass against other proxies.
func (b *bench) proxies(ctx context.Context, l lineUp, connections int) error {
	cookie, err := signIn(l["dagpass"], viewer)
	if err != nil {
		return err
	}
	for _, w := range []workload{file, small} {
		t := &trial{section: "proxies", workload: w, connections: connections, base: "plain", goals: besideOthers}
		for _, c := range []contender{
			{process: l["upstream"], name: "direct", about: "the upstream itself, without a proxy"},
			{process: l["plain"], name: "plain", about: "`httputil.ReverseProxy` with Go's default transport"},
			{process: l["tuned"], name: "tuned", about: "the same with 256 idle connections per host and a buffer pool"},
			{process: l["nginx"], name: "nginx", about: "nginx with kept-alive upstream connections", logs: true},
			{process: l["dagpass"], name: "dagpass", about: "Dagpass: session, identity headers, signed assertion", logs: true},
		} {
			c.cookie, c.workload = cookie, w
			t.contenders = append(t.contenders, &c)
		}
		if err := b.interleave(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// reading holds Dagpass against itself without reading.
func (b *bench) reading(ctx context.Context, l lineUp) error {
	seen, fresh, err := large(b.root)
	if err != nil {
		return err
	}
	if err := readsNot(l); err != nil {
		return err
	}
	tiny := small
	tiny.name = "0.2 KB, seen"
	for _, t := range []*trial{
		{workload: tiny, goals: besideUnread},
		{workload: seen, goals: besideUnread},
		{workload: fresh},
	} {
		t.section, t.connections, t.base = "reading", few, "unread"
		for _, name := range []string{"unread", "dagpass"} {
			cookie, err := signIn(l[name], viewer)
			if err != nil {
				return err
			}
			t.contenders = append(t.contenders, &contender{process: l[name], name: name, cookie: cookie, workload: t.workload})
		}
		if err := b.interleave(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// trimming holds people against each other who ask for the same, and of whose
// answer more or less is trimmed.
func (b *bench) trimming(ctx context.Context, l lineUp) error {
	t := &trial{section: "trimming", workload: permissionsQuery, connections: handful, base: admin, goals: besideAdmin}
	for _, c := range []contender{
		{name: admin, about: "may do everything: the answer passes as it comes", says: `"hasWipePermission":true`},
		{name: viewer, about: "may change nothing: every permission is trimmed", says: `"hasWipePermission":false`},
		{name: editor, about: "may change something at half of the code locations: Dagster tells which is which, and half is trimmed", says: "at the code location finance"},
	} {
		var err error
		if c.cookie, err = signIn(l["dagpass"], c.name); err != nil {
			return err
		}
		c.process, c.workload = l["dagpass"], t.workload
		t.contenders = append(t.contenders, &c)
	}
	return b.interleave(ctx, t)
}

// launching has the editor of one code location re-execute runs of it. Which
// location a run is of, Dagster is asked.
func (b *bench) launching(ctx context.Context, l lineUp) error {
	cookie, err := signIn(l["dagpass"], editor)
	if err != nil {
		return err
	}
	if err := refused(l["dagpass"], cookie); err != nil {
		return err
	}
	t := &trial{section: "launching", workload: launch("run"), connections: few, base: "known"}
	for _, c := range []contender{
		{process: l["upstream"], name: "direct", about: "the upstream itself", workload: launch("run")},
		{process: l["dagpass"], name: "known", about: "the same run every time: Dagster was asked about it before", workload: launch("run")},
		{process: l["dagpass"], name: "new", about: "another run every time: Dagster is asked each time", workload: launch("run-" + number)},
	} {
		c.cookie, c.says, c.always = cookie, "LaunchRunSuccess", true
		t.contenders = append(t.contenders, &c)
	}
	return b.interleave(ctx, t)
}

// refused makes sure that what is measured is the real thing: a run of another
// code location is refused, so that somebody must have asked where it is.
func refused(dagpass *process, cookie string) error {
	c := &contender{process: dagpass, cookie: cookie, workload: launch(finance + "run"), says: "UnauthorizedError"}
	return c.check()
}

// readsNot makes sure that reading is what makes the difference: nonsense goes on
// unread, and is refused by Dagpass as it is.
func readsNot(l lineUp) error {
	nonsense := small
	nonsense.body = "nonsense"
	for name, wanted := range map[string]bool{"unread": true, "dagpass": false} {
		cookie, err := signIn(l[name], viewer)
		if err != nil {
			return err
		}
		c := &contender{process: l[name], cookie: cookie, workload: nonsense}
		if passes := c.check() == nil; passes != wanted {
			return fmt.Errorf("nonsense passes %s: %t", name, passes)
		}
	}
	return nil
}
