package passwords_test

import (
	"testing"

	"github.com/dagpass/dagpass/identity/passwords"
)

func TestCommon(t *testing.T) {
	if n := passwords.Len(); n < 10_000 {
		t.Errorf("%d passwords", n)
	}
	for password, want := range map[string]bool{"password": true, "123456": true, "password123456": true, "": false, "\n": false, "eleven grey herons": false} {
		if passwords.Common(password) != want {
			t.Errorf("%q", password)
		}
	}
}
