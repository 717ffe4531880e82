package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a program that was started.
type process struct {
	name, address string
	cmd           *exec.Cmd
	done          chan struct{}
	// end is the signal that ends it; SIGTERM where there is none.
	end syscall.Signal
}

func (p *process) ends() syscall.Signal { return cmp.Or(p.end, syscall.SIGTERM) }

func (p *process) url() string { return "http://" + p.address }

// start runs a program that will listen on p.address, its output into a file,
// and waits until it answers.
func (b *bench) start(ctx context.Context, p *process, env []string, file, program string, args ...string) error {
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Dir, p.cmd.Env = b.dir, append(os.Environ(), env...)
	return b.launch(ctx, p, file)
}

// launch starts p.cmd, as start does.
func (b *bench) launch(ctx context.Context, p *process, file string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(p.ends()) }
	p.cmd.WaitDelay = 30 * time.Second
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.done = make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	b.closers = append(b.closers, p.stop)
	return p.listening(ctx, file)
}

// listening waits for the port.
func (p *process) listening(ctx context.Context, file string) error {
	tick, patience := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", p.address); err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			said, _ := os.ReadFile(file)
			return fmt.Errorf("%s ended; if the reason is not here, -log FILE keeps it:\n%s", p.name, said)
		case <-patience:
			return fmt.Errorf("%s does not listen on %s", p.name, p.address)
		}
	}
}

// stop ends the process and waits until it has.
func (p *process) stop() error {
	err := p.cmd.Process.Signal(p.ends())
	<-p.done
	return err
}

// startPart starts this program once more, as a part of the benchmark.
func (b *bench) startPart(ctx context.Context, name, upstream string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, address: freeAddress()}
	return p, b.start(ctx, p, nil, filepath.Join(b.dir, name+".log"), self, "-as", name, "-listen", p.address, "-upstream", upstream)
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
  map $http_upgrade $hop { default upgrade; '' ''; }
  server {
    listen %s;
    location / {
      proxy_pass http://dagster;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $hop;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`

func (b *bench) startNginx(ctx context.Context, upstream string) (*process, error) {
	p := &process{name: "nginx", address: freeAddress()}
	conf := filepath.Join(b.dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConfig, b.log, upstream, p.address), 0o600); err != nil {
		return nil, err
	}
	return p, b.start(ctx, p, nil, filepath.Join(b.dir, "nginx.log"), "nginx", "-p", b.dir, "-c", conf, "-e", "stderr")
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
