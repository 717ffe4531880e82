package providers

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// lastingIDs are the attributes by which an entry stays the same when it is
// renamed or moved, and which no other entry ever gets: of OpenLDAP and others
// (RFC 4530), FreeIPA, and 389 Directory Server. Active Directory has objectGUID.
var lastingIDs = []string{"entryUUID", "ipaUniqueID", "nsUniqueId"}

var personAttributes = append([]string{
	"objectGUID", "uid", "sAMAccountName", "userPrincipalName", "mail", "displayName", "cn", "memberOf",
}, lastingIDs...)

// claim says what the directory says of an entry. A name that was given to
// somebody else later must not be the old account, so an entry without a
// lasting id is refused.
func (l *LDAP) claim(kind ldapKind, person *ldap.Entry, groups []string) (Claim, error) {
	subject := lastingID(kind, person)
	if subject == "" {
		return Claim{}, refused(ReasonEntry, "the entry has no lasting id that %q may read: objectGUID, %s",
			l.cfg.BindDN, strings.Join(lastingIDs, ", "))
	}
	email := first(person, "mail")
	return Claim{
		Issuer:        l.Info().Issuer,
		Subject:       subject,
		Email:         email,
		EmailVerified: email != "" && l.cfg.EmailTrusted,
		Name:          cmp.Or(first(person, "displayName"), first(person, "cn")),
		Username:      accountName(kind, person),
		Groups:        groups,
		AMR:           []string{"pwd"},
		AuthTime:      l.cfg.Now().UTC(),
	}, nil
}

func lastingID(kind ldapKind, person *ldap.Entry) string {
	if kind.active {
		return formatGUID(person.GetEqualFoldRawAttributeValue("objectGUID"))
	}
	for _, attribute := range lastingIDs {
		if id := first(person, attribute); id != "" {
			return id
		}
	}
	return ""
}

// formatGUID writes a GUID as Active Directory's tools do: the first three
// fields are little-endian (MS-DTYP 2.3.4).
func formatGUID(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
}

func accountName(kind ldapKind, person *ldap.Entry) string {
	if kind.active {
		return first(person, "sAMAccountName")
	}
	return first(person, "uid")
}

// first is the first value of an attribute, and nothing where it is too long or
// no text: to cut a name makes another one.
func first(person *ldap.Entry, attribute string) string {
	value := person.GetEqualFoldAttributeValue(attribute)
	if len(value) > maxName || !utf8.ValidString(value) {
		return ""
	}
	return value
}
