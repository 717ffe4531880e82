package dagster

import (
	"bytes"
	"encoding/json"
)

const (
	// hiddenPrefix begins the response key of every selection that is ours and
	// not the client's.
	hiddenPrefix = "dagpass_"
	// maxAnswerDepth bounds the recursion. Dagster's own answers stay below 50.
	maxAnswerDepth = 512
)

// node says what to do at one place of an answer and below it. A nil node is a
// place where everything stays.
type node struct {
	// below is what to do with the members of an object, by response key, or of
	// each object in a list.
	below map[string]*node
	// rule trims a boolean or a reason; nil for what only has nodes below.
	rule *rule
	// inherits tells that what is known of the object above holds for this one,
	// which has no location of its own.
	inherits bool
	// tells marks an object with members that are ours.
	tells bool
	// clash marks a response key that stands for different fields.
	clash bool
}

func (n *node) at(key []byte) *node {
	if n == nil {
		return nil
	}
	return n.below[string(key)]
}

// scanner passes over the bytes of an answer once. What is not edited is copied
// as it is; nothing is decoded but keys and strings that have to be understood.
// Its methods tell false at what is no JSON, and then the whole is given up.
type scanner struct {
	in     []byte
	at     int
	out    []byte
	copied int // in before it is in out, or cut
	depth  int
	// unicode tells that the last text had an escape of the kind \u0000.
	unicode bool
	// edit gives what to write instead of a value that a rule is for, and false
	// if it stays.
	edit func(*rule, *scene, []byte) ([]byte, bool)
}

// dropHidden takes out of the answer to a mutation what only we had asked for.
// That stands in the values of the root fields and nowhere else: what is below is
// the client's, the configuration of a run for one, whatever its keys look like.
// What is no JSON comes back as it is.
func dropHidden(body []byte, fields []Field) []byte {
	if !bytes.Contains(body, []byte(hiddenPrefix)) && !bytes.ContainsRune(body, '\\') {
		return body
	}
	data := &node{below: map[string]*node{}}
	for _, f := range fields {
		data.below[f.Key] = &node{}
	}
	return edited(body, &node{below: map[string]*node{"data": data}}, &scene{}, nil)
}

// edited follows a plan through an answer. What is no JSON comes back as it is.
func edited(body []byte, plan *node, top *scene, edit func(*rule, *scene, []byte) ([]byte, bool)) []byte {
	s := &scanner{in: body, edit: edit}
	if !s.value(plan, top) || s.space() != 0 || s.at != len(body) {
		return body
	}
	if s.copied == 0 {
		return body
	}
	return append(s.out, body[s.copied:]...)
}

// cut leaves out what stands between from and here, and writes instead in its
// place.
func (s *scanner) cut(from int, instead []byte) {
	if s.out == nil {
		s.out = make([]byte, 0, len(s.in)+len(s.in)/16)
	}
	s.out = append(append(s.out, s.in[s.copied:from]...), instead...)
	s.copied = s.at
}

// space skips white space and gives the byte after it, 0 at the end.
func (s *scanner) space() byte {
	for ; s.at < len(s.in); s.at++ {
		if c := s.in[s.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

func (s *scanner) value(n *node, around *scene) bool {
	switch c := s.space(); c {
	case '{', '[':
		if n != nil && n.rule != nil {
			n = nil // not the shape that the rule is for
		}
		s.depth++
		ok := s.depth <= maxAnswerDepth && s.members(c, n, around)
		s.depth--
		return ok
	default:
		from := s.at
		return s.scalar(c) && s.trim(from, n, around)
	}
}

func (s *scanner) trim(from int, n *node, around *scene) bool {
	if n != nil && n.rule != nil {
		if instead, ok := s.edit(n.rule, around, s.in[from:s.at]); ok {
			s.cut(from, instead)
		}
	}
	return true
}

func (s *scanner) members(open byte, n *node, around *scene) bool {
	s.at++
	if open == '[' {
		return s.items(n, around)
	}
	if n == nil {
		return s.object(nil, nil)
	}
	own := &scene{}
	if n.inherits {
		*own = *around
	}
	return s.object(n, own)
}

func (s *scanner) items(n *node, around *scene) bool {
	if s.space() == ']' {
		s.at++
		return true
	}
	for s.value(n, around) {
		switch s.space() {
		case ',':
			s.at++
		case ']':
			s.at++
			return true
		default:
			return false
		}
	}
	return false
}

// object reads the members of an object. Members that are ours tell the scene,
// and stand before what they are asked for.
func (s *scanner) object(n *node, own *scene) bool {
	if s.space() == '}' {
		s.at++
		return true
	}
	for kept := false; ; {
		from := s.at
		hidden, ok := s.member(n, own)
		if !ok {
			return false
		}
		end := s.space()
		if end == ',' {
			s.at++ // a member that is dropped takes the comma along
		} else if end != '}' {
			return false
		}
		if hidden {
			s.drop(from, kept && end == '}')
		}
		if end == '}' {
			s.at++
			return true
		}
		kept = kept || !hidden
	}
}

// drop takes out a member and what follows it up to here. If it was the last
// one, the comma before it goes too: it is the last byte kept so far.
func (s *scanner) drop(from int, comma bool) {
	s.cut(from, nil)
	if comma {
		s.out = s.out[:len(s.out)-1]
	}
}

func (s *scanner) member(n *node, own *scene) (hidden, ok bool) {
	if s.space() != '"' {
		return false, false
	}
	from := s.at
	if !s.text() {
		return false, false
	}
	raw := s.in[from:s.at]
	if s.space() != ':' {
		return false, false
	}
	s.at++
	if n == nil {
		return false, s.value(nil, nil)
	}
	key := unquoted(raw)
	if !bytes.HasPrefix(key, []byte(hiddenPrefix)) {
		return false, s.value(n.at(key), own)
	}
	s.space()
	from = s.at
	ok = s.value(nil, nil)
	if ok {
		own.learn(key, s.in[from:s.at])
	}
	return true, ok
}

// unquoted is the text of a JSON string. It copies only where there is an escape.
func unquoted(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return []byte(s)
}

// leaf is the string at the end of objects that have one member each, which is
// what our selections ask for; empty where there is none.
func leaf(value []byte) string {
	s := &scanner{in: value}
	for s.space() == '{' {
		s.at++
		if s.space() != '"' || !s.text() || s.space() != ':' {
			return ""
		}
		s.at++
	}
	from := s.at
	if s.space() != '"' || !s.text() {
		return ""
	}
	return string(unquoted(bytes.TrimSpace(value[from:s.at])))
}

func (s *scanner) scalar(first byte) bool {
	switch first {
	case '"':
		return s.text()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(w string) bool {
	if len(s.in)-s.at < len(w) || string(s.in[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

func (s *scanner) text() bool {
	s.unicode = false
	for i := s.at + 1; i < len(s.in); i++ {
		c := s.in[i]
		if !inText[c] {
			continue
		}
		if c == '"' {
			s.at = i + 1
			return true
		}
		n := escape(s.in[i:])
		if n == 0 {
			return false
		}
		s.unicode = s.unicode || n == unicodeEscape
		i += n - 1
	}
	return false
}

// inText are the bytes that mean something in a string, or may not stand there:
// quotes, backslashes and control characters. A table, for most of what is read
// is text.
var inText = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

const unicodeEscape = len(`\u0000`)

// escape is the length of the escape that b begins with, 0 if it is none.
func escape(b []byte) int {
	if len(b) < 2 || b[0] != '\\' {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	if len(b) < unicodeEscape {
		return 0
	}
	for _, c := range b[2:unicodeEscape] {
		if !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0
		}
	}
	return unicodeEscape
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) number() bool {
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return false
	}
	if s.skip('.') && !s.digits() {
		return false
	}
	if !s.skip('e') && !s.skip('E') {
		return true
	}
	if !s.skip('+') {
		s.skip('-')
	}
	return s.digits()
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.in) && s.in[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.in) && digit(s.in[s.at]) {
		s.at++
	}
	return s.at > from
}
