package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxLine bounds what is read of standard input, in bytes: far above the
// longest password.
const maxLine = 64 << 10

var (
	errNoPassword   = errors.New("there is no password on standard input")
	errNotTheSame   = errors.New("the two passwords are not the same; nothing was changed")
	errLongPassword = errors.New("the first line of standard input is too long for a password")
)

// askPassword asks twice on a terminal, without showing what is typed, and
// reads a line of anything else.
func askPassword(io stdio) (string, error) {
	f, ok := io.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return readLine(io.In)
	}
	first, err := askHidden(f, io.Err, "New password: ")
	if err != nil {
		return "", err
	}
	second, err := askHidden(f, io.Err, "The same again: ")
	if err == nil && first != second {
		err = errNotTheSame
	}
	return first, err
}

func askHidden(terminal *os.File, w io.Writer, prompt string) (string, error) {
	fmt.Fprint(w, prompt)
	typed, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(w) // the line end that was typed has not been shown either
	if errors.Is(err, io.EOF) {
		return "", errNoPassword
	}
	return string(typed), err
}

// readLine takes the first line, without its end. Blanks belong to a password.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxLine)).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	case len(line) >= maxLine:
		return "", errLongPassword
	case line == "":
		return "", errNoPassword
	}
	return line, nil
}
