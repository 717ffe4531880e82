package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

func TestCheckPassword(t *testing.T) {
	own := []string{"adalove", "Ada Lovelace", "countess@example.com"}
	for password, want := range map[string]*models.Error{
		passphrase: nil, "correct horse battery": nil, "k3-Vd9_qLm2x": nil, "пароль от квартиры": nil, "928374650192": nil,
		strings.Repeat("a1", 5) + "b":        identity.ErrShortPassword, // eleven
		"":                                   identity.ErrShortPassword,
		"ﬃﬃﬃ":                                identity.ErrShortPassword,
		"ﬃﬃﬃﬃ":                               identity.ErrCommonPassword, // "ffi" four times over
		strings.Repeat("é", 6):               identity.ErrShortPassword,
		strings.Repeat("xyz 1234 ", 29):      identity.ErrLongPassword,
		strings.Repeat("correct horse ", 18): nil,                        // long enough to be nobody's first guess
		"password123456":                     identity.ErrCommonPassword, // on the list
		"PassWord123456":                     identity.ErrCommonPassword,
		"2024!!password!!2024":               identity.ErrCommonPassword,
		"--Dragon--987654":                   identity.ErrCommonPassword,
		"aaaaaaaaaaaaaaa":                    identity.ErrCommonPassword,
		"abcabcabcabcab":                     identity.ErrCommonPassword,
		"123123123123":                       identity.ErrCommonPassword,
		"flowerpotflowerpot":                 identity.ErrCommonPassword,
		"flowerpotflowerpot1!":               identity.ErrCommonPassword,
		"adalove1234567":                     identity.ErrCommonPassword,
		"AdaLovelace1815":                    identity.ErrCommonPassword,
		"ada lovelace 1":                     identity.ErrCommonPassword,
		"countess@example.com":               identity.ErrCommonPassword,
		"Countess12345":                      identity.ErrCommonPassword,
		"dagpass-dagster":                    identity.ErrCommonPassword,
		"Dagster2026!":                       identity.ErrCommonPassword,
		"adalove and seven others":           nil,
		"Ｐａｓｓｗｏｒｄ123456":                     identity.ErrCommonPassword,
	} {
		if err := identity.CheckPassword(password, own...); !is(err, want) {
			t.Errorf("%.40q: %v, want %v", password, err, want)
		}
	}
}

func is(err error, want *models.Error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}

// One password however a keyboard composes it.
func TestPasswordsAreNormalised(t *testing.T) {
	w := onSQLite(t, policy.Gate{})
	user := w.account("ada", policy.None)
	if _, err := w.SetPassword(operator, user.ID, "café ﬁancée grün"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SignInPassword(ctx, "ada", "cafe\u0301 fiance\u0301e gru\u0308n", identity.Entry{}); err != nil {
		t.Error(err)
	}
}
