package dagster

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// strict passes once over JSON and refuses what two readers may read
// differently: keys given twice, and text that is not Unicode (broken UTF-8,
// half a surrogate pair). What Python takes and the standard does not, such as
// NaN or UTF-16, is no JSON here either.
//
// Every request comes this way, so nothing is decoded but keys. Whatever is read
// further goes through encoding/json, against which this is tested.
type strict struct{ scanner }

var (
	errSyntax     = errors.New("no JSON")
	errNotUnicode = errors.New("text is not Unicode")
)

func newStrict(raw []byte) (*strict, error) {
	if !utf8.Valid(raw) || bytes.Contains(raw, []byte(string(utf8.RuneError))) {
		return nil, errNotUnicode
	}
	return &strict{scanner{in: raw}}, nil
}

// value reads what stands inside so many objects and lists.
func (s *strict) value(depth int) (err error) {
	switch c := s.space(); c {
	case '{':
		_, err = s.object(depth + 1)
		return err
	case '[':
		return s.list(depth + 1)
	case '"':
		_, err = s.text()
		return err
	default:
		return syntax(s.scalar(c))
	}
}

// object reads an object whose brace comes next. The values are given as they
// are written.
func (s *strict) object(depth int) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	err := s.each('}', depth, func() error {
		key, err := s.key()
		if err != nil {
			return err
		}
		if _, given := members[key]; given {
			return errors.New("key given twice")
		}
		s.space()
		from := s.at
		if err := s.value(depth); err != nil {
			return err // which may have gone past the end
		}
		members[key] = s.in[from:s.at]
		return nil
	})
	return members, err
}

func (s *strict) list(depth int) error {
	return s.each(']', depth, func() error { return s.value(depth) })
}

// each reads an object or a list whose bracket comes next, with item for what
// stands between two commas.
func (s *strict) each(closing byte, depth int, item func() error) error {
	if depth > maxNesting {
		return errors.New("nests too deeply")
	}
	s.at++
	if s.space() == closing {
		s.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		c := s.space()
		s.at++
		switch c {
		case closing:
			return nil
		case ',':
		default:
			return errSyntax
		}
	}
}

// key reads a key and the colon after it.
func (s *strict) key() (string, error) {
	if s.space() != '"' {
		return "", errSyntax
	}
	raw, err := s.text()
	if err != nil {
		return "", err
	}
	if s.space() != ':' {
		return "", errSyntax
	}
	s.at++
	return string(unquoted(raw)), nil
}

// text reads a string, and gives it as it is written. Half a surrogate pair
// hides nowhere but in an escape.
func (s *strict) text() ([]byte, error) {
	from := s.at
	if !s.scanner.text() {
		return nil, errSyntax
	}
	raw := s.in[from:s.at]
	if !s.unicode {
		return raw, nil
	}
	var decoded string
	if err := json.Unmarshal(raw, &decoded); err != nil {
		return nil, err
	}
	return raw, checkText(decoded)
}

// end tells that nothing but white space is left.
func (s *strict) end() error { return syntax(s.space() == 0 && s.at == len(s.in)) }

func syntax(ok bool) error {
	if !ok {
		return errSyntax
	}
	return nil
}
