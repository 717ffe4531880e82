package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/dagpass/dagpass/providers/demoidp"
)

const (
	clientID     = "bench"
	clientSecret = "a secret between the benchmark and itself"
)

// The people who sign in, by their subject.
const (
	viewer = "viewer"
	editor = "editor"
	admin  = "admin"
)

// roles makes the editor one of a single code location.
const roles = `
grants:
  - { email: editor@example.com, role: editor, locations: [marketing] }
  - { email: admin@example.com, role: admin }
`

// build makes the binary as it is released.
func (b *bench) build(ctx context.Context, name string, flags ...string) error {
	program := filepath.Join(b.dir, name)
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", program}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/dagpass")...)
	cmd.Dir, cmd.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, said)
	}
	return forget(program)
}

// unread is what is cut out of the sources so that the body of an operation goes
// on as it came, and nobody looks at it. The product has no switch for that.
var unread = map[string]struct{ old, with string }{
	"proxy/admit.go":   {`(?m)^\t\tp\.(read|judge|write),.*$`, ""},
	"proxy/forward.go": {`setCall\(out, .*\)\n`, "out.URL.RawQuery = t.v.r.URL.RawQuery\n"},
}

// buildUnread makes the same binary without reading. The sources stay as they
// are: the compiler gets others in their place.
func (b *bench) buildUnread(ctx context.Context) error {
	overlay := map[string]string{}
	for file, cut := range unread {
		changed, err := replaced(filepath.Join(b.root, file), cut.old, cut.with)
		if err != nil {
			return err
		}
		copied := filepath.Join(b.dir, filepath.Base(file))
		if err := os.WriteFile(copied, changed, 0o600); err != nil {
			return err
		}
		overlay[filepath.Join(b.root, file)] = copied
	}
	list := filepath.Join(b.dir, "overlay.json")
	text, _ := json.Marshal(map[string]any{"Replace": overlay}) // strings cannot fail
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return err
	}
	return b.build(ctx, "unread", "-overlay", list)
}

func replaced(file, old, with string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	changed := regexp.MustCompile(old).ReplaceAll(text, []byte(with))
	if bytes.Equal(changed, text) {
		return nil, fmt.Errorf("%s has changed: nothing in it is like %s", file, old)
	}
	return changed, nil
}

// startDagpass starts a binary with a fresh database in front of the upstream.
func (b *bench) startDagpass(ctx context.Context, name, upstream string) (*process, error) {
	p := &process{name: name, address: freeAddress()}
	idp, err := b.startProvider(p.url() + "/auth/callback/bench")
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(b.dir, "data-*")
	if err != nil {
		return nil, err
	}
	err = b.start(ctx, p, []string{
		"DAGPASS_LISTEN=" + p.address, "DAGPASS_PUBLIC_URL=" + p.url(), "DAGPASS_UPSTREAM=" + upstream,
		"DAGPASS_DATABASE_URL=sqlite:" + filepath.Join(data, "dagpass.db"),
		"DAGPASS_OIDC_PROVIDERS=bench", "DAGPASS_OIDC_BENCH_ISSUER=" + idp,
		"DAGPASS_OIDC_BENCH_CLIENT_ID=" + clientID, "DAGPASS_OIDC_BENCH_CLIENT_SECRET=" + clientSecret,
		"DAGPASS_POLICY=" + roles, "DAGPASS_LOG_FORMAT=json",
	}, b.log, filepath.Join(b.dir, name), "serve")
	return p, err
}

// startProvider serves an OpenID provider and gives its issuer.
func (b *bench) startProvider(redirect string) (issuer string, err error) {
	address := freeAddress()
	issuer = "http://" + address
	p, err := demoidp.New(demoidp.Config{
		Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, RedirectURIs: []string{redirect},
		People: []demoidp.Person{somebody(viewer), somebody(editor), somebody(admin)},
	})
	if err != nil {
		return "", err
	}
	server := &http.Server{Addr: address, Handler: p}
	b.closers = append(b.closers, server.Close)
	go func() { _ = server.ListenAndServe() }()
	return issuer, nil
}

func somebody(name string) demoidp.Person {
	return demoidp.Person{Subject: name, Email: name + "@example.com", Name: "Ada Lovelace", Groups: []string{"data-eng", "analytics", "everyone"}}
}

// signIn presses the provider's button and gives the session cookie, as a
// Cookie header has it.
func signIn(p *process, person string) (string, error) {
	base := p.url()
	jar, _ := cookiejar.New(nil) // it cannot fail without options
	client := &http.Client{Jar: jar}
	page, err := client.Get(base + "/auth/start/bench")
	if err != nil {
		return "", err
	}
	page.Body.Close()
	back, err := client.PostForm(page.Request.URL.String(), url.Values{"person": {person}})
	if err != nil {
		return "", err
	}
	back.Body.Close()
	home, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	for _, cookie := range jar.Cookies(home) {
		if cookie.Name == "dagpass" && back.StatusCode == http.StatusOK {
			session := cookie.Name + "=" + cookie.Value
			return session, known(p, person, session)
		}
	}
	return "", fmt.Errorf("%s: %s, and no session", back.Request.URL, back.Status)
}

// known makes sure that what is measured is the real thing: the upstream hears
// who asks, with an assertion, and a stranger is refused.
func known(p *process, person, session string) error {
	whoami := func(cookie string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, p.url()+"/whoami", nil)
		if err != nil {
			return 0, ""
		}
		req.Header.Set("Cookie", cookie)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, ""
		}
		defer res.Body.Close()
		said, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(said)
	}
	if status, said := whoami(session); status != http.StatusOK || !strings.HasPrefix(said, person+"@example.com ") || strings.HasSuffix(said, " 0\n") {
		return fmt.Errorf("the upstream does not hear who asks: %d %s", status, said)
	}
	if status, _ := whoami(""); status != http.StatusUnauthorized {
		return errors.New("a stranger is let in")
	}
	return nil
}
