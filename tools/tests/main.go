// Program tests runs `go test` and says last what failed. CI shows the end of
// a long output, where otherwise only the logs of the processes would be.
//
//	go test -json ARGS ─┬─ as it goes: packages, slow tests, all that a failed test said
//	                    └─ at the end: each failed test with the first that it said
//
// It ends with go test's exit status.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	status, err := run(os.Stdout, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func run(out io.Writer, args []string) (status int, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir, cmd.Stderr = "../..", out // task starts us in our own folder
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	r := newReport(out)
	readErr := r.read(events)
	io.Copy(io.Discard, events) // else go test would wait for its reader
	err = cmd.Wait()
	r.summary()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), readErr
	}
	return 0, errors.Join(err, readErr)
}

// read takes what go test -json writes (go doc test2json).
func (r *report) read(events io.Reader) error {
	for lines := json.NewDecoder(events); ; {
		var e event
		if err := lines.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r.take(e)
	}
}
