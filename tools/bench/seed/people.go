package seed

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
)

// The ways in of the people here, and their issuers.
var slots = []struct{ slot, issuer string }{
	{"bench", "https://idp.example.com"}, {"partner", "https://login.partner.example.com"}, {models.LocalSlot, models.LocalIssuer},
}

// Teams is how many groups there are that the policy may name; the low ones are
// large and the high ones small.
const Teams = 200

// Team is the name of a group.
func Team(i int) string { return fmt.Sprintf("team-%03d", i) }

var (
	first = strings.Fields(`Ada Alan Amara Anders Ana Bela Bo Carla Chen Dana Dmitri Edith Elif Emil Fatima Femi Grace Guido Hana Hugo Ida Igor
		Ines Ivan Jana Joao Kai Kofi Lena Leo Lin Luca Maja Marek Mei Nadia Nils Noor Olga Omar Paula Pia Quentin Rana Rosa Sami Sofia Tariq Uma Vera Wei Yara Zoë`)
	last = strings.Fields(`Abel Ahmed Bauer Becker Berg Bianchi Brown Byron Castro Cohen Costa Dahl Diaz Dubois Engel Evans Ferrari Fischer Garcia
		Gruber Haas Hansen Hopper Huber Ivanov Jansen Jensen Johnson Kaya Keller Khan Kim Klein Kowalski Lang Larsen Lee Lehmann Lopez Lovelace
		Maier Martin Meyer Moreau Müller Nagy Nguyen Novak Okafor Olsen Park Patel Peters Popov Ramos Rossi Santos Sato Schmidt Silva Singh Smith
		Sokolov Tanaka Thomas Turing Vargas Vogel Wagner Wang Weber Wolf Wong Yilmaz Zhang Ziegler`)
	browsers = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
	}
)

// crowd is everybody.
type crowd struct {
	size    Size
	now     time.Time
	ids     []string
	names   []string
	address []string
}

func newCrowd(size Size, now time.Time) *crowd {
	c, r := &crowd{size: size, now: now}, chance(1)
	for i := range size.People {
		name := pick(r, first) + " " + pick(r, last)
		c.ids, c.names = append(c.ids, r.id()), append(c.names, name)
		c.address = append(c.address, fmt.Sprintf("%s.%d@example.com", strings.ToLower(strings.ReplaceAll(name, " ", ".")), i))
	}
	return c
}

// table is what goes into one; next gives rows until there are none.
type table struct {
	name    string
	columns []string
	next    func() ([]any, bool)
}

// rows are made by number, none where a number has none.
func rows(n int, row func(r rnd, i int) []any) func() ([]any, bool) {
	i := 0
	return func() ([]any, bool) {
		for ; i < n; i++ {
			if made := row(chance(uint64(i)+1000), i); made != nil {
				i++
				return made, true
			}
		}
		return nil, false
	}
}

// local has an account here, second another provider's besides the first one's.
func local(i int) bool  { return i%5 == 0 }
func second(i int) bool { return i%12 == 0 }

func (c *crowd) tables() []table {
	n := c.size.People
	return []table{
		{"users", strings.Fields("id name email created_at disabled_at role search_key seen_at"), rows(n, c.user)},
		{"identities", identityColumns, rows(n, func(r rnd, i int) []any { return c.identity(r, i, 0) })},
		{"identities", identityColumns, rows(n, func(r rnd, i int) []any { return unless(!second(i), func() []any { return c.identity(r, i, 1) }) })},
		{"identities", identityColumns, rows(n, func(r rnd, i int) []any { return unless(!local(i), func() []any { return c.identity(r, i, 2) }) })},
		{"credentials", strings.Fields("user_id username username_key email_key password changed_at"), rows(n, c.credential)},
		{"factors", strings.Fields("id user_id kind name sealed last_step created_at"), rows(n, c.factor)},
		{"sessions", strings.Fields("id secret_hash user_id identity_id slot client_ip user_agent id_token created_at last_seen_at expires_at method factor"), rows(c.size.Sessions, c.session)},
	}
}

func unless(not bool, row func() []any) []any {
	if not {
		return nil
	}
	return row()
}

// before is a time within so long before now.
func (c *crowd) before(r rnd, within time.Duration) time.Time {
	return c.now.Add(-time.Duration(r.Float64() * float64(within))).Truncate(time.Microsecond)
}

func (c *crowd) user(r rnd, i int) []any {
	role, seen := "", time.Unix(0, 0).UTC()
	for _, some := range []struct {
		role    string
		percent float64
	}{{"admin", .2}, {"editor", .5}, {"launcher", 1}, {"viewer", 2}} {
		if r.in(some.percent) {
			role = some.role
		}
	}
	if r.in(90) {
		seen = c.before(r, year)
	}
	var disabled any
	if r.in(4) {
		disabled = c.before(r, year/4)
	}
	key := strings.ToLower(c.names[i]) + "\n" + c.address[i]
	return []any{c.ids[i], c.names[i], c.address[i], c.before(r, 3*year), disabled, role, key, seen}
}

var identityColumns = strings.Fields("id user_id slot issuer subject claims created_at signed_in_at")

// identityID is that of somebody's way in.
func (c *crowd) identityID(i, way int) string { return c.ids[i][:30] + fmt.Sprintf("%02x", way) }

func (c *crowd) identity(r rnd, i, way int) []any {
	claims := models.Claims{Email: c.address[i], EmailVerified: true, Name: c.names[i], Groups: []string{"everyone"}}
	for range 2 + r.IntN(5) {
		claims.Groups = append(claims.Groups, Team(r.hot(Teams)))
	}
	subject := c.ids[i]
	if way == 2 {
		claims.Groups = nil
	}
	text, _ := json.Marshal(claims) // strings cannot fail
	return []any{c.identityID(i, way), c.ids[i], slots[way].slot, slots[way].issuer, subject, string(text), c.before(r, 3*year), c.before(r, year)}
}

func (c *crowd) credential(r rnd, i int) []any {
	if !local(i) {
		return nil
	}
	name := fmt.Sprintf("%s%d", strings.ToLower(strings.Fields(c.names[i])[1]), i)
	return []any{c.ids[i], name, name, c.address[i], "", c.before(r, year)}
}

func (c *crowd) factor(r rnd, i int) []any {
	if !r.in(15) {
		return nil
	}
	return []any{r.id(), c.ids[i], string(models.FactorTOTP), "Phone", "", int64(0), c.before(r, year)}
}

// session is an open one; some people have several.
func (c *crowd) session(r rnd, _ int) []any {
	i, created := r.IntN(c.size.People), c.before(r, 8*time.Hour)
	return []any{
		r.id(), models.Digest(r.id()), c.ids[i], c.identityID(i, 0), slots[0].slot, clientIP(r), pick(r, browsers), "",
		created, created, created.Add(24 * time.Hour), string(models.MethodProvider), "",
	}
}

func clientIP(r rnd) string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(20), r.IntN(256), r.IntN(256)) }

// Someone is a person that [Fill] makes; the low numbers are busy.
type Someone struct{ ID, Name, Email string }

// Person is the one with that number of so many.
func Person(of, i int) Someone {
	c := newCrowd(Size{People: of}, time.Time{})
	return Someone{c.ids[i], c.names[i], c.address[i]}
}
