package e2e

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/coder/websocket"

	"github.com/dagpass/dagpass/e2e/parts"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

// replicas are two processes on one PostgreSQL, behind one address.
func replicas(t *testing.T, w *world) {
	set := w.settings(t, w.dagster.URL).with(settings{
		"DATABASE_URL": pgtest.URL(t), "PUBLIC_URL": "http://localhost:" + parts.FreePort(t),
	})
	// Together, on an empty database.
	one := w.launch(t, set)
	two := w.launch(t, set.with(settings{"LISTEN": "127.0.0.1:" + parts.FreePort(t)}))
	one.ready(t)
	two.ready(t)

	t.Run("a sign-in begun on one ends on the other", func(t *testing.T) {
		p := newPerson(one.URL)
		p.use(one)
		callback := p.interrupted(t, "certified", parts.Editor)
		p.use(two)
		p.get(t, callback.RequestURI())
		for _, replica := range []*server{one, two} {
			p.use(replica)
			if who, ok := p.me(t); !ok || who.User.Email != "edda@example.com" {
				t.Errorf("%+v", who)
			}
		}
		p.use(one)
		a := p.get(t, callback.RequestURI())
		if a.Request.URL.Path == "/auth/me" {
			t.Errorf("the answer was taken twice: %s", a.Status)
		}
	})
	t.Run("signed out on one, out on the other", func(t *testing.T) {
		endsEverywhere(t, one, two, "leaver", func(p *person) {
			req, err := post(p.base+"/auth/logout", "application/x-www-form-urlencoded", "")
			if err != nil {
				t.Fatal(err)
			}
			p.use(one)
			p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			kept := p.http.Jar
			p.http.Jar = keep{kept} // somebody copied the cookie
			p.do(t, req)
		})
	})
	t.Run("disabled by an operator, out on both", func(t *testing.T) {
		endsEverywhere(t, one, two, "mallory", func(*person) { w.run(t, set, "user", "disable", "mallory@example.com") })
	})
}

// keep is a jar that gives cookies and takes none.
type keep struct{ http.CookieJar }

func (keep) SetCookies(*url.URL, []*http.Cookie) {}

func (p *person) use(s *server) { p.dial = "127.0.0.1:" + s.set.port() }

// endsEverywhere ends somebody's session: requests to both replicas and a
// socket on the second must notice, each counted from the end itself.
func endsEverywhere(t *testing.T, one, two *server, name string, end func(*person)) {
	t.Helper()
	p := newPerson(one.URL)
	p.use(one)
	if _, err := p.signIn("certified", name); err != nil {
		t.Fatal(err)
	}
	p.use(two)
	socket := p.socket(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	closed := whenClosed(ctx, socket)
	end(p)
	for _, replica := range []*server{one, two} {
		p.use(replica)
		until(ctx, t, "out on a replica", func() bool { _, in := p.me(t); return !in })
	}
	if !<-closed {
		t.Error("the socket outlived its session")
	}
}

// whenClosed reads a socket until the other side closes it, and tells whether
// that came before ctx was over.
func whenClosed(ctx context.Context, socket *websocket.Conn) <-chan bool {
	closed := make(chan bool, 1)
	go func() {
		var err error
		for err == nil {
			_, _, err = socket.Read(ctx)
		}
		closed <- ctx.Err() == nil
	}()
	return closed
}

// socket opens a socket as Dagster's UI does and waits for its greeting.
func (p *person) socket(t *testing.T) *websocket.Conn {
	t.Helper()
	socket, _, err := websocket.Dial(t.Context(), p.base+"/graphql", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: p.http.Transport, Jar: p.http.Jar}, Subprotocols: []string{"graphql-ws"},
		HTTPHeader: http.Header{"Origin": {p.origin()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseNow() })
	for _, message := range []string{
		`{"type":"connection_init","payload":{}}`,
		`{"type":"start","id":"1","payload":{"query":"subscription { locationStateChangeEvents { event { message } } }"}}`,
	} {
		if err := socket.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	if _, greeting, err := socket.Read(t.Context()); err != nil || string(greeting) != `{"type": "connection_ack"}` && string(greeting) != `{"type":"connection_ack"}` {
		t.Fatalf("greeted with %s, %v", greeting, err)
	}
	return socket
}
