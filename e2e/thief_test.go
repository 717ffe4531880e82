package e2e

import (
	"bytes"
	"database/sql"
	"encoding/base32"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/pquerna/otp/totp"

	_ "modernc.org/sqlite" // reads the copy
)

var (
	regexpSecret   = regexp.MustCompile(`[A-Z2-7]{32}`)
	regexpRecovery = regexp.MustCompile(`(?i)\b[a-z2-7]{4}(-[a-z2-7]{4}){3}\b`)
)

// thief has a copy of the database and not the key. Nothing that stands in it
// opens anything at the server that still runs, and what people know is not in
// it to be read.
func thief(t *testing.T, w *world) {
	database := filepath.Join(t.TempDir(), "dagpass.db")
	set := w.noProvider(t, "sqlite:"+database).with(settings{
		"BOOTSTRAP_ADMIN_USERNAME": "root", "BOOTSTRAP_ADMIN_PASSWORD": firstPassword,
		"RATE_LIMIT_ATTEMPTS": "1000", "LOG_LEVEL": "error",
	})
	s := w.serve(t, set)
	known := secrets(t, w, set, s)

	copied := filepath.Join(t.TempDir(), "copy.db")
	w.run(t, set, "backup", copied)
	for name, secret := range known {
		if where := holds(t, secret, copied, database, database+"-wal"); where != "" {
			t.Errorf("%s stands in %s", name, where)
		}
	}
	values := cells(t, copied)
	for _, value := range values {
		if strings.Contains(value, "argon2id") {
			t.Errorf("a hash can be read, and so guessed at: %.60s", value)
		}
	}
	t.Logf("%d values are tried", len(values))
	try(t, s, values)
}

// secrets has somebody hold one of each thing that lets them in, and returns
// what they hold, as bytes.
func secrets(t *testing.T, w *world, set settings, s *server) map[string][]byte {
	t.Helper()
	p := newPerson(s.URL)
	if a := p.password(t, "root", firstPassword); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %.300s", a.Status, a.body)
	}
	known := map[string][]byte{"the password": []byte(firstPassword), "a link's token": []byte(linkFrom(t, w.run(t, set, "user", "add", "invited")))}
	known["a session's cookie"] = []byte(afterDot(p.cookie(t, "dagpass")))

	page := p.get(t, "/auth/account/totp")
	offer := formValues(t, page.body, "/auth/account/totp")
	secret := regexpSecret.FindString(strings.ReplaceAll(textOf(t, page.body), " ", ""))
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatalf("%q: %v", secret, err)
	}
	offer.Set("code", code)
	done := p.form(t, "/auth/account/totp", offer)
	recovery := regexpRecovery.FindAllString(done.body, -1)
	if len(recovery) < 10 {
		t.Fatalf("%s: %d recovery codes in %.1000s", done.Status, len(recovery), done.body)
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	known["the secret of one-time passwords"], known["the same, raw"], known["a recovery code"] = []byte(secret), raw, []byte(recovery[0])

	half := newPerson(s.URL)
	half.password(t, "root", firstPassword)
	known["the cookie of a sign-in under way"] = []byte(afterDot(half.cookie(t, "dagpass-pending")))
	return known
}

func (p *person) cookie(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.http.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no cookie %s", name)
	return ""
}

func afterDot(s string) string { _, secret, _ := strings.Cut(s, "."); return secret }

// formValues are the fields of a page's form as the server filled them in.
func formValues(t *testing.T, body, action string) url.Values {
	t.Helper()
	page, err := goquery.NewDocumentFromReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	page.Find(`form[action$="` + action + `"] input[name]`).Each(func(_ int, input *goquery.Selection) {
		values.Set(input.AttrOr("name", ""), input.AttrOr("value", ""))
	})
	if len(values) == 0 {
		t.Fatalf("no form to %s in %.1000s", action, body)
	}
	return values
}

func textOf(t *testing.T, body string) string {
	t.Helper()
	page, err := goquery.NewDocumentFromReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return page.Find("main, body").First().Text()
}

func holds(t *testing.T, secret []byte, files ...string) string {
	t.Helper()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if bytes.Contains(content, secret) {
			return filepath.Base(file)
		}
	}
	return ""
}

// cells are all texts of a database but the events' bodies, whole and in parts.
func cells(t *testing.T, file string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables := column(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'events'`)
	for _, table := range tables {
		for _, name := range column(t, db, `SELECT name FROM pragma_table_info('`+table+`') WHERE lower(type) = 'text'`) {
			for _, value := range column(t, db, `SELECT "`+name+`" FROM "`+table+`" WHERE "`+name+`" IS NOT NULL`) {
				all = append(all, value)
				all = append(all, strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(`.$:,"{} `, r) })...)
			}
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return len(s) < 12 })
}

func column(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// try uses every value for everything: each as a cookie behind each other one
// that may be an id, as a link, and as a password.
func try(t *testing.T, s *server, values []string) {
	t.Helper()
	ids := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return len(v) != 32 })
	for _, value := range values {
		tries := []string{value}
		for _, id := range ids {
			tries = append(tries, id+"."+value)
		}
		for _, cookie := range tries {
			for _, name := range []string{"dagpass", "dagpass-pending"} {
				mustOpenNothing(t, s, name, cookie)
			}
		}
		p := newPerson(s.URL)
		for path, values := range map[string]url.Values{
			"/auth/link":  {"token": {value}, "password": {secondPassword}},
			"/auth/login": {"username": {"root"}, "password": {value}},
		} {
			if a := p.form(t, path, values); a.StatusCode < 400 {
				t.Errorf("%.80s opened %s: %s", value, path, a.Status)
			}
		}
	}
}

func mustOpenNothing(t *testing.T, s *server, name, value string) {
	t.Helper()
	p := newPerson(s.URL)
	for _, path := range []string{"/auth/me", "/auth/mfa"} {
		req, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", name+"="+value)
		p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if a := p.do(t, req); a.StatusCode == http.StatusOK {
			t.Errorf("the cookie %s=%.80s opened %s", name, value, path)
		}
	}
}
