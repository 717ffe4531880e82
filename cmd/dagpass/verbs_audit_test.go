package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

// What cannot be meant is refused in a sentence before anything is read or made:
// who mistypes must not read that nothing happened.
func TestAuditVerbsThatRefuse(t *testing.T) {
	dir := t.TempDir()
	o := operator{t, []string{"DAGPASS_DATABASE_URL=sqlite:" + filepath.Join(dir, "dagpass.db")}}
	const badTime = " is a time such as 2026-03-29T08:00:00Z, or how long ago, such as 24h"
	for args, want := range map[string]string{
		"list --since yesterday":     "--since" + badTime,
		"list --since=-24h":          "--since" + badTime,
		"list --until 2026-03-29":    "--until" + badTime,
		"list --since 1h --until 2h": "--since is not before --until",
		"list --since 1h --until 1h": "--since is not before --until",
		"list --event signin":        "--event is a name such as user.disable, or user.* for all of a kind",
		"list --event *":             "--event is a name such as user.disable, or user.* for all of a kind",
		"list --outcome good":        `--outcome must be one of "","ok","allowed","refused","failed" but got "good"`,
		"list --limit 0":             "--limit must be between 1 and 1000; for more use dagpass audit export",
		"list --limit 1001":          "--limit must be between 1 and 1000; for more use dagpass audit export",
		"list --before=-1":           "--before is the number of an event",
		"list --before x":            `--before: expected a valid 64 bit int but got "x"`,
		"list --persn ann":           "unknown flag --persn, did you mean",
		"list extra":                 "unexpected argument extra",
		"export":                     "missing flags: --format",
		"export --format xml":        `--format must be one of "csv","jsonl" but got "xml"`,
		"export --format csv --since 2026-03-29T08:00:00":                                    "--since" + badTime,
		"export --format csv --until 2026-03-29T08:00:00Z --since 2026-03-30T08:00:00+02:00": "--since is not before --until",
		"run":                        `expected "<run-id>"`,
		"access-review --json --csv": "--json and --csv can't be used together",
	} {
		status, out, said := o.run("", append([]string{"audit"}, strings.Fields(args)...)...)
		if status != exitUsage || !strings.Contains(said, "dagpass: "+want) && !strings.Contains(said, want) {
			t.Errorf("%s: status %d, %s%s", args, status, out, said)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"24h":                       now.Add(-24 * time.Hour),
		"0s":                        now,
		"2026-03-29T08:00:00Z":      now.Add(-4 * time.Hour),
		"2026-03-29T08:00:00+02:00": now.Add(-6 * time.Hour),
		"2026-03-29T08:00:00.5Z":    now.Add(-4*time.Hour + 500*time.Millisecond),
	} {
		if got, err := when("--since", text, now); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// whole is an event in which nothing is empty, all of it hostile.
func whole(t *testing.T) (e models.Event, values []string) {
	t.Helper()
	fill(reflect.ValueOf(&e).Elem(), &values)
	e.Time = time.Date(2026, 3, 29, 8, 0, 0, 123e6, time.UTC)
	return e, append(values, "2026-03-29T08:00:00.123Z")
}

func fill(v reflect.Value, values *[]string) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString(fmt.Sprintf("=%d,\"quoted\" <b>é", i+len(*values)*100))
			*values = append(*values, f.String())
		case int:
			f.SetInt(4711)
			*values = append(*values, "4711")
		case bool, time.Time:
		case *models.Target:
			f.Set(reflect.ValueOf(&models.Target{}))
			fill(f.Elem(), values)
		case models.Actor:
			fill(f, values)
		default:
			panic("a kind of field that the columns may not have: " + f.Type().String())
		}
	}
}

// A row has everything that an event has, under the fixed columns, and nothing
// in it is a formula.
func TestRowsOfEvents(t *testing.T) {
	e, values := whole(t)
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	write, done := recordWriter("csv", &out)
	if err := errors.Join(write(models.Record{Seq: 7, Hash: "beef", Event: e, Body: string(body)}), done()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
	if err != nil || len(rows) != 2 || strings.Count(out.String(), "\r\n") != 2 {
		t.Fatal(err, out.String())
	}
	if got := strings.Join(rows[0], ","); got != "seq,time,event,outcome,reason,actor_kind,actor_id,actor_name,on_behalf_of,client_ip,user_agent,request_id,session,provider,"+
		"target_kind,target_id,location,operation,permission,rule,run_id,count,id,hash" {
		t.Errorf("columns %s", got)
	}
	for _, value := range append(values, "7", "beef") {
		if want := strings.TrimPrefix("'"+value, map[bool]string{true: "", false: "'"}[value[0] == '=']); !slices.Contains(rows[1], want) {
			t.Errorf("no %q in %q", want, rows[1])
		}
	}
	if len(values)+2 != len(rows[1]) {
		t.Errorf("%d cells for %d values", len(rows[1]), len(values)+2)
	}
}

// A line has the bytes that the hash covers.
func TestLinesOfEvents(t *testing.T) {
	e, _ := whole(t)
	link, err := models.NewLink(models.Link{}, e)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	write, done := recordWriter("jsonl", &out)
	if err := errors.Join(write(models.Record{Seq: link.Seq, Hash: link.Hash, Event: e, Body: link.Body}), done()); err != nil {
		t.Fatal(err)
	}
	if want := `{"seq":1,"hash":"` + link.Hash + `","event":` + link.Body + "}\n"; out.String() != want {
		t.Errorf("got  %swant %s", &out, want)
	}
}

// What is written is read meanwhile: however many events there are, what is
// under way is one buffer.
func TestExportKeepsLittle(t *testing.T) {
	e, _ := whole(t)
	body, _ := json.Marshal(e)
	for _, format := range []string{"csv", "jsonl"} {
		r, w := io.Pipe()
		read := make(chan int, 1)
		var given, taken counted
		go func() {
			n, _ := io.Copy(&taken, r)
			read <- int(n)
		}()
		var most int64
		err := flushed(w, func(out *bufio.Writer) error {
			write, done := recordWriter(format, io.MultiWriter(&given, out))
			for seq := range int64(5_000) {
				if err := write(models.Record{Seq: seq, Hash: "beef", Event: e, Body: string(body)}); err != nil {
					return err
				}
				most = max(most, given.n.Load()-taken.n.Load())
			}
			return done()
		})
		_ = w.Close()
		if total := <-read; err != nil || int64(total) != given.n.Load() || total < 2_000_000 {
			t.Errorf("%s: %v, %d of %d bytes", format, err, total, given.n.Load())
		}
		if most > 1<<17 {
			t.Errorf("%s: %d bytes were kept", format, most)
		}
	}
}

// counted counts what passes.
type counted struct{ n atomic.Int64 }

func (c *counted) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

// An export that fails leaves no file that could pass for a whole one, and takes
// none that is there.
func TestExportIntoAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "export.csv")
	fails := errors.New("no")
	if err := into(path, nil, func(w *bufio.Writer) error { _, _ = w.WriteString("half"); return fails }); !errors.Is(err, fails) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("half a file is left")
	}
	if err := into(path, nil, func(w *bufio.Writer) error { _, err := w.WriteString("whole"); return err }); err != nil {
		t.Error(err)
	}
	if err := into(path, nil, func(w *bufio.Writer) error { _, err := w.WriteString("another"); return err }); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || read(t, path) != "whole" {
		t.Errorf("%v %v", info, err)
	}
}

// An access review has everything that is known of a person, in every form.
func TestFormsOfAnAccessReview(t *testing.T) {
	cfg := mustLoad(t, okta("DAGPASS_POLICY="+rolesByGroup, "DAGPASS_ADMIN_EMAILS=ann@corp.com"), "")
	at := time.Date(2026, 3, 29, 8, 0, 0, 0, time.UTC)
	people := []identity.Reviewed{
		{
			ID: "u1", Name: "=Ann", Email: "ann@corp.com", CreatedAt: at, LastSignIn: &at, Assigned: "editor", AssignedAt: &at, AssignedBy: "operator",
			Factors: []models.FactorKind{models.FactorTOTP},
			Ways: []identity.ReviewedWay{
				{Slot: "okta", Issuer: "https://corp.okta.com", Subject: "s1", SignedInAt: &at, Role: "admin", Rules: []string{"admin_emails", "grant 2"}, Enters: true, Locations: map[string][]string{"grant 2": {"sales", "mar*"}}},
				{Slot: "old", Issuer: "https://old", Subject: "s2", Role: "none"},
			},
		},
		{ID: "u2", Name: "Bob\x1b[2J", CreatedAt: at, DisabledAt: &at},
	}
	for form, want := range map[auditAccessReviewVerb]string{
		{CSV: true}: "id,name,email,created_at,disabled_at,last_sign_in,assigned_role,assigned_at,assigned_by,factors,provider,issuer,subject,signed_in_at,enters,role,rules,locations,since\r\n" +
			`u1,'=Ann,ann@corp.com,2026-03-29T08:00:00Z,,2026-03-29T08:00:00Z,editor,2026-03-29T08:00:00Z,operator,totp,okta,https://corp.okta.com,s1,2026-03-29T08:00:00Z,yes,admin,` +
			`"admin_emails: DAGPASS_ADMIN_EMAILS names the address; grant 2: {group: editors, role: editor}","grant 2 at sales, mar*",` + "\r\n" +
			"u1,'=Ann,ann@corp.com,2026-03-29T08:00:00Z,,2026-03-29T08:00:00Z,editor,2026-03-29T08:00:00Z,operator,totp,old,https://old,s2,,no,none,,,\r\n" +
			"u2,Bob\x1b[2J,,2026-03-29T08:00:00Z,2026-03-29T08:00:00Z,,,,,,,,,,no,,,,\r\n",
		{}: `NAME          E-MAIL          STATE                LAST SIGN-IN  FACTORS  BY    ENTERS  ROLE   RULES                  LOCATIONS                 ASSIGNED
"=Ann"        "ann@corp.com"  active               2026-03-29    totp     okta  yes     admin  admin_emails, grant 2  "grant 2 at sales, mar*"  editor since 2026-03-29 by "operator"
"=Ann"        "ann@corp.com"  active               2026-03-29    totp     old   no      none   -                      -                         editor since 2026-03-29 by "operator"
"Bob\x1b[2J"  -               disabled 2026-03-29  -             -        -     no      -      -                      -                         -
`,
	} {
		if got := reviewed(t, form, cfg, people...); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	var lines []reviewLine
	if err := json.Unmarshal([]byte(reviewed(t, auditAccessReviewVerb{JSON: true}, cfg, people...)), &lines); err != nil || len(lines) != 2 || !reflect.DeepEqual(lines[0].Reviewed, people[0]) ||
		lines[0].RuleTexts["grant 2"] != "{group: editors, role: editor}" {
		t.Errorf("%v %+v", err, lines)
	}
	if got := reviewed(t, auditAccessReviewVerb{JSON: true}, cfg); got != "[]\n" {
		t.Errorf("nobody is %q", got)
	}
}

func reviewed(t *testing.T, v auditAccessReviewVerb, cfg Config, people ...identity.Reviewed) string {
	t.Helper()
	var out bytes.Buffer
	write, done := v.writer(&out, explainer{cfg: cfg, rules: cfg.rules()})
	for _, r := range people {
		if err := write(r); err != nil {
			t.Error(err)
		}
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	return out.String()
}

// happened is a program in which somebody was refused, somebody changed something,
// and somebody was barred.
func happened(t *testing.T, database string, more ...string) (*program, operator) {
	p := start(t, database, append(more, "DAGPASS_POLICY="+rolesByGroup)...)
	violet, edgar := p.as(providertest.Violet), p.as(providertest.Edgar)
	violet.graphql(deleteRun)
	edgar.graphql(deleteRun)
	o := p.operator(database, "DAGPASS_POLICY="+rolesByGroup)
	o.must("", "user", "disable", "violet@example.com")
	return p, o
}

// listed runs audit list, and gives the events as they are told in short.
func (o operator) listed(args string) (all []string) {
	o.t.Helper()
	var lines []struct {
		Seq   int64
		Hash  string
		Event models.Event
	}
	out := o.must("", append([]string{"audit", "list", "--json"}, strings.Fields(args)...)...)
	if err := json.Unmarshal([]byte(out), &lines); err != nil {
		o.t.Fatal(err, out)
	}
	for _, l := range lines {
		if l.Seq == 0 || len(l.Hash) != 64 {
			o.t.Errorf("%+v", l)
		}
		all = append(all, l.Event.Event+" "+l.Event.Outcome)
	}
	return all
}

// TestAuditList finds what is asked for, the newest first, and nothing else.
func TestAuditList(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p, o := happened(t, database)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		var violet []userLine
		if err := json.Unmarshal([]byte(o.must("", "user", "list", "--json", "violet@example.com")), &violet); err != nil || len(violet) != 1 {
			t.Fatal(err, violet)
		}
		const mutations = "dagster.mutation ok,dagster.mutation allowed,dagster.mutation refused"
		for args, want := range map[string]string{
			"--event dagster.* --since 1h":                 mutations,
			"--event dagster.mutation --outcome refused":   "dagster.mutation refused",
			"--outcome refused":                            "dagster.mutation refused",
			"--person violet@example.com":                  "dagster.mutation refused,signin.finish ok",
			"--person " + violet[0].ID:                     "dagster.mutation refused,signin.finish ok",
			"--person edgar@example.com --outcome allowed": "dagster.mutation allowed",
			"--person operator --event user.*":             "user.disable ok",
			"--target " + violet[0].ID:                     "user.disable ok",
			"--target 1 --limit 2":                         "dagster.mutation ok,dagster.mutation allowed",
			"--event dagster.* --until 1h":                 "",
			"--event dagster.* --since 2000-01-01T00:00:00Z --until 2099-01-01T00:00:00Z": mutations,
			"--event dagster.* --before 4": "",
			"--person nobody":              "",
			"--location nowhere":           "",
			"--request nothing":            "",
			"--run none":                   "",
		} {
			if got := strings.Join(o.listed(args), ","); got != want {
				t.Errorf("%s: %s, want %s", args, got, want)
			}
		}
		status, out, said := o.run("", "audit", "list", "--limit", "1", "--event", "user.disable")
		if status != exitDone || said != "there may be older ones: --before 7\n" || !strings.Contains(out, `user.disable  ok       -       "operator"  -          user:`+violet[0].ID) {
			t.Errorf("status %d, %s%s", status, out, said)
		}
		if got := o.listed("--event audit.read"); len(got) < 10 {
			t.Errorf("looking is recorded %d times", len(got))
		}
	})
}

// Who has two accounts of one name to choose from is asked which.
func TestAuditListOfANameThatTwoHave(t *testing.T) {
	o := operator{t, []string{"DAGPASS_DATABASE_URL=" + storetest.SQLiteURL(t)}}
	o.must("", "user", "add", "ann", "--name", "Eve")
	o.must("", "user", "add", "bob", "--name", "Eve")
	if status, _, said := o.run("", "audit", "list", "--person", "Eve"); status != exitFailed || !strings.HasSuffix(said, `2 accounts are called "Eve"; name one by its id (dagpass user list)`+"\n") {
		t.Errorf("%d %s", status, said)
	}
}

// What is exported can be held against the chain, byte by byte, and is what the
// server printed.
func TestAuditExport(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p, o := happened(t, database)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(o.must("", "audit", "export", "--format", "jsonl"), "\n"), "\n")
		var last models.Link
		for _, text := range lines {
			var line recordLine
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err, text)
			}
			next := models.Link{Seq: line.Seq, Previous: last.Hash, Hash: line.Hash, Body: string(line.Event)}
			if !next.Follows(last) {
				t.Errorf("event %d does not follow: %s", line.Seq, text)
			}
			if said := string(line.Event) + "\n"; !strings.Contains(said, "operator") && !strings.Contains(p.out.String(), said) {
				t.Errorf("the server did not print %s", said)
			}
			last = next
		}
		rows, err := csv.NewReader(strings.NewReader(o.must("", "audit", "export", "--format", "csv", "--event", "dagster.*"))).ReadAll()
		if err != nil || len(rows) != 4 || !slices.Equal(rows[0], models.RecordColumns()) || rows[1][3] != "refused" || rows[3][3] != "ok" {
			t.Errorf("%v %q", err, rows)
		}
		if got := o.listed("--event audit.export"); len(got) != 2 || len(lines) < 7 {
			t.Errorf("%q, %d lines", got, len(lines))
		}
	})
}

// A file that is there stays as it is, and a name that is no account is no event.
func TestAuditExportIntoAFile(t *testing.T) {
	_, o := happened(t, storetest.SQLiteURL(t))
	path := filepath.Join(t.TempDir(), "export.jsonl")
	o.must("", "audit", "export", "--format", "jsonl", "--out", path, "--outcome", "refused")
	text := read(t, path)
	if strings.Count(text, "\n") != 1 {
		t.Errorf("%s", text)
	}
	status, _, said := o.run("", "audit", "export", "--format", "jsonl", "--out", path)
	if status != exitFailed || !strings.Contains(said, "file exists") || read(t, path) != text {
		t.Errorf("%d %s", status, said)
	}
}

// Whoever reads no further ends an export, which is no failure.
func TestAuditOutputIsReadNoFurther(t *testing.T) {
	_, o := happened(t, storetest.SQLiteURL(t))
	for _, args := range []string{"export --format csv", "export --format jsonl", "list", "list --json", "access-review", "access-review --csv"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		var said bytes.Buffer
		if status := run(t.Context(), append([]string{"audit"}, strings.Fields(args)...), o.environ, stdio{Out: w, Err: &said}); status != exitDone || strings.Contains(said.String(), "dagpass:") {
			t.Errorf("%s: status %d, %s", args, status, &said)
		}
		_ = w.Close()
	}
}

// TestAuditRun tells all about a run.
func TestAuditRun(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		_, o := happened(t, database)
		out := o.must("", "audit", "run", "1")
		if strings.Count(out, "\n") != 4 || strings.Count(out, " run:1 ") != 3 || !strings.Contains(out, "permission_missing") {
			t.Errorf("%s", out)
		}
		var lines []recordLine
		if err := json.Unmarshal([]byte(o.must("", "audit", "run", "--json", "1")), &lines); err != nil || len(lines) != 3 || lines[0].Seq >= lines[1].Seq {
			t.Errorf("%v %v", err, lines)
		}
		if status, _, said := o.run("", "audit", "run", "2"); status != exitFailed || !strings.HasSuffix(said, `no event tells of a run "2"`+"\n") {
			t.Errorf("%d %s", status, said)
		}
		if status, _, said := o.run("", "audit", "run", ""); status != exitUsage || !strings.HasSuffix(said, "a run has no empty id\n") {
			t.Errorf("%d %s", status, said)
		}
	})
}

// TestAccessReview says who has what, and why.
func TestAccessReview(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		_, o := happened(t, database)
		o.must("", "user", "set-role", "edgar@example.com", "launcher")
		var people []reviewLine
		if err := json.Unmarshal([]byte(o.must("", "audit", "access-review", "--json")), &people); err != nil || len(people) != 2 {
			t.Fatal(err, people)
		}
		violet, edgar := people[0], people[1]
		if violet.DisabledAt == nil || violet.Email != "violet@example.com" || len(violet.Ways) != 1 || violet.Ways[0].Enters || violet.LastSignIn == nil {
			t.Errorf("%+v", violet)
		}
		if way := edgar.Ways[0]; way.Role != "editor" || !way.Enters || !slices.Contains(way.Rules, "grant 2") || edgar.RuleTexts["grant 2"] != "{group: editors, role: editor}" ||
			edgar.Assigned != "launcher" || edgar.AssignedAt == nil || edgar.AssignedBy != "operator" {
			t.Errorf("%+v", edgar)
		}
		rows, err := csv.NewReader(strings.NewReader(o.must("", "audit", "access-review", "--csv"))).ReadAll()
		if err != nil || len(rows) != 3 || !slices.Equal(rows[0], identity.ReviewColumns()) || rows[2][2] != "edgar@example.com" {
			t.Errorf("%v %q", err, rows)
		}
		if got := o.listed("--event audit.review"); len(got) != 2 {
			t.Errorf("looking is recorded %d times", len(got))
		}
	})
}

// checkpoints are those on standard output.
func (p *program) checkpoints() (all []models.Checkpoint) {
	p.t.Helper()
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		var said checkpointLine
		if strings.HasPrefix(line, `{"checkpoint":`) {
			if err := json.Unmarshal([]byte(line), &said); err != nil {
				p.t.Error(err)
			}
			all = append(all, said.Checkpoint)
		}
	}
	return all
}

// When it stops, the server signs the end of the trail and says so on standard
// output and in the file. Whoever has the line can tell a trail that was cut
// from it, and has the public key to check it with.
func TestCheckpointAtTheStop(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		file := filepath.Join(t.TempDir(), "audit.jsonl")
		p, o := happened(t, database, "DAGPASS_AUDIT_FILE="+file)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		all := p.checkpoints()
		if len(all) == 0 || read(t, file) != p.out.String() || !strings.HasSuffix(strings.TrimSpace(p.out.String()), "}}") {
			t.Fatalf("no checkpoint at the end of %s", p.out)
		}
		last := all[len(all)-1]
		key, _ := base64.StdEncoding.DecodeString(last.Key)
		signature, _ := base64.StdEncoding.DecodeString(last.Signature)
		if !ed25519.Verify(key, []byte(last.Text()), signature) {
			t.Errorf("not signed: %+v", last)
		}
		found := o.verified("--head", last.Hash)
		if !found.Whole || found.Seq < last.Seq || found.Checkpoints == 0 || found.Unsigned != found.Seq-last.Seq || found.Events != found.Seq {
			t.Errorf("%+v", found)
		}
		if out := o.must("", "audit", "verify"); !strings.HasPrefix(out, fmt.Sprintf("%d events, the chain is whole; its head is %s\n", found.Events, found.Hash)) {
			t.Errorf("%s", out)
		}
		for head, want := range map[string]int{strings.Repeat("0", 64): exitFailed, "beef": exitUsage, strings.ToUpper(last.Hash): exitDone} {
			if status, out, said := o.run("", "audit", "verify", "--head", head); status != want {
				t.Errorf("%s: status %d, %s%s", head, status, out, said)
			}
		}
	})
}

func (o operator) verified(args ...string) (found verified) {
	o.t.Helper()
	_, out, _ := o.run("", append([]string{"audit", "verify", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		o.t.Fatal(err, out)
	}
	return found
}

// A second server takes over where the first has signed, and the chain of
// checkpoints has no gap.
func TestCheckpointsOfTwoStarts(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		var all []models.Checkpoint
		for range 3 {
			p := start(t, database)
			p.as(providertest.Violet)
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			all = append(all, p.checkpoints()...)
		}
		for i, c := range all {
			if i > 0 && c.Previous != all[i-1].Seq {
				t.Errorf("the checkpoint of event %d follows that of %d, not %d", c.Seq, c.Previous, all[i-1].Seq)
			}
		}
		if len(all) < 3 {
			t.Errorf("%d checkpoints", len(all))
		}
	})
}

// Whatever was done to the rows, the verb says in which event, and ends as
// scripts expect.
func TestAuditVerifyOfABrokenTrail(t *testing.T) {
	for name, row := range map[string]struct {
		sql  string
		at   int64
		says string
	}{
		"altered":             {`UPDATE events SET body = replace(body, '"ok"', '"no"') WHERE seq = 2`, 2, "event 2 was altered"},
		"removed":             {`DELETE FROM events WHERE seq = 3`, 3, "event 3 is missing"},
		"cut, and its note":   {`DELETE FROM events WHERE seq > 3; UPDATE chain_heads SET seq = 3, hash = (SELECT hash FROM events WHERE seq = 3)`, 4, "it is cut"},
		"checkpoint forged":   {`UPDATE checkpoints SET signature = (SELECT signature FROM checkpoints ORDER BY seq LIMIT 1), time = time + 1000000`, 0, "the checkpoint of event"},
		"checkpoints removed": {`DELETE FROM checkpoints`, 0, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			database := storetest.SQLiteURL(t)
			p, o := happened(t, database)
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", strings.TrimPrefix(database, "sqlite:"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), row.sql); err != nil {
				t.Fatal(err)
			}
			status, out, said := o.run("", "audit", "verify")
			if status != exitFailed || !strings.Contains(said, "dagpass: the audit trail is broken: ") || !strings.Contains(said, row.says) || strings.Contains(out, "whole") {
				t.Errorf("status %d, %s%s", status, out, said)
			}
			if found := o.verified(); found.Whole || row.at != 0 && found.BrokenAt != row.at || !strings.Contains(found.Why, row.says) {
				t.Errorf("%+v", found)
			}
		})
	}
}

// Events that nobody has signed, though it was time, are told of, and make scripts
// fail that want to know.
func TestAuditVerifyOfAnUnsignedTrail(t *testing.T) {
	database := storetest.SQLiteURL(t)
	o := operator{t, okta("DAGPASS_DATABASE_URL=" + database)}
	o.must("", "user", "add", "ann", "--email", "ann@example.com") // without a server nothing is signed
	status, out, said := o.run("", "audit", "verify", "--strict")
	if status != exitDone || said != "" || !strings.Contains(out, "0 checkpoints are good") {
		t.Errorf("at first: status %d, %s%s", status, out, said)
	}
	cfg := mustLoad(t, o.environ, "")
	a, err := newApp(t.Context(), cfg, cfg.site("0"), stdio{Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	e := models.Event{Event: "test.late", Time: now().Add(-11 * time.Minute)}
	if err := errors.Join(a.identity.Checkpoint(t.Context(), true), a.store.Record(t.Context(), e)); err != nil {
		t.Fatal(err)
	}
	if found := o.verified(); !found.Whole || found.Overdue || found.Unsigned == 0 || found.UnsignedSince.IsZero() {
		t.Errorf("behind a checkpoint: %+v", found)
	}
	e.Time = now().Add(-121 * time.Minute)
	if err := errors.Join(a.identity.Checkpoint(t.Context(), true), a.store.Record(t.Context(), e)); err != nil {
		t.Fatal(err)
	}
	found := o.verified()
	want := fmt.Sprintf("warning: events %d to %d, since %s, should have been signed by now and are not", found.UnsignedFrom, found.Seq, e.Time.UTC().Format(time.RFC3339))
	for strict, wanted := range map[string]int{"--strict=false": exitDone, "--strict": exitFailed} {
		if status, _, said := o.run("", "audit", "verify", strict); status != wanted || !strings.Contains(said, strings.TrimPrefix(want, map[bool]string{true: "warning: "}[strict == "--strict"])) {
			t.Errorf("%s: status %d, %s", strict, status, said)
		}
	}
}

// What is older than the retention goes, up to a checkpoint; the trail is whole
// behind that and says how much is gone.
func TestRetention(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		p, o := happened(t, database)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		cfg := mustLoad(t, append(o.environ, "DAGPASS_AUDIT_RETENTION=24h"), "")
		a, err := newApp(t.Context(), cfg, cfg.site("0"), stdio{Out: io.Discard, Err: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		defer a.close()
		later := func() time.Time { return now().Add(25 * time.Hour) }
		a.identity.Now, a.identity.StoreClock = later, func(context.Context) (time.Time, error) { return later(), nil }
		signed := o.verified()
		if err := a.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found := o.verified(); !found.Whole || found.Pruned != signed.Seq-signed.Unsigned || found.PrunedAt == nil || found.Events != found.Seq-found.Pruned {
			t.Errorf("%+v, before %+v", found, signed)
		}
		if got := o.listed("--event signin.*"); len(got) != 0 {
			t.Errorf("still there: %q", got)
		}
		if got := o.listed("--event audit.prune"); len(got) != 1 {
			t.Errorf("recorded %q", got)
		}
	})
}
