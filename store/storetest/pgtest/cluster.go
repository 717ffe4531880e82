package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/dagpass/dagpass/e2e/freeport"
)

type cluster struct {
	dir, bin, password string
	port               int
	credential         *syscall.Credential // nil: run as whoever runs the tests
	exited             <-chan error
	leash              io.Closer // kept so that the pipe stays open as long as we live
}

// leashScript runs the server until standard input, the pipe that the test
// binary holds, is at its end. Immediate shutdown: nothing here is worth a
// checkpoint.
const leashScript = `
dir=$1; shift
"$@" </dev/null >"$dir/log" 2>&1 & server=$!
{ cat >/dev/null; kill -QUIT $server; } <&3 3<&- &
wait $server; status=$?
rm -rf "$dir"
exit $status`

// starts is how often a start is tried: another program may take the port that
// was free a moment ago.
const starts = 4

var errEnded = errors.New("PostgreSQL ended while starting")

func start() (c *cluster, err error) {
	for range starts {
		if c, err = startOnce(); !errors.Is(err, errEnded) {
			return c, err
		}
	}
	return nil, err
}

func startOnce() (*cluster, error) {
	c, err := prepare()
	if err != nil {
		return nil, err
	}
	if err := c.initdb(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	if c.port, err = freeport.Next(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	if err := c.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	return c, c.awaitReady(time.Minute)
}

func prepare() (*cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	credential, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	if credential != nil {
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return nil, err
		}
	}
	return &cluster{dir: dir, bin: bin, password: rand.Text(), credential: credential}, nil
}

// binaries returns the folder of the newest installed server: Debian keeps
// each version in a folder of its own, elsewhere the server is on the path.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", errMissing
	}
	return filepath.Dir(initdb), nil
}

// serverUser returns whom the server runs as, nil where that is ourselves.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("neither postgres nor nobody to run PostgreSQL as: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGPASSWORD="+c.password)
	// A process group of its own: an interrupt typed at the tests reaches
	// the server through the leash alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.credential, Setpgid: true}
	return cmd
}

func (c *cluster) initdb() error {
	cmd := c.command("sh", "-c", `printf %s "$PGPASSWORD" >pw && exec "$@" --pwfile=pw`, "sh",
		filepath.Join(c.bin, "initdb"), "--pgdata=data", "--username=postgres",
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (c *cluster) run() error {
	held, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer held.Close()
	cmd := c.command("sh", "-c", leashScript, "sh", c.dir,
		filepath.Join(c.bin, "postgres"), "-D", "data", "-p", strconv.Itoa(c.port), "-h", "127.0.0.1", "-k", "",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=200")
	cmd.ExtraFiles = []*os.File{held}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, ours.Close())
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	c.leash, c.exited = ours, exited
	return nil
}

func (c *cluster) awaitReady(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := c.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case exit := <-c.exited:
			return fmt.Errorf("%w: %w", errEnded, exit)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL not ready after %s: %w", limit, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
