package identity

import (
	"cmp"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"github.com/dagpass/dagpass/models"
)

// Label is what the runs that somebody launches are tagged with.
type Label string

// Labels.
const (
	LabelEmail     Label = "email"
	LabelName      Label = "name"
	LabelPseudonym Label = "pseudonym"
)

// ParseLabel reads the name of a Label.
func ParseLabel(s string) (Label, bool) {
	l := Label(s)
	return l, slices.Contains([]Label{LabelEmail, LabelName, LabelPseudonym}, l)
}

// RunLabel is what the runs of a person are tagged with: the address that the provider verified,
// else the name, else the id of the account. A name is whatever the person
// chose; where addresses are expected it is not taken for one. Who it was beyond
// doubt stands in the audit trail. The label is plain
// text of at most 256 bytes and never empty.
func (s *Service) RunLabel(p *models.Principal) string {
	email, name := "", plain(p.User.Name)
	if p.Identity.Claims.EmailVerified {
		email = plain(p.Identity.Claims.Email)
	}
	switch l := s.Rules().Label; {
	case l == LabelPseudonym:
		return s.Keys.pseudonym(p.User.ID)
	case l == LabelName:
		email = ""
	case strings.ContainsAny(name, ats):
		name = ""
	}
	return cmp.Or(email, name, p.User.ID)
}

// ats are what looks like the sign in an address.
const ats = "@\uff20\ufe6b"

// pseudonym tells people apart without telling who they are: it is the same at
// every replica and after every restart, and cannot be computed without the
// first secret key. It changes with that key.
func (k *Keyring) pseudonym(id string) string {
	// The length is one that HKDF can give (RFC 5869), so this cannot fail.
	key, _ := hkdf.Key(sha256.New, k.keys[0].master, nil, "dagpass/pseudonym", sha256.Size)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	return "user-" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// maxLabel is the longest label, in bytes.
const maxLabel = 256

// plain leaves out what nobody sees: control characters, and marks that turn
// the direction of the text around them.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(strings.ToValidUTF8(s[:min(len(s), maxLabel)], ""))
}
