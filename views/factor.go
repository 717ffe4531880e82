package views

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// totpAddress leads to the offer of a secret, and keeps where to go on to.
func (p Enrol) totpAddress() string {
	return p.path("/auth/mfa/enrol/totp?next=" + url.QueryEscape(p.Next))
}

// loginAddress leads to the sign-in page, and keeps where to go on to.
func (s Site) loginAddress(next string) string {
	return s.path("/auth/login?next=" + url.QueryEscape(next))
}

// action is where the first code goes, below the prefix.
func (p TOTPOffer) action() string {
	if p.Halfway {
		return "/auth/mfa/enrol/totp"
	}
	return "/auth/account/totp"
}

// back is where somebody goes who would rather not.
func (p TOTPOffer) back() string {
	if p.Halfway {
		return p.path("/auth/mfa/enrol?next=" + url.QueryEscape(p.Next))
	}
	return p.path("/auth/account")
}

// spaced puts a blank after every four characters, as such keys are read.
func spaced(secret string) string {
	var parts []string
	for part := range slices.Chunk([]byte(secret), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

// drawing is a QR code as one path of an SVG.
type drawing struct {
	Modules int    // on each side, with the quiet zone
	Path    string // "" for none
}

// quietZone is how many light modules go around (ISO/IEC 18004).
const quietZone = 4

// drawing draws the address for the app. One that is too long for a QR code has
// none: the key can be typed.
func (p TOTPOffer) drawing() drawing {
	code, err := qr.Encode(p.URL, qr.M, qr.Auto)
	if err != nil || p.URL == "" {
		return drawing{}
	}
	side := code.Bounds().Dx()
	var path strings.Builder
	for y := range side {
		for x := range side {
			if dark, _, _, _ := code.At(x, y).RGBA(); dark == 0 {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quietZone, y+quietZone)
			}
		}
	}
	return drawing{side + 2*quietZone, path.String()}
}

func (d drawing) size() string { return strconv.Itoa(d.Modules) }
func (d drawing) box() string  { return "0 0 " + d.size() + " " + d.size() }
