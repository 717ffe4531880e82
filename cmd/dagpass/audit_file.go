package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/dagpass/dagpass/models"
)

// trailPrinter writes what the trail says as lines of JSON, to standard output
// and, where there is one, to the file of AUDIT_FILE: the same bytes in the same
// order.
type trailPrinter struct {
	mu   sync.Mutex
	w    io.Writer
	file *trailFile // nil where there is none, and once it is closed
}

// checkpointLine is a checkpoint among the events: whoever gathers the lines can
// prove with it what the trail was.
type checkpointLine struct {
	Checkpoint models.Checkpoint `json:"checkpoint"`
}

func (p *trailPrinter) print(said any) {
	line, err := json.Marshal(said)
	if err != nil {
		return // the row has been written; a line that cannot be is not worth a failure
	}
	line = append(line, '\n')
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.w.Write(line)
	if p.file != nil {
		p.file.add(line)
	}
}

// close lets the file have what waits for it. Who still prints then, because a
// request was cut off, prints to standard output alone.
func (p *trailPrinter) close() {
	p.mu.Lock()
	file := p.file
	p.file = nil
	p.mu.Unlock()
	if file != nil {
		file.close()
	}
}

const (
	// linesWaiting is how many lines may wait for the file. Who adds one never
	// waits: a disk that hangs must not hold up a request, whose row is written.
	linesWaiting = 10_000
	// closeWithin is how long the file may take for them when we stop.
	closeWithin = 5 * time.Second
	// tellEvery is how seldom the log says that the file cannot be written.
	tellEvery = time.Minute
)

// trailFile is the file of AUDIT_FILE behind a queue.
type trailFile struct {
	lines chan []byte
	done  chan struct{} // closed when the queue has been written
	path  string
	out   io.WriteCloser
	torn  bool // the last line was not written to its end

	failed func() // counts a line that is lost
	log    *slog.Logger
	now    func() time.Time
	mu     sync.Mutex
	lost   int // lines since the log was told
	quiet  time.Time
}

// newTrailFile opens the file for appending. One that cannot be had at the start
// is a mistake of whoever set it; what happens to it later is only told.
func newTrailFile(cfg Config, failed func(), log *slog.Logger) (*trailFile, error) {
	if err := tryFile(cfg.AuditFile); err != nil {
		return nil, &configError{[]string{fmt.Sprintf("%sAUDIT_FILE cannot be written: %s", prefix, err)}}
	}
	f := &trailFile{
		lines: make(chan []byte, linesWaiting), done: make(chan struct{}), path: cfg.AuditFile,
		out:    &lumberjack.Logger{Filename: cfg.AuditFile, MaxSize: cfg.AuditFileMaxMB, MaxBackups: cfg.AuditFileKeep},
		failed: failed, log: log, now: now,
	}
	f.torn = endsTorn(cfg.AuditFile)
	go f.write()
	return f, nil
}

// tryFile makes the file with mode 0600, if it is not there. What is no file is
// not opened, for a pipe would wait for a reader.
func tryFile(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && info.Mode()&fs.ModeDevice == 0 {
		return fmt.Errorf("%s is no file", path)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// endsTorn tells that the file's last line has no end, as after a power failure.
func endsTorn(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	last := []byte{'\n'}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		_, _ = f.ReadAt(last, info.Size()-1)
	}
	return last[0] != '\n'
}

// add never waits. The caller keeps the order.
func (f *trailFile) add(line []byte) {
	select {
	case f.lines <- line:
	default:
		f.fail(fmt.Errorf("%d lines wait for it", linesWaiting))
	}
}

func (f *trailFile) close() {
	close(f.lines)
	select {
	case <-f.done:
	case <-time.After(closeWithin):
		f.log.Error("the audit file does not take its last lines; the trail in the database has them", "file", f.path, "lines", len(f.lines))
	}
}

func (f *trailFile) write() {
	defer close(f.done)
	for line := range f.lines {
		if err := f.append(line); err != nil {
			f.fail(err)
		}
	}
	_ = f.out.Close()
}

// append begins a line of its own after one that a full disk has cut off.
func (f *trailFile) append(line []byte) error {
	if err := f.present(); err != nil {
		return err
	}
	if f.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := f.out.Write(line)
	if n > 0 {
		f.torn = line[n-1] != '\n'
	}
	return err
}

// present lets go of a file that was removed or moved away, so that it is made
// anew. Its directory is not: where a volume is not mounted any more, what is
// below its mount point is another disk.
func (f *trailFile) present() error {
	if _, err := os.Stat(f.path); err == nil {
		return nil
	}
	_ = f.out.Close()
	f.torn = false
	_, err := os.Stat(filepath.Dir(f.path))
	return err
}

// fail counts each line and tells the log now and then.
func (f *trailFile) fail(err error) {
	f.failed()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost++
	if at := f.now(); !at.Before(f.quiet) {
		f.log.Error("the audit file cannot be written; the trail in the database has what is missing there", "file", f.path, "lines", f.lost, "error", err)
		f.lost, f.quiet = 0, at.Add(tellEvery)
	}
}
