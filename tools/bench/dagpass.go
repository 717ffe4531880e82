package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dagpass/dagpass/providers/demoidp"
)

const (
	clientID     = "bench"
	clientSecret = "a secret between the benchmark and itself"
	person       = "ada"
	email        = "ada@example.com"
)

// build makes the binary as it is released.
func (b *bench) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.binary(), "./cmd/dagpass")
	cmd.Dir, cmd.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, said)
	}
	return forget(b.binary())
}

func (b *bench) binary() string { return filepath.Join(b.dir, "dagpass") }

// startDagpass starts the binary with a fresh database in front of the
// upstream, and signs in.
func (b *bench) startDagpass(ctx context.Context, c *contender, upstream string) error {
	idp, err := b.startProvider(c.url() + "/auth/callback/bench")
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp(b.dir, "data-*")
	if err != nil {
		return err
	}
	err = b.start(ctx, c, []string{
		"DAGPASS_LISTEN=" + c.address, "DAGPASS_PUBLIC_URL=" + c.url(), "DAGPASS_UPSTREAM=" + upstream,
		"DAGPASS_DATABASE_URL=sqlite:" + filepath.Join(data, "dagpass.db"),
		"DAGPASS_OIDC_PROVIDERS=bench", "DAGPASS_OIDC_BENCH_ISSUER=" + idp,
		"DAGPASS_OIDC_BENCH_CLIENT_ID=" + clientID, "DAGPASS_OIDC_BENCH_CLIENT_SECRET=" + clientSecret,
		"DAGPASS_LOG_FORMAT=json",
	}, b.log, b.binary(), "serve")
	if err != nil {
		return err
	}
	if b.cookie, err = signIn(c.url()); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return b.known(c)
}

// startProvider serves an OpenID provider and gives its issuer.
func (b *bench) startProvider(redirect string) (issuer string, err error) {
	address := freeAddress()
	issuer = "http://" + address
	p, err := demoidp.New(demoidp.Config{
		Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, RedirectURIs: []string{redirect},
		People: []demoidp.Person{{
			Subject: person, Email: email, Name: "Ada Lovelace",
			Groups: []string{"data-eng", "analytics", "everyone"},
		}},
	})
	if err != nil {
		return "", err
	}
	server := &http.Server{Addr: address, Handler: p}
	b.closers = append(b.closers, server.Close)
	go func() { _ = server.ListenAndServe() }()
	return issuer, nil
}

// signIn presses the provider's button and gives the session cookie, as a
// Cookie header has it.
func signIn(base string) (string, error) {
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
			return cookie.Name + "=" + cookie.Value, nil
		}
	}
	return "", fmt.Errorf("%s: %s, and no session", back.Request.URL, back.Status)
}

// known makes sure that what is measured is the real thing: the upstream hears
// who asks, with an assertion, and a stranger is refused.
func (b *bench) known(c *contender) error {
	whoami := func(cookie string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, c.url()+"/whoami", nil)
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
	if status, said := whoami(b.cookie); status != http.StatusOK || !strings.HasPrefix(said, email+" ") || strings.HasSuffix(said, " 0\n") {
		return fmt.Errorf("the upstream does not hear who asks: %d %s", status, said)
	}
	if status, _ := whoami(""); status != http.StatusUnauthorized {
		return errors.New("a stranger is let in")
	}
	return nil
}
