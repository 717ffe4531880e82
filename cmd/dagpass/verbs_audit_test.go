package main

import (
	"bufio"
	"bytes"
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

func TestInert(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ann": "Ann", "a=b": "a=b", " =1": " =1", "é": "é",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "＝1": "'＝1",
		"\xff": "\xff",
	} {
		if got := inert(cell); got != want {
			t.Errorf("%q becomes %q, not %q", cell, got, want)
		}
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
			for seq := range int64(50_000) {
				if err := write(models.Record{Seq: seq, Hash: "beef", Event: e, Body: string(body)}); err != nil {
					return err
				}
				most = max(most, given.n.Load()-taken.n.Load())
			}
			return done()
		})
		_ = w.Close()
		if total := <-read; err != nil || int64(total) != given.n.Load() || total < 20_000_000 {
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
		{CSV: true}: "id,name,email,created_at,disabled_at,last_sign_in,assigned_role,assigned_at,assigned_by,factors,provider,issuer,subject,signed_in_at,enters,role,rules,locations\r\n" +
			`u1,'=Ann,ann@corp.com,2026-03-29T08:00:00Z,,2026-03-29T08:00:00Z,editor,2026-03-29T08:00:00Z,operator,totp,okta,https://corp.okta.com,s1,2026-03-29T08:00:00Z,yes,admin,` +
			`"admin_emails: DAGPASS_ADMIN_EMAILS names the address; grant 2: {group: editors, role: editor}","grant 2 at sales, mar*"` + "\r\n" +
			"u1,'=Ann,ann@corp.com,2026-03-29T08:00:00Z,,2026-03-29T08:00:00Z,editor,2026-03-29T08:00:00Z,operator,totp,old,https://old,s2,,no,none,,\r\n" +
			"u2,Bob\x1b[2J,,2026-03-29T08:00:00Z,2026-03-29T08:00:00Z,,,,,,,,,,no,,,\r\n",
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
	write, done := v.writer(&out, explainer{cfg: cfg})
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

var _ = storetest.SQLiteURL
