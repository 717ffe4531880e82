package differential

import (
	"bytes"
	"encoding/json"
	"slices"
)

// morsels are what readers have stumbled over.
var morsels = []string{
	`"`, `\"`, `"""`, `\"""`, `""""`, "\\u0022", "\\u{22}", "\\ud800", "\\udc00", `\`, "{", "}", "[", "]", "(", ")", ":", "$", "@", "!", "&", "|", "=",
	"...", "...on Mutation", "... on Query", "...F0", "#", "# \n", "#\r", "\n", "\r\n", "\r", "\u2028", "\ufeff", "\u00a0", "\x00", "\v", ",", ";",
	"\xff", "\xed\xa0\x80", "\ufffd", "null", "true", "1e400", "-0", "01", "1.0", "NaN", "mutation", "query", "subscription", "fragment", "on",
	"mutation{setNuxSeen}", "{version}", "version:", "setNuxSeen", "@skip(if:true)", "@include(if:$v0)", "@skip(if:false)", "schema{query:Query}",
	`"query":"{version}",`, `"Query":"{version}",`, `"operationName":null,`, `"variables":null,`, `"variables":{},`, `"v0":"marketing",`,
	`repositoryLocationName:"marketing"`, `jobName:"mailing"`, `pipelineName:"mailing"`, `pipelineName:""`, `$v0:String="marketing"`, "&query=", "&variables={}", "%22", "+",
}

// mutated is a request with something changed: bytes, or a member of the JSON.
func (g *generator) mutated(r request) request {
	r.Body, r.Query, r.Socket = slices.Clone(r.Body), slices.Clone(r.Query), slices.Clone(r.Socket)
	part := &r.Body
	switch {
	case r.Socket != nil:
		part = &r.Socket
	case len(r.Query) > 20 && g.in(2):
		part = &r.Query
	}
	for range 1 + g.IntN(3) {
		if g.in(2) {
			*part = g.inDocument(*part)
		} else {
			*part = g.bytes(*part)
		}
	}
	return r
}

// inDocument changes the document inside the JSON, which stays whole.
func (g *generator) inDocument(body []byte) []byte {
	var members map[string]json.RawMessage
	var document string
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["query"], &document) != nil {
		return g.bytes(body)
	}
	members["query"], _ = json.Marshal(string(g.bytes([]byte(document))))
	changed, _ := json.Marshal(members)
	return changed
}

func (g *generator) bytes(b []byte) []byte {
	at := g.IntN(len(b) + 1)
	to := min(len(b), at+g.IntN(12))
	switch g.IntN(6) {
	case 0: // without a piece
		return slices.Delete(b, at, to)
	case 1: // a piece twice
		return slices.Insert(b, at, slices.Clone(b[at:to])...)
	case 2: // a piece elsewhere
		return slices.Insert(b, g.IntN(len(b)+1), slices.Clone(b[at:to])...)
	case 3:
		if at < len(b) {
			b[at] ^= 1 << g.IntN(8)
		}
		return b
	case 4: // a morsel for another
		morsel := []byte(g.one(morsels...))
		return bytes.Replace(b, morsel, []byte(g.one(morsels...)), 1+g.IntN(2))
	}
	return slices.Insert(b, at, []byte(g.one(morsels...))...)
}
