// Package passwords knows the passwords that are tried first.
//
// The list is the one of Django 5.2 (django/contrib/auth/common-passwords.txt.gz),
// gathered by Royce Williams from passwords that were found in the open. Its
// licence stands beside it.
package passwords

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed common.txt
var list string

var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for p := range strings.SplitSeq(list, "\n") {
		if p != "" {
			set[p] = true
		}
	}
	return set
})

// Common tells whether a password, in lower case, is one of those.
func Common(password string) bool { return common()[password] }

// Len is how many there are.
func Len() int { return len(common()) }
