package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/providers/providertest"
	"github.com/dagpass/dagpass/store/storetest"
)

// The file has the bytes of standard output, in the same order, and nobody else
// may read it.
func TestAuditFileIsStandardOutput(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, database string) {
		path := filepath.Join(t.TempDir(), "audit.jsonl")
		p := start(t, database, "DAGPASS_AUDIT_FILE="+path, "DAGPASS_POLICY="+rolesByGroup)
		violet, edgar := p.as(providertest.Violet), p.as(providertest.Edgar)
		violet.graphql(deleteRun)
		edgar.graphql(deleteRun)
		p.operator(database, "DAGPASS_AUDIT_FILE="+path).must("", "user", "disable", "violet@example.com") // the verb leaves it alone
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != p.out.String() || strings.Count(got, "\n") < 5 {
			t.Errorf("the file has\n%s\nstandard output\n%s", got, p.out)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
	})
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// However many print at once, the file has the order of standard output.
func TestAuditFileKeepsTheOrder(t *testing.T) {
	path, out := filepath.Join(t.TempDir(), "audit.jsonl"), &lines{}
	f, err := newTrailFile(Config{AuditFile: path, AuditFileMaxMB: 1, AuditFileKeep: 1}, func() { t.Error("a line is lost") }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p := &trailPrinter{w: out, file: f}
	var all sync.WaitGroup
	for who := range 8 {
		all.Go(func() {
			for i := range 500 {
				p.print([]int{who, i})
			}
		})
	}
	all.Wait()
	p.close()
	if read(t, path) != out.String() {
		t.Error("another order")
	}
}

// A second start goes on where the first ended, on a line of its own even if
// the machine died within one, and the file keeps the mode that it was given.
func TestAuditFileIsContinued(t *testing.T) {
	database, path := storetest.SQLiteURL(t), filepath.Join(t.TempDir(), "audit.jsonl")
	write(t, path, `{"id":"cut o`)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"cut o` + "\n"
	for range 2 {
		p := start(t, database, "DAGPASS_AUDIT_FILE="+path)
		p.as(providertest.Violet)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		want += p.out.String()
	}
	if got := read(t, path); got != want {
		t.Errorf("the file has\n%s\nand should have\n%s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info, err)
	}
}

// What is no file, or cannot be one, is a mistake that stops the start.
func TestAuditFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                              "is no file",
		filepath.Join(dir, "no", "such"): "no such file or directory",
		pipe(t):                          "is no file",
	} {
		o := operator{t, []string{"DAGPASS_LISTEN=127.0.0.1:0", "DAGPASS_DATABASE_URL=" + storetest.SQLiteURL(t), "DAGPASS_AUDIT_FILE=" + path}}
		status, _, said := o.run("", "serve")
		if status != exitUsage || !strings.Contains(said, "DAGPASS_AUDIT_FILE cannot be written: ") || !strings.Contains(said, want) {
			t.Errorf("%s: status %d, %s", path, status, said)
		}
	}
}

// A disk that is full costs the file its lines, and nobody else anything.
func TestAuditFileOnAFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("other systems have no /dev/full")
		return
	}
	p := start(t, storetest.SQLiteURL(t), "DAGPASS_AUDIT_FILE=/dev/full", "DAGPASS_METRICS_TOKEN=scrape", "DAGPASS_POLICY="+rolesByGroup)
	edgar := p.as(providertest.Edgar)
	for range 5 {
		if edgar.graphql(deleteRun); len(p.dagster.Changed()) == 0 {
			t.Fatal("nothing was done")
		}
	}
	p.wait("no space left on device")
	waitFor(t, func() bool { return p.unfiled(edgar) == int64(strings.Count(p.out.String(), "\n")) })
	if n := strings.Count(p.log.String(), "the audit file cannot be written"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
}

// unfiled is what the metric says.
func (p *program) unfiled(b *person) int64 {
	res := b.do("GET", "/auth/metrics", "", "Authorization", "Bearer scrape")
	text, _ := io.ReadAll(res.Body)
	_, text, _ = bytes.Cut(text, []byte("\ndagpass_audit_file_failures_total "))
	line, _, _ := bytes.Cut(text, []byte("\n"))
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return n
}

// A file that was moved away is made anew; one whose directory is gone is not,
// for below a mount point without its volume is another disk.
func TestAuditFileThatVanishes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volume")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path, counted, log := filepath.Join(dir, "audit.jsonl"), 0, &lines{}
	f, err := newTrailFile(Config{AuditFile: path, AuditFileMaxMB: 1, AuditFileKeep: 1}, func() { counted++ }, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	p := &trailPrinter{w: io.Discard, file: f}
	defer p.close()
	for i, step := range []struct {
		change  func() error
		counted int
		whole   string
	}{
		{func() error { return nil }, 0, "one\n"},
		{func() error { return os.Rename(path, path+".1") }, 0, "one\n"},
		{func() error { return os.Rename(dir, dir+".1") }, 1, ""},
		{func() error { return nil }, 2, ""},
		{func() error { return os.Mkdir(dir, 0o700) }, 2, "one\n"},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		err := f.append([]byte("one\n"))
		if err != nil {
			f.fail(err)
		}
		if text, _ := os.ReadFile(path); counted != step.counted || string(text) != step.whole {
			t.Errorf("step %d: counted %d, the file has %q", i, counted, text)
		}
	}
	if n := strings.Count(log.String(), "the audit file cannot be written"); n != 1 {
		t.Errorf("the log says it %d times: %s", n, log)
	}
}

// Files are put aside at their size, and as many are kept as was asked for. No
// line is split or lost on the way.
func TestAuditFileIsRotated(t *testing.T) {
	dir := t.TempDir()
	f, err := newTrailFile(Config{AuditFile: filepath.Join(dir, "audit.jsonl"), AuditFileMaxMB: 1, AuditFileKeep: 2}, func() { t.Error("a line is lost") }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p := &trailPrinter{w: io.Discard, file: f}
	for i := range 4500 { // a KiB each: five files, of which two and the open one stay
		p.print(models.Event{ID: strconv.Itoa(i), UserAgent: strings.Repeat("x", 900)})
	}
	p.close()
	waitFor(t, func() bool { return len(glob(t, dir)) == 3 })
	next := 4499
	for _, file := range glob(t, dir) { // the newest first
		all := strings.Split(strings.TrimSuffix(read(t, file), "\n"), "\n")
		for i := len(all) - 1; i >= 0; i-- {
			if !strings.HasPrefix(all[i], `{"id":"`+strconv.Itoa(next)+`"`) || !strings.HasSuffix(all[i], "}") {
				t.Fatalf("%s: %.40s… is not event %d", file, all[i], next)
			}
			next--
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() > 1<<20 {
			t.Errorf("%v %v", info, err)
		}
	}
	if next > 3000 {
		t.Errorf("only %d lines are left", 4499-next)
	}
}

// glob lists the files of a directory: the open one, and then the newest first.
func glob(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append([]string{filepath.Join(dir, e.Name())}, all...)
	}
	return all
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it never happens")
		}
	}
}

// stuck is a disk that does not answer.
type stuck struct{ released chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.released; return len(p), nil }

func (s stuck) Close() error { return nil }

// A disk that does not answer holds up nobody: neither who prints, beyond the
// lines that may wait, nor the stop, beyond its time. The log is told once a
// minute.
func TestAuditFileThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counted, log, out, disk := 0, &lines{}, &lines{}, stuck{make(chan struct{})}
		f := &trailFile{
			lines: make(chan []byte, linesWaiting), done: make(chan struct{}), path: filepath.Join(t.TempDir(), "audit.jsonl"), out: disk,
			failed: func() { counted++ }, log: slog.New(slog.NewTextHandler(log, nil)), now: time.Now,
		}
		go f.write()
		p := &trailPrinter{w: out, file: f}
		p.print(0)
		synctest.Wait() // the disk has the first, and waits
		for range linesWaiting + 10 {
			p.print(1)
		}
		time.Sleep(tellEvery)
		p.print(2)
		began := time.Now()
		p.close()
		if took := time.Since(began); took != closeWithin || counted != 11 || strings.Count(out.String(), "\n") != linesWaiting+12 {
			t.Errorf("stopped after %v, counted %d", took, counted)
		}
		if said := log.String(); strings.Count(said, "cannot be written") != 2 || !strings.Contains(said, "lines=1 ") || !strings.Contains(said, "lines=10 ") || !strings.Contains(said, "does not take its last lines") {
			t.Errorf("the log says %s", said)
		}
		p.print(3) // a request that was cut off
		close(disk.released)
	})
}

// brim is a disk that is full after so many bytes.
type brim struct {
	bytes.Buffer
	room int
}

func (b *brim) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.room -= n
	_, _ = b.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (b *brim) Close() error { return nil }

// A line that a full disk cut off stands alone, whatever follows it.
func TestAuditFileAfterATornLine(t *testing.T) {
	disk := &brim{room: 6}
	f := &trailFile{path: os.DevNull, out: disk}
	for i, step := range []struct {
		room int
		lost bool
		want string
	}{
		{0, false, "one\n"},
		{0, true, "one\non"},
		{1, true, "one\non\n"},
		{0, true, "one\non\n"},
		{100, false, "one\non\none\n"},
		{0, false, "one\non\none\none\n"},
	} {
		disk.room += step.room
		if err := f.append([]byte("one\n")); (err != nil) != step.lost || disk.String() != step.want {
			t.Errorf("step %d: %v, the file has %q", i, err, disk)
		}
	}
}

// pipe is a named pipe that nobody reads: whoever opens it waits.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
