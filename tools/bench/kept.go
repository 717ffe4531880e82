package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/dagpass/dagpass/tools/bench/seed"
)

// The key with which the databases that are kept are sealed. There is no secret in
// them.
const benchKey = "YSBrZXkgb2YgMzIgYnl0ZXMgZm9yIGJlbmNobWFya3M="

// kept is a database that was filled once, for this and later runs.
type kept struct {
	// name says what it is.
	name string
	size seed.Size
	dir  string
	url  string
	// version is that of the server; empty for SQLite.
	version string
}

// made is noted beside a database: of what it was made. With more migrations than
// then it can be used still: the program applies them, as at an update.
type made struct {
	Seed       string
	Migrations map[string]string // by name, a hash
}

const stale = 30 * 24 * time.Hour

// fill makes sure that a database is there, of this schema and up to today.
func (b *bench) fill(ctx context.Context, k *kept) error {
	now, err := b.madeNow(k)
	if err != nil {
		return err
	}
	began, do, said := time.Now(), seed.Renew, "brought up to today"
	if !k.usable(now) {
		do, said = seed.Fill, "filled"
		fmt.Fprintf(os.Stderr, "%s is filled with %d people and %d events, which takes some minutes once\n", k.name, k.size.People, k.size.Events)
		if err := b.empty(ctx, k); err != nil {
			return err
		}
	}
	if err := b.migrate(ctx, k); err != nil {
		return err
	}
	if err := do(ctx, k.url, k.size); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s is %s: %s\n", k.name, said, time.Since(began).Round(time.Second))
	text, _ := json.MarshalIndent(now, "", "  ") // strings cannot fail
	return os.WriteFile(k.note(), text, 0o600)
}

func (k *kept) note() string { return filepath.Join(k.dir, "made.json") }

func (k *kept) usable(now made) bool {
	info, err := os.Stat(k.note())
	if err != nil || time.Since(info.ModTime()) > stale {
		return false
	}
	var then made
	text, err := os.ReadFile(k.note())
	if err != nil || json.Unmarshal(text, &then) != nil || then.Seed != now.Seed {
		return false
	}
	for name, sum := range then.Migrations {
		if now.Migrations[name] != sum {
			return false
		}
	}
	return true
}

// madeNow is of what a database would be made now.
func (b *bench) madeNow(k *kept) (made, error) {
	now := made{seed.Version(), map[string]string{}}
	dialect := "postgres"
	if k.version == "" {
		dialect = "sqlite"
	}
	files := os.DirFS(filepath.Join(b.root, "migrations", dialect))
	names, err := fs.Glob(files, "*.sql")
	for _, name := range names {
		now.Migrations[name] = seed.Digest(files, name)
	}
	return now, err
}

// empty takes away what is there.
func (b *bench) empty(ctx context.Context, k *kept) error {
	if err := os.Remove(k.note()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if k.version != "" {
		return seed.Empty(ctx, k.url)
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(k.dir, "dagpass.db"+end)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (b *bench) migrate(ctx context.Context, k *kept) error {
	out, err := b.verb(ctx, k, "migrate").CombinedOutput()
	if err != nil {
		return fmt.Errorf("migrate: %w\n%s", err, out)
	}
	return nil
}

// verb is a command of the program on a database.
func (b *bench) verb(ctx context.Context, k *kept, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "dagpass"), words...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "DAGPASS_DATABASE_URL="+k.url, "DAGPASS_SECRET_KEY="+benchKey,
		"DAGPASS_UPSTREAM=http://127.0.0.1:9", "DAGPASS_PUBLIC_URL=http://127.0.0.1:9")
	return cmd
}

// onSQLite keeps a file.
func (b *bench) onSQLite(people, events int) (*kept, error) {
	dir := filepath.Join(b.cache, fmt.Sprintf("sqlite-%d", events))
	return &kept{
		name: "SQLite", dir: dir, url: "sqlite:" + filepath.Join(dir, "dagpass.db"),
		size: seed.Size{People: people, Sessions: people * 2 / 5, Events: events},
	}, os.MkdirAll(dir, 0o755)
}

// onPostgres keeps a cluster, and starts a server on it until the benchmark ends.
func (b *bench) onPostgres(ctx context.Context, people, events int) (*kept, error) {
	dir := filepath.Join(b.cache, fmt.Sprintf("postgres-%d", events))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	server, err := postgresServer(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(data); err != nil {
		if out, err := server.command(ctx, "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initdb: %w\n%s", err, out)
		}
	}
	p := &process{name: "postgres", address: freeAddress(), end: syscall.SIGINT} // which does not wait for clients
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return nil, err
	}
	k := &kept{
		name: "PostgreSQL", dir: dir, url: "postgres://postgres@" + p.address + "/postgres", version: said(ctx, dir, server.path("postgres"), "--version"),
		size: seed.Size{People: people, Sessions: people * 2 / 5, Events: events},
	}
	p.cmd = server.command(ctx, "postgres", "-D", data, "-h", host, "-p", port, "-k", "",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "max_wal_size=4GB")
	if err := b.launch(ctx, p, filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	return k, seed.Await(ctx, k.url)
}

// server is how PostgreSQL is run: not as root, which it refuses to be.
type server struct {
	bin string
	as  *syscall.Credential
}

var errNoPostgres = errors.New("PostgreSQL is missing; type: apt-get install -y --no-install-recommends postgresql")

func postgresServer(dir string) (*server, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return nil, errNoPostgres
	}
	s := &server{bin: filepath.Dir(found[len(found)-1])}
	if os.Geteuid() != 0 {
		return s, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid) // as the system writes them
	gid, _ := strconv.Atoi(u.Gid)
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // they are as large
	return s, os.Chown(dir, uid, gid)
}

func (s *server) path(name string) string { return filepath.Join(s.bin, name) }

func (s *server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.path(name), args...)
	cmd.Dir, cmd.Env = "/", append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}
