package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// contender is a process that is measured.
type contender struct {
	name, about string
	address     string
	// logs tells whether it writes an access log.
	logs bool
	cmd  *exec.Cmd
	done chan struct{}
}

func (c *contender) url() string { return "http://" + c.address }

// start runs a program that will listen on c.address, its output into a file,
// and waits until it answers.
func (b *bench) start(ctx context.Context, c *contender, env []string, file, program string, args ...string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	c.cmd = exec.CommandContext(ctx, program, args...)
	c.cmd.Dir, c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = b.dir, append(os.Environ(), env...), out, out
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = 5 * time.Second
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.done = make(chan struct{})
	go func() { _ = c.cmd.Wait(); close(c.done) }()
	return c.listening(ctx, file)
}

// listening waits for the port.
func (c *contender) listening(ctx context.Context, file string) error {
	tick, patience := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", c.address); err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			said, _ := os.ReadFile(file)
			return fmt.Errorf("%s ended; if the reason is not here, -log FILE keeps it:\n%s", c.name, said)
		case <-patience:
			return fmt.Errorf("%s does not listen on %s", c.name, c.address)
		}
	}
}

// stop ends the process and waits until it has.
func (c *contender) stop() {
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		<-c.done
	}
}

// The contenders in their order, as far as it matters.
const (
	thePlain   = 1
	theOurs    = 4
	contenders = 5
)

// lineUp starts everything: the upstream, and in front of it whoever contends.
func (b *bench) lineUp(ctx context.Context) (all []*contender, err error) {
	direct := &contender{name: "direct", about: "the upstream itself, without a proxy", address: freeAddress()}
	plain := &contender{name: "plain", about: "`httputil.ReverseProxy` with Go's default transport", address: freeAddress()}
	tuned := &contender{name: "tuned", about: "the same with 256 idle connections per host and a buffer pool", address: freeAddress()}
	nginx := &contender{name: "nginx", about: "nginx with kept-alive upstream connections", address: freeAddress(), logs: true}
	dagpass := &contender{name: "dagpass", about: "Dagpass: session, identity headers, signed assertion", address: freeAddress(), logs: true}
	all = []*contender{direct, plain, tuned, nginx, dagpass}
	for _, begin := range []func() error{
		func() error { return b.startPart(ctx, direct, "upstream", "") },
		func() error { return b.startPart(ctx, plain, "plain", direct.url()) },
		func() error { return b.startPart(ctx, tuned, "tuned", direct.url()) },
		func() error { return b.startNginx(ctx, nginx, direct.address) },
		func() error { return b.startDagpass(ctx, dagpass, direct.url()) },
	} {
		if err := begin(); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (b *bench) startPart(ctx context.Context, c *contender, as, upstream string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return b.start(ctx, c, nil, filepath.Join(b.dir, c.name+".log"), self, "-as", as, "-listen", c.address, "-upstream", upstream)
}

const nginxConfig = `
worker_processes auto;
daemon off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log %s;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  upstream dagster { server %s; keepalive 256; }
  server {
    listen %s;
    location / {
      proxy_pass http://dagster;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`

func (b *bench) startNginx(ctx context.Context, c *contender, upstream string) error {
	conf := filepath.Join(b.dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConfig, b.log, upstream, c.address), 0o600); err != nil {
		return err
	}
	return b.start(ctx, c, nil, filepath.Join(b.dir, "nginx.log"), "nginx", "-p", b.dir, "-c", conf, "-e", "stderr")
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // a machine without loopback
	}
	defer l.Close()
	return l.Addr().String()
}

// answers tells whether a request is answered with 200.
func answers(client *http.Client, req *http.Request) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL, res.Status)
	}
	return nil
}
