package providers_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dagpass/dagpass/providers"
)

func TestHonestAssertions(t *testing.T) {
	s := newSSO(t)
	for name, k := range s.kinds() {
		t.Run(name, func(t *testing.T) {
			w := k.witness(t, s)
			if err := w.Ready(context.Background()); err != nil {
				t.Error(err)
			}
			claim, verdict := send(t, w, k.header, k.honest().token())
			if diff := cmp.Diff(k.want, claim); diff != "" || verdict.reason != "" {
				t.Errorf("%v %s", verdict, diff)
			}
			if info := w.Info(); info.Slot != "header" || info.Type != "header" || info.Label == "" || info.Issuer != claim.Issuer {
				t.Errorf("got %+v", info)
			}
		})
	}
}

// forgery is what somebody does to an honest assertion, and what it comes to.
type forgery struct {
	forge func(s *sso, a *assertion)
	want  string
}

func claim(name string, value any) func(*sso, *assertion) {
	return func(_ *sso, a *assertion) { a.claims[name] = value }
}

func header(name string, value any) func(*sso, *assertion) {
	return func(_ *sso, a *assertion) { a.header[name] = value }
}

func in(name string, d time.Duration) func(*sso, *assertion) {
	return func(s *sso, a *assertion) { a.claims[name] = s.Now().Add(d).Unix() }
}

func without(name string) func(*sso, *assertion) {
	return func(_ *sso, a *assertion) { delete(a.claims, name) }
}

// anyKind are forgeries of an assertion of any kind.
func anyKind(t *testing.T) map[string]forgery {
	return map[string]forgery{
		"alg none":     {func(_ *sso, a *assertion) { a.header["alg"], a.sign = "none", unsigned }, "id_token_signature"},
		"no signature": {func(_ *sso, a *assertion) { a.sign = unsigned }, "id_token_signature"},
		"HS256 with the public key": {func(s *sso, a *assertion) {
			a.header["alg"], a.sign = "HS256", hs256(publicPEM(s.ec))
		}, "id_token_signature"},
		"another alg's name":     {header("alg", "ES384"), "id_token_signature"},
		"alg in small letters":   {header("alg", "es256"), "id_token_signature"},
		"alg twice":              {func(_ *sso, a *assertion) { a.header["alg"] = []string{"ES256"} }, "id_token_signature"},
		"another key, known kid": {func(_ *sso, a *assertion) { a.sign = es256(newEC(t)) }, "id_token_signature"},
		"unknown kid":            {header("kid", secondKid), "id_token_signature"},
		"unknown critical":       {func(_ *sso, a *assertion) { a.header["crit"], a.header["x"] = []string{"x"}, 1 }, "id_token_signature"},
		"no claims":              {func(_ *sso, a *assertion) { a.payload = []byte{} }, ""},
		"claims are a list":      {func(_ *sso, a *assertion) { a.payload = []byte(`[]`) }, ""},
		"claims are null":        {func(_ *sso, a *assertion) { a.payload = []byte(`null`) }, ""},
		"another issuer":         {claim("iss", "https://evil.example"), "id_token_issuer"},
		"an issuer and a slash":  {func(_ *sso, a *assertion) { a.claims["iss"] = fmt.Sprint(a.claims["iss"], "/") }, "id_token_issuer"},
		"issuers":                {func(_ *sso, a *assertion) { a.claims["iss"] = []any{a.claims["iss"]} }, "id_token_issuer"},
		"nobody":                 {without("sub"), "id_token_subject"},
		"an empty subject":       {claim("sub", ""), "id_token_subject"},
		"a number for a subject": {claim("sub", 7), "id_token_subject"},
		"a long subject":         {claim("sub", strings.Repeat("a", 256)), "id_token_subject"},
		"a subject of controls":  {claim("sub", "ada\x00"), "id_token_subject"},
		"a subject nobody reads": {claim("sub", "ada\ufffd"), "id_token_subject"},
		"expired":                {in("exp", -time.Second), "id_token_expired"},
		"expires now":            {in("exp", 0), "id_token_expired"},
		"expires in words":       {claim("exp", "never"), "id_token_expired"},
		"expires after all time": {claim("exp", 1e300), "id_token_expired"},
		"issued tomorrow":        {in("iat", 2*time.Minute), "id_token_issued_at"},
		"issued in words":        {claim("iat", "yesterday"), "id_token_issued_at"},
		"not before tomorrow":    {in("nbf", 2*time.Minute), "id_token_invalid"},
	}
}

// jwtOnly are forgeries of an assertion whose audience is a claim.
func jwtOnly() map[string]forgery {
	us := func(_ *sso, a *assertion) any {
		if list, ok := a.claims["aud"].([]string); ok {
			return list[0]
		}
		return a.claims["aud"]
	}
	aud := func(others ...any) func(*sso, *assertion) {
		return func(s *sso, a *assertion) {
			a.claims["aud"] = append([]any{us(s, a)}, others...)
			delete(a.claims, "azp")
		}
	}
	return map[string]forgery{
		"no issuer":                {without("iss"), "id_token_issuer"},
		"no audience":              {without("aud"), "id_token_audience"},
		"another audience":         {claim("aud", "other"), "id_token_audience"},
		"other audiences":          {claim("aud", []string{"other", "another"}), "id_token_audience"},
		"several, nobody asked":    {aud("other"), "id_token_audience"},
		"an audience and a number": {aud(7), "id_token_audience"},
		"an audience and no text":  {aud(""), "id_token_audience"},
		"several, another asked":   {func(s *sso, a *assertion) { aud("other")(s, a); a.claims["azp"] = "other" }, "id_token_audience"},
		"the beginning of ours":    {func(s *sso, a *assertion) { a.claims["aud"] = fmt.Sprint(us(s, a))[:2] }, "id_token_audience"},
		"never expires":            {without("exp"), "id_token_expired"},
		"a security event":         {claim("events", map[string]any{}), "id_token_invalid"},
		"claims twice":             {func(_ *sso, a *assertion) { a.payload = []byte(`{"sub":"ada","sub":"eve"}`) }, "id_token_invalid"},
	}
}

// albOnly are forgeries of what only a load balancer says.
func albOnly() map[string]forgery {
	return map[string]forgery{
		"another signer":       {header("signer", strings.Replace(signerARN, "123456789012", "999999999999", 1)), "id_token_issuer"},
		"no signer":            {func(_ *sso, a *assertion) { delete(a.header, "signer") }, "id_token_issuer"},
		"Signer":               {func(_ *sso, a *assertion) { delete(a.header, "signer"); a.header["Signer"] = signerARN }, "id_token_issuer"},
		"signer in the claims": {func(_ *sso, a *assertion) { delete(a.header, "signer"); a.claims["signer"] = signerARN }, "id_token_issuer"},
		"another client":       {header("client", "client-2"), "id_token_audience"},
		"no client":            {func(_ *sso, a *assertion) { delete(a.header, "client") }, "id_token_audience"},
		"another issuer above": {header("iss", "https://evil.example"), "id_token_issuer"},
		"no issuer above":      {func(_ *sso, a *assertion) { delete(a.header, "iss") }, "id_token_issuer"},
		"expired above":        {func(s *sso, a *assertion) { a.header["exp"] = s.Now().Unix() }, "id_token_expired"},
		"never expires":        {func(_ *sso, a *assertion) { delete(a.header, "exp") }, "id_token_expired"},
		"another type":         {header("typ", "JWE"), "id_token_signature"},
		"a kid above":          {header("kid", "../x"), "id_token_signature"},
		"a kid elsewhere":      {header("kid", "@evil.example/"+firstKid), "id_token_signature"},
		"a kid and more":       {header("kid", firstKid+"/../x"), "id_token_signature"},
		"a kid and a line":     {header("kid", firstKid+"\n"), "id_token_signature"},
		"a kid in capitals":    {header("kid", strings.ToUpper(firstKid)), "id_token_signature"},
		"an empty kid":         {header("kid", ""), "id_token_signature"},
		"claims twice":         {func(_ *sso, a *assertion) { a.payload = []byte(`{"sub":"ada","sub":"eve"}`) }, "id_token_signature"},
		"a longer signature": {func(_ *sso, a *assertion) {
			sign := a.sign
			a.sign = func(b []byte) []byte { return slices.Insert(sign(b), 32, 0) } // the same two numbers
		}, "id_token_signature"},
		"a signature of naught": {func(_ *sso, a *assertion) { a.sign = func([]byte) []byte { return make([]byte, 64) } }, "id_token_signature"},
	}
}

func TestForgedAssertions(t *testing.T) {
	s := newSSO(t)
	for name, k := range s.kinds() {
		forgeries := anyKind(t)
		if name == "alb" {
			maps.Copy(forgeries, albOnly())
		} else {
			maps.Copy(forgeries, jwtOnly())
		}
		for what, f := range forgeries {
			t.Run(name+"/"+what, func(t *testing.T) {
				a := k.honest()
				f.forge(s, &a)
				got, verdict := send(t, k.witness(t, s), k.header, a.token())
				if verdict.reason == "" || verdict.outage || (f.want != "" && verdict.reason != f.want) || !cmp.Equal(got, providers.Claim{}) {
					t.Errorf("got %v %+v, want %s", verdict, got, f.want)
				}
			})
		}
	}
}

// A kind takes its own algorithm alone, though its issuer publishes keys for others.
func TestAnAlgorithmOfAnotherKind(t *testing.T) {
	s := newSSO(t)
	for name, k := range s.kinds() {
		a := k.honest()
		if name == "cloudflare" {
			a.header["alg"], a.header["kid"], a.sign = "ES256", s.kid, es256(s.ec)
		} else {
			a.header["alg"], a.header["kid"], a.sign = "RS256", "rsa", rs256(s.rsa)
		}
		want := "id_token_signature"
		if name == "jwt" {
			want = "" // whatever the issuer's key is for
		}
		if _, got := send(t, k.witness(t, s), k.header, a.token()); got.reason != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// What was changed after it was signed is refused, wherever it was changed.
func TestTamperedAssertions(t *testing.T) {
	s := newSSO(t)
	for name, k := range s.kinds() {
		token := k.honest().token()
		parts := strings.Split(token, ".")
		richer := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root"}`))
		w := k.witness(t, s)
		for what, bad := range map[string]string{
			"other claims":     parts[0] + "." + richer + "." + parts[2],
			"two parts":        parts[0] + "." + parts[1],
			"four parts":       token + "." + parts[2],
			"five parts":       token + "..",
			"a blank":          parts[0] + " ." + parts[1] + "." + parts[2],
			"other padding":    parts[0] + "=." + parts[1] + "." + parts[2],
			"Bearer":           "Bearer " + token,
			"JSON":             `{"payload":"` + parts[1] + `"}`,
			"one letter":       parts[0] + "." + flip(parts[1]) + "." + parts[2],
			"another letter":   parts[0] + "." + parts[1] + "." + flip(parts[2]),
			"standard base64":  parts[0] + "." + parts[1] + "." + "+/" + parts[2][2:],
			"nothing but dots": "..",
		} {
			if _, got := send(t, w, k.header, bad); got.reason != "id_token_signature" {
				t.Errorf("%s, %s: got %v", name, what, got)
			}
		}
	}
}

// flip changes the tenth letter, which no padding depends on.
func flip(part string) string {
	other := "A"
	if part[9] == 'A' {
		other = "B"
	}
	return part[:9] + other + part[10:]
}

// A load balancer pads. The signature is over the letters that were sent, so
// that nobody may take the padding off on the way.
func TestPadding(t *testing.T) {
	s := newSSO(t)
	k := s.kinds()["alb"]
	w := k.witness(t, s)
	for _, filler := range []string{"", "a", "aa"} {
		for _, padded := range []bool{true, false} {
			a := k.honest()
			a.header["filler"], a.padded = filler, padded
			token := a.token()
			if _, got := send(t, w, k.header, token); got.reason != "" {
				t.Errorf("%q, padded %t: got %v", filler, padded, got)
			}
			header, rest, _ := strings.Cut(token, ".")
			bare := strings.TrimRight(header, "=")
			if _, got := send(t, w, k.header, bare+"."+rest); (got.reason == "") != (bare == header) {
				t.Errorf("%q, padded %t, stripped: got %v", filler, padded, got)
			}
		}
	}
}

// Everything that a stranger could add beside the proxy's header is refused.
func TestOneHeaderExactly(t *testing.T) {
	s := newSSO(t)
	kinds := s.kinds()
	kinds["plain"] = kind{
		cfg:    providers.HeaderConfig{Kind: "plain", User: "Remote-User", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}},
		header: "Remote-User",
	}
	for name, k := range kinds {
		value := "ada"
		if k.honest != nil {
			value = k.honest().token()
		}
		line := k.header + ": " + value
		under, dots := strings.ReplaceAll(k.header, "-", "_"), strings.ReplaceAll(k.header, "-", ".")
		for what, row := range map[string]struct {
			lines []string
			want  string
		}{
			"one":                  {[]string{line}, ""},
			"other case":           {[]string{strings.ToUpper(line[:len(k.header)]) + ": " + value}, ""},
			"others besides":       {[]string{line, "X-Forwarded-User: eve", k.header + "-2: eve"}, ""},
			"none":                 {nil, "header_missing"},
			"empty":                {[]string{k.header + ": "}, "header_missing"},
			"blank":                {[]string{k.header + ":    "}, "header_missing"},
			"the same twice":       {[]string{line, line}, "header_ambiguous"},
			"one empty":            {[]string{k.header + ": ", line}, "header_ambiguous"},
			"both spellings":       {[]string{line, under + ": " + value}, "header_ambiguous"},
			"both, with dots":      {[]string{line, dots + ": " + value}, "header_ambiguous"},
			"the other spelling":   {[]string{under + ": " + value}, "header_ambiguous"},
			"the other, and empty": {[]string{line, under + ": "}, "header_ambiguous"},
			"joined":               {[]string{line + "," + value}, "header_ambiguous"},
			"joined with a blank":  {[]string{line + ", " + value}, "header_ambiguous"},
			"joined with nothing":  {[]string{line + ","}, "header_ambiguous"},
			"longer than any":      {[]string{k.header + ": " + strings.Repeat("a", 16<<10+1)}, "header_malformed"},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				_, err := k.witness(t, s).SignIn(context.Background(), arrives(row.lines...), stranger)
				if got := judge(t, secrets{}, err); got.reason != row.want || got.outage {
					t.Errorf("got %v, want %q", got, row.want)
				}
			})
		}
	}
}

// Not every server brings names to one case.
func TestHeaderNamesInAnyCase(t *testing.T) {
	s := newSSO(t)
	k := s.kinds()["iap"]
	token := k.honest().token()
	low := strings.ToLower(k.header)
	if _, err := k.witness(t, s).SignIn(context.Background(), map[string][]string{low: {token}}, stranger); err != nil {
		t.Error(err)
	}
	_, err := k.witness(t, s).SignIn(context.Background(), map[string][]string{low: {token}, k.header: {token}}, stranger)
	if got := judge(t, secrets{}, err); got.reason != "header_ambiguous" {
		t.Errorf("got %v", got)
	}
}

func TestWhoMaySendTheHeader(t *testing.T) {
	s := newSSO(t)
	iap := s.kinds()["iap"]
	for _, row := range []struct {
		from, peer string
		want       bool
	}{
		{"", "203.0.113.9", true},
		{"10.0.0.5/32", "10.0.0.5", true},
		{"10.0.0.5/32", "10.0.0.6", false},
		{"10.0.0.5/32", "::ffff:10.0.0.5", true},
		{"10.0.0.5/32", "::ffff:10.0.0.6", false},
		{"10.1.2.3/8", "10.9.9.9", true},
		{"fe80::/10", "fe80::1%eth0", true},
		{"fd00::/8", "10.0.0.5", false},
		{"10.0.0.5/32", "", false},
	} {
		iap.cfg.From = nil
		if row.from != "" {
			iap.cfg.From = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix(row.from)}
		}
		var peer netip.Addr
		if row.peer != "" {
			peer = netip.MustParseAddr(row.peer)
		}
		h := arrives(iap.header+": "+iap.honest().token(), "X-Forwarded-For: 10.0.0.5", "X-Real-Ip: 127.0.0.1")
		_, err := iap.witness(t, s).SignIn(context.Background(), h, peer)
		if got := judge(t, secrets{}, err); (got.reason == "") != row.want || (!row.want && got.reason != "header_peer") {
			t.Errorf("%+v: got %v", row, got)
		}
	}
}

func TestPlainHeaders(t *testing.T) {
	cfg := providers.HeaderConfig{
		Kind: "plain", User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups",
		From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
	ada := func(edit func(*providers.Claim)) providers.Claim {
		c := providers.Claim{Issuer: "header", Subject: "ada", Username: "ada"}
		edit(&c)
		return c
	}
	nothing := func(*providers.Claim) {}
	for name, row := range map[string]struct {
		lines []string
		claim func(*providers.Claim)
		want  string
	}{
		"a user":        {[]string{"Remote-User: ada"}, nothing, ""},
		"blanks around": {[]string{"Remote-User:   ada  "}, nothing, ""},
		"all": {[]string{"Remote-User: ada", "Remote-Email: ada@corp.com", "Remote-Name: Lovelace, Ada", "Remote-Groups: data, ops,,"}, func(c *providers.Claim) {
			c.Email, c.Name, c.Groups = "ada@corp.com", "Lovelace, Ada", []string{"data", "ops"}
		}, ""},
		"empty ones":             {[]string{"Remote-User: ada", "Remote-Email: ", "Remote-Groups: "}, nothing, ""},
		"other names":            {[]string{"Remote-User: ada", "X-Email: eve@corp.com", "X-Groups: admins"}, nothing, ""},
		"letters of anywhere":    {[]string{"Remote-User: ada", "Remote-Name: Ада Лавлейс"}, func(c *providers.Claim) { c.Name = "Ада Лавлейс" }, ""},
		"nobody":                 {[]string{"Remote-Email: ada@corp.com"}, nil, "header_missing"},
		"two addresses":          {[]string{"Remote-User: ada", "Remote-Email: ada@corp.com", "Remote-Email: eve@corp.com"}, nil, "header_ambiguous"},
		"two addresses in one":   {[]string{"Remote-User: ada", "Remote-Email: ada@corp.com,eve@corp.com"}, nil, "header_ambiguous"},
		"groups twice":           {[]string{"Remote-User: ada", "Remote-Groups: data", "Remote-Groups: admins"}, nil, "header_ambiguous"},
		"groups, other spelling": {[]string{"Remote-User: ada", "Remote-Groups: data", "Remote_Groups: admins"}, nil, "header_ambiguous"},
		"only another spelling":  {[]string{"Remote-User: ada", "Remote_Groups: admins"}, nil, "header_ambiguous"},
		"names twice":            {[]string{"Remote-User: ada", "Remote-Name: Ada", "Remote-Name: Eve"}, nil, "header_ambiguous"},
		"a control":              {[]string{"Remote-User: a\tda"}, nil, "header_malformed"},
		"a hidden mark":          {[]string{"Remote-User: ada\u200b"}, nil, "header_malformed"},
		"written backwards":      {[]string{"Remote-User: ada", "Remote-Name: \u202eada"}, nil, "header_malformed"},
		"Latin-1":                {[]string{"Remote-User: Ren\xe9"}, nil, "header_malformed"},
		"what could not be read": {[]string{"Remote-User: Ren\ufffd"}, nil, "header_malformed"},
		"groups in Latin-1":      {[]string{"Remote-User: ada", "Remote-Groups: \xe9"}, nil, "header_malformed"},
		"a long user":            {[]string{"Remote-User: " + strings.Repeat("a", 256)}, nil, "header_malformed"},
		"a long address":         {[]string{"Remote-User: ada", "Remote-Email: " + strings.Repeat("a", 255)}, nil, "header_malformed"},
		"a long name":            {[]string{"Remote-User: ada", "Remote-Name: " + strings.Repeat("a", 256)}, nil, "header_malformed"},
		"too many groups":        {[]string{"Remote-User: ada", "Remote-Groups: " + strings.Repeat("a,", 5000)}, nil, "header_malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			var want providers.Claim
			if row.claim != nil {
				want = ada(row.claim)
			}
			got, err := newHeader(t, cfg).SignIn(context.Background(), arrives(row.lines...), stranger)
			if diff := cmp.Diff(want, got); diff != "" || judge(t, secrets{}, err).reason != row.want {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
	t.Run("ready", func(t *testing.T) {
		if err := newHeader(t, cfg).Ready(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoseAddressesCount(t *testing.T) {
	s := newSSO(t)
	for _, row := range []struct {
		kind, setting string
		forge         func(*sso, *assertion)
		want          bool
	}{
		{"iap", "", nil, true},
		{"iap", "", claim("sub", "sts.google.com:AAFT"), false},
		{"iap", "", claim("sub", "securetoken.google.com/p:accounts.google.com:1"), false},
		{"iap", "trusted", claim("sub", "sts.google.com:AAFT"), true},
		{"iap", "trusted", without("email"), false},
		{"cloudflare", "", nil, false},
		{"cloudflare", "", claim("email_verified", true), false},
		{"cloudflare", "trusted", nil, true},
		{"dagpass", "", nil, false},
		{"dagpass", "", claim("email_verified", true), false},
		{"dagpass", "trusted", nil, true},
		{"jwt", "", nil, true},
		{"jwt", "", claim("email_verified", false), false},
		{"jwt", "", without("email_verified"), false},
		{"jwt", "", without("email"), false},
		{"jwt", "trusted", without("email_verified"), true},
		{"alb", "", nil, true},
		{"alb", "", claim("email_verified", "false"), false},
		{"alb", "", without("email_verified"), false},
	} {
		k := s.kinds()[row.kind]
		k.cfg.EmailVerified = row.setting
		a := k.honest()
		if row.forge != nil {
			row.forge(s, &a)
		}
		if got, verdict := send(t, k.witness(t, s), k.header, a.token()); got.EmailVerified != row.want || verdict.reason != "" {
			t.Errorf("%+v: got %t, %v", row, got.EmailVerified, verdict)
		}
	}
	plain := providers.HeaderConfig{
		Kind: "plain", User: "Remote-User", Email: "Remote-Email", EmailVerified: "trusted", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
	for line, want := range map[string]bool{"Remote-Email: ada@corp.com": true, "Remote-Email: ": false} {
		got, err := newHeader(t, plain).SignIn(context.Background(), arrives("Remote-User: ada", line), stranger)
		if err != nil || got.EmailVerified != want {
			t.Errorf("%s: got %+v, %v", line, got, err)
		}
	}
}

// When somebody signed in counts for a while; a time to come would for ever.
func TestAuthTimeToCome(t *testing.T) {
	s := newSSO(t)
	k := s.kinds()["jwt"]
	for _, row := range []struct {
		forge func(*sso, *assertion)
		want  bool
	}{
		{in("auth_time", -time.Minute), true},
		{in("auth_time", 30*time.Second), true},
		{in("auth_time", 2*time.Minute), false},
		{claim("auth_time", "now"), false},
		{without("auth_time"), false},
	} {
		a := k.honest()
		row.forge(s, &a)
		if got, verdict := send(t, k.witness(t, s), k.header, a.token()); got.AuthTime.IsZero() == row.want || verdict.reason != "" {
			t.Errorf("got %v, %v", got.AuthTime, verdict)
		}
	}
}

func TestKeyRotationBehindAHeader(t *testing.T) {
	for _, name := range []string{"iap", "dagpass", "alb"} {
		t.Run(name, func(t *testing.T) {
			s := newSSO(t)
			k := s.kinds()[name]
			w := k.witness(t, s)
			sendsAll := func(when string) {
				t.Helper()
				if _, got := send(t, w, k.header, k.honest().token()); got.reason != "" {
					t.Errorf("%s: got %v", when, got)
				}
			}
			sendsAll("at first")
			old := k.honest()
			s.rotate(t, secondKid)
			s.advance(16 * time.Second) // the keys were asked for just now
			sendsAll("after the rotation")
			s.advance(20 * time.Minute)
			old.claims["exp"], old.header["exp"] = s.Now().Unix()+60, s.Now().Unix()+60
			if _, got := send(t, w, k.header, old.token()); name != "alb" && got.reason != "id_token_signature" {
				t.Errorf("the old key: got %v", got)
			}
			s.status = http.StatusInternalServerError
			s.advance(time.Hour)
			sendsAll("while the keys cannot be reached")
		})
	}
}

// Whoever makes up key ids makes us ask, but not often, and shuts out nobody
// whose key is known.
func TestAFloodOfKeyIDs(t *testing.T) {
	for name, most := range map[string]int{"iap": 2, "alb": 16} {
		t.Run(name, func(t *testing.T) {
			s := newSSO(t)
			k := s.kinds()[name]
			w := k.witness(t, s)
			if _, got := send(t, w, k.header, k.honest().token()); got.reason != "" {
				t.Fatal(got)
			}
			flood(t, s, k, w)
			if n := s.fetches(); n > most {
				t.Errorf("asked %d times", n)
			}
			if _, got := send(t, w, k.header, k.honest().token()); got.reason != "" {
				t.Error(got)
			}
			s.advance(16 * time.Second)
			flood(t, s, k, w)
			if n := s.fetches(); n > 2*most {
				t.Errorf("asked %d times", n)
			}
			if _, got := send(t, w, k.header, k.honest().token()); got.reason != "" {
				t.Errorf("after the second flood: %v", got)
			}
			s.rotate(t, secondKid)
			s.advance(16 * time.Second)
			if _, got := send(t, w, k.header, k.honest().token()); got.reason != "" {
				t.Errorf("after a rotation: %v", got)
			}
		})
	}
}

func flood(t *testing.T, s *sso, k kind, w *providers.Header) {
	t.Helper()
	for i := range 200 {
		a := k.honest()
		a.header["kid"] = fmt.Sprintf("%08x-0000-4000-8000-%012x", s.fetches(), i)
		if _, got := send(t, w, k.header, a.token()); got.reason == "" {
			t.Fatal("an unknown key was believed")
		}
	}
}

// A flood before the first person came keeps them out for a cool-down, no longer.
func TestAFloodBeforeTheFirst(t *testing.T) {
	s := newSSO(t)
	k := s.kinds()["alb"]
	w := k.witness(t, s)
	flood(t, s, k, w)
	if _, got := send(t, w, k.header, k.honest().token()); got != (verdict{"keys_unreachable", true}) {
		t.Errorf("got %v", got)
	}
	s.advance(16 * time.Second)
	if _, got := send(t, w, k.header, k.honest().token()); got.reason != "" {
		t.Error(got)
	}
}

// An assertion that would be refused anyway makes nobody ask for its key.
func TestNoKeyIsAskedForInVain(t *testing.T) {
	s := newSSO(t)
	k := s.kinds()["alb"]
	w := k.witness(t, s)
	for what, f := range albOnly() {
		if strings.Contains(what, "signature") {
			continue
		}
		a := k.honest()
		f.forge(s, &a)
		send(t, w, k.header, a.token())
	}
	if len(s.asked) > 0 {
		t.Errorf("asked for %q", s.asked)
	}
}

func TestKeysThatCannotBeHad(t *testing.T) {
	for name := range newSSO(t).kinds() {
		for status, want := range map[int]verdict{
			500: {"keys_unreachable", true}, 302: {"keys_unreachable", true}, 203: {"keys_unreachable", true},
		} {
			s := newSSO(t)
			s.status = status
			k := s.kinds()[name]
			w := k.witness(t, s)
			if _, got := send(t, w, k.header, k.honest().token()); got != want {
				t.Errorf("%s, %d: got %v", name, status, got)
			}
			if ready := w.Ready(context.Background()) == nil; ready != (name == "alb") {
				t.Errorf("%s, %d: ready is %t", name, status, ready)
			}
		}
	}
}

func TestHeaderConfig(t *testing.T) {
	from := func(all ...string) (list []netip.Prefix) {
		for _, p := range all {
			list = append(list, netip.MustParsePrefix(p))
		}
		return list
	}
	iap := providers.HeaderConfig{Kind: "iap", Audience: "a"}
	cloudflare := providers.HeaderConfig{Kind: "cloudflare", Issuer: "https://team.cloudflareaccess.com", Audience: "a"}
	dagpass := providers.HeaderConfig{Kind: "dagpass", Issuer: "https://dagster.corp.com/auth", Audience: "dagster"}
	jwt := providers.HeaderConfig{Kind: "jwt", Issuer: "https://sso.corp.com", Audience: "a", KeysURL: "https://sso.corp.com/keys", Assertion: "X-Assertion"}
	alb := providers.HeaderConfig{Kind: "alb", Issuer: "https://idp.corp.com", Audience: "c", Signer: signerARN}
	plain := providers.HeaderConfig{Kind: "plain", User: "Remote-User", From: from("10.0.0.5/32")}
	type edit = func(*providers.HeaderConfig)
	for name, row := range map[string]struct {
		cfg  providers.HeaderConfig
		edit edit
		want string // what the error names; nothing else is wrong
	}{
		"iap":                     {iap, func(*providers.HeaderConfig) {}, ""},
		"cloudflare":              {cloudflare, func(*providers.HeaderConfig) {}, ""},
		"dagpass":                 {dagpass, func(*providers.HeaderConfig) {}, ""},
		"jwt":                     {jwt, func(*providers.HeaderConfig) {}, ""},
		"alb":                     {alb, func(*providers.HeaderConfig) {}, ""},
		"plain":                   {plain, func(*providers.HeaderConfig) {}, ""},
		"no kind":                 {iap, func(c *providers.HeaderConfig) { c.Kind = "" }, "LOGIN"},
		"an unknown kind":         {iap, func(c *providers.HeaderConfig) { c.Kind = "IAP" }, "LOGIN"},
		"no audience":             {iap, func(c *providers.HeaderConfig) { c.Audience = "" }, "AUDIENCE"},
		"iap of another issuer":   {iap, func(c *providers.HeaderConfig) { c.Issuer = "https://evil.example" }, "ISSUER"},
		"iap by another header":   {iap, func(c *providers.HeaderConfig) { c.Assertion = "X-Assertion" }, "ASSERTION"},
		"iap and a plain header":  {iap, func(c *providers.HeaderConfig) { c.User = "Remote-User" }, "USER"},
		"iap from networks":       {iap, func(c *providers.HeaderConfig) { c.From = from("35.191.0.0/16") }, ""},
		"no team":                 {cloudflare, func(c *providers.HeaderConfig) { c.Issuer = "" }, "ISSUER"},
		"a team and a slash":      {cloudflare, func(c *providers.HeaderConfig) { c.Issuer += "/" }, "ISSUER"},
		"a team in the clear":     {cloudflare, func(c *providers.HeaderConfig) { c.Issuer = "http://team.cloudflareaccess.com" }, "ISSUER"},
		"a team's name":           {cloudflare, func(c *providers.HeaderConfig) { c.Issuer = "team" }, "ISSUER"},
		"a public URL alone":      {dagpass, func(c *providers.HeaderConfig) { c.Issuer = "https://dagster.corp.com" }, "ISSUER"},
		"a Dagpass on loopback":   {dagpass, func(c *providers.HeaderConfig) { c.Issuer = "http://127.0.0.1:3000/auth" }, ""},
		"an issuer of one word":   {jwt, func(c *providers.HeaderConfig) { c.Issuer = "dagpass" }, "ISSUER"},
		"the issuer of plain":     {jwt, func(c *providers.HeaderConfig) { c.Issuer = "header" }, "ISSUER"},
		"an issuer's host":        {jwt, func(c *providers.HeaderConfig) { c.Issuer = "sso.corp.com" }, ""},
		"the host of all":         {jwt, func(c *providers.HeaderConfig) { c.Issuer = "accounts.google.com" }, "ISSUER"},
		"an issuer and a query":   {jwt, func(c *providers.HeaderConfig) { c.Issuer += "?a=b" }, "ISSUER"},
		"no keys":                 {jwt, func(c *providers.HeaderConfig) { c.KeysURL = "" }, "KEYS_URL"},
		"keys in the clear":       {jwt, func(c *providers.HeaderConfig) { c.KeysURL = "http://sso.corp.com/keys" }, "KEYS_URL"},
		"keys on loopback":        {jwt, func(c *providers.HeaderConfig) { c.KeysURL = "http://127.0.0.1:1/keys" }, ""},
		"iap's keys in the clear": {iap, func(c *providers.HeaderConfig) { c.KeysURL = "http://www.gstatic.com/" }, "KEYS_URL"},
		"no header":               {jwt, func(c *providers.HeaderConfig) { c.Assertion = "" }, "ASSERTION"},
		"a header with _":         {jwt, func(c *providers.HeaderConfig) { c.Assertion = "X_Assertion" }, "ASSERTION"},
		"no signer":               {alb, func(c *providers.HeaderConfig) { c.Signer = "" }, "SIGNER"},
		"a target group": {alb, func(c *providers.HeaderConfig) {
			c.Signer = strings.Replace(signerARN, "loadbalancer/app", "targetgroup", 1)
		}, "SIGNER"},
		"a region that is a path": {alb, func(c *providers.HeaderConfig) {
			c.Signer = strings.Replace(signerARN, "eu-west-1", "evil.example/", 1)
		}, "SIGNER"},
		"a government's": {alb, func(c *providers.HeaderConfig) { c.Signer = strings.Replace(signerARN, "aws", "aws-us-gov", 1) }, "SIGNER"},
		"a government's, and keys": {alb, func(c *providers.HeaderConfig) {
			c.Signer, c.KeysURL = strings.Replace(signerARN, "aws", "aws-us-gov", 1), "https://s3.example/keys"
		}, ""},
		"from nowhere":           {plain, func(c *providers.HeaderConfig) { c.From = nil }, "FROM"},
		"from everywhere":        {plain, func(c *providers.HeaderConfig) { c.From = from("0.0.0.0/0") }, "FROM"},
		"from half the world":    {plain, func(c *providers.HeaderConfig) { c.From = from("10.0.0.5/32", "128.0.0.0/1") }, "FROM"},
		"from everywhere in v6":  {plain, func(c *providers.HeaderConfig) { c.From = from("::/0") }, "FROM"},
		"from a mapped network":  {plain, func(c *providers.HeaderConfig) { c.From = from("::ffff:0:0/96") }, "FROM"},
		"from no network":        {plain, func(c *providers.HeaderConfig) { c.From = []netip.Prefix{{}} }, "FROM"},
		"signed from everywhere": {iap, func(c *providers.HeaderConfig) { c.From = from("0.0.0.0/0") }, "FROM"},
		"no user":                {plain, func(c *providers.HeaderConfig) { c.User = "" }, "USER"},
		"an odd name":            {plain, func(c *providers.HeaderConfig) { c.Groups = "Remote Groups" }, "GROUPS"},
		"plain and an audience":  {plain, func(c *providers.HeaderConfig) { c.Audience = "a" }, "AUDIENCE"},
		"plain and an issuer":    {plain, func(c *providers.HeaderConfig) { c.Issuer = "https://sso.corp.com" }, "ISSUER"},
		"an odd word":            {iap, func(c *providers.HeaderConfig) { c.EmailVerified = "yes" }, "EMAIL_VERIFIED"},
		"trust in the world":     {jwt, func(c *providers.HeaderConfig) { c.Issuer, c.EmailVerified = "https://accounts.google.com", "trusted" }, "EMAIL_VERIFIED"},
	} {
		t.Run(name, func(t *testing.T) {
			row.edit(&row.cfg)
			_, err := providers.NewHeader(row.cfg)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "HEADER_"+row.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
	_, err := providers.NewHeader(providers.HeaderConfig{Kind: "alb"})
	for _, name := range []string{"HEADER_ISSUER", "HEADER_AUDIENCE", "HEADER_SIGNER"} {
		if !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.HasPrefix(line, name) }) {
			t.Errorf("%s is not among %v", name, err)
		}
	}
}
