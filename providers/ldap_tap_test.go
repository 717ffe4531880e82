package providers_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// tap stands between us and a server that speaks plainly. It notes each
// request, and may answer in the server's place.
type tap struct {
	URL string

	mu       sync.Mutex
	requests []string
	conns    []net.Conn
	// answer is given each request, which it may change. What it returns goes
	// back to us, and the request goes nowhere; nil lets it pass.
	answer func(request *ber.Packet) (answer []byte)
}

// tapInto starts a tap before the server at url, "ldap://host:port".
func tapInto(t *testing.T, url string, answer func(*ber.Packet) []byte) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{URL: "ldap://" + l.Addr().String(), answer: answer}
	t.Cleanup(func() { _ = l.Close(); p.cut() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client, strings.TrimPrefix(url, "ldap://"))
		}
	}()
	return p
}

func (p *tap) serve(client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	defer server.Close()
	go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
	for {
		request, err := ber.ReadPacket(client)
		if err != nil {
			return
		}
		if answer := p.note(request); answer != nil {
			_, _ = client.Write(answer)
		} else {
			_, _ = server.Write(encoded(request).Bytes())
		}
	}
}

func (p *tap) note(request *ber.Packet) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(request.Children) < 2 {
		p.requests = append(p.requests, "garbage")
		return nil
	}
	operation := request.Children[1]
	what := ldap.ApplicationMap[uint8(operation.Tag)]
	if operation.Tag == ldap.ApplicationBindRequest {
		what += " " + operation.Children[1].Data.String()
	}
	p.requests = append(p.requests, what)
	if p.answer == nil {
		return nil
	}
	return p.answer(request)
}

// heard returns what was asked since it was last called.
func (p *tap) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := slices.DeleteFunc(p.requests, func(r string) bool { return r == "Unbind Request" })
	p.requests = nil
	return requests
}

// cut ends all connections.
func (p *tap) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// encoded is a request as its parts are now.
func encoded(p *ber.Packet) *ber.Packet {
	if p.TagType == ber.TypePrimitive {
		return p
	}
	whole := ber.Encode(p.ClassType, p.TagType, p.Tag, nil, "")
	for _, part := range p.Children {
		whole.AppendChild(encoded(part))
	}
	return whole
}

// replies is an LDAPResult (RFC 4511 section 4.1.9) to a request.
func replies(request *ber.Packet, tag ber.Tag, code int64, text string) []byte {
	return message(request, tag,
		ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""), octets(""), octets(text))
}

// entry is a SearchResultEntry (section 4.5.2) with one attribute.
func entry(request *ber.Packet, dn, attribute, value string) []byte {
	return message(request, ldap.ApplicationSearchResultEntry, octets(dn),
		sequence(sequence(octets(attribute), whole(ber.ClassUniversal, ber.TagSet, octets(value)))))
}

func message(request *ber.Packet, tag ber.Tag, parts ...*ber.Packet) []byte {
	id := ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, request.Children[0].Value, "")
	return sequence(id, whole(ber.ClassApplication, tag, parts...)).Bytes()
}

func sequence(parts ...*ber.Packet) *ber.Packet {
	return whole(ber.ClassUniversal, ber.TagSequence, parts...)
}

func whole(class ber.Class, tag ber.Tag, parts ...*ber.Packet) *ber.Packet {
	p := ber.Encode(class, ber.TypeConstructed, tag, nil, "")
	for _, part := range parts {
		p.AppendChild(part)
	}
	return p
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}
