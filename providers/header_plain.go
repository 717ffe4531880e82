package providers

import (
	"errors"
	"strings"
)

const (
	maxEmail  = 254     // characters, RFC 5321 section 4.5.3.1
	maxGroups = 8 << 10 // bytes of the whole header
)

// plain believes what the headers say, for nobody but the proxy could have sent
// them. An address counts as verified only where the configuration says so.
func (w *Header) plain(h map[string][]string) (Claim, error) {
	user, err1 := single(h, w.cfg.User, maxSubject)
	email, err2 := optional(single(h, w.cfg.Email, maxEmail))
	name, err3 := optional(line(h, w.cfg.Name, maxSubject))
	groups, err4 := w.plainGroups(h)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return Claim{}, err
		}
	}
	return Claim{
		Issuer: plainIssuer, Subject: user, Username: user, Name: name, Groups: groups,
		Email: email, EmailVerified: email != "" && w.cfg.EmailVerified == "trusted",
	}, nil
}

// line reads one header as text. A name that is not configured is no header.
func line(h map[string][]string, name string, limit int) (string, error) {
	if name == "" {
		return "", refused(ReasonHeaderMissing, "no such header is configured")
	}
	value, err := only(h, name)
	if err == nil && !readable(value, limit) {
		err = refused(ReasonHeaderMalformed, "%s is too long or not readable", name)
	}
	return value, err
}

// single reads a header that holds one value: a comma is how proxies join two
// headers into one.
func single(h map[string][]string, name string, limit int) (string, error) {
	value, err := line(h, name, limit)
	if err == nil && strings.Contains(value, ",") {
		err = refused(ReasonHeaderAmbiguous, "%s has several values", name)
	}
	return value, err
}

// optional makes nothing of a header that is not there.
func optional(value string, err error) (string, error) {
	var known *Error
	if errors.As(err, &known) && known.Reason == ReasonHeaderMissing {
		return "", nil
	}
	return value, err
}

func (w *Header) plainGroups(h map[string][]string) (groups []string, err error) {
	all, err := optional(line(h, w.cfg.Groups, maxGroups))
	if err != nil {
		return nil, err
	}
	for group := range strings.SplitSeq(all, ",") {
		if group = strings.TrimSpace(group); group != "" {
			groups = append(groups, group)
		}
	}
	return groups, nil
}

// plainHeard are the headers that are configured, as they came.
func (w *Header) plainHeard(h map[string][]string) map[string]any {
	heard := map[string]any{}
	for _, name := range []string{w.cfg.User, w.cfg.Email, w.cfg.Name, w.cfg.Groups} {
		for spelled, lines := range h {
			if name != "" && spelling(spelled) == spelling(name) {
				heard[spelled] = lines
			}
		}
	}
	return heard
}
