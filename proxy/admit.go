package proxy

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// pass is the proof that a wish was admitted. Only admit makes one, and nothing
// is forwarded without one.
type pass struct {
	wish
	verdict
}

// admit is the one door, for a request and for each operation on a socket: it
// decides for the principal of the context, and records before it answers. What
// roles allow may take a recent proof of who asks besides.
func (p *Proxy) admit(ctx context.Context, w wish) (*pass, *refusal) {
	who := models.PrincipalOf(ctx)
	v := w.decide(who)
	if !v.Allowed && !p.suspends(w, who) {
		return nil, p.turnAway(ctx, w, v, "", notAllowed(w, v))
	}
	if unproven, ok := w.stepUp(v, func(perm policy.Permission) bool { return p.StepUp(who, perm) }); !ok {
		return nil, p.turnAway(ctx, w, unproven, "", confirmFirst(w, p.Site.Link("/auth/confirm")))
	}
	if err := p.recordAllowed(ctx, w, v); err != nil {
		return nil, notRecorded(err)
	}
	return &pass{w, v}, nil
}

// suspends tells whether a refusal is noted only. Monitor mode suspends what
// roles decide for people who are signed in, and nothing else: not that they
// have to prove who they are.
func (p *Proxy) suspends(w wish, who *models.Principal) bool {
	return p.Monitor() && who != nil && w.judged()
}

// turnAway records a refusal and gives it, or the one that says that recording
// was not possible. Without a reason, each decision has its own.
func (p *Proxy) turnAway(ctx context.Context, w wish, v verdict, reason string, no *refusal) *refusal {
	if err := p.recordRefused(ctx, w, v, reason); err != nil {
		return notRecorded(err)
	}
	return no
}

// visit is a request at the door: what the checks have found out so far.
type visit struct {
	r *http.Request
	wish
	// misfit says that Dagster has no use for such a request.
	misfit error
	// query is the query string to forward, written anew.
	query string
	// report is the body of a report, whole.
	report []byte
	// out is the operation as it goes to Dagster for this person.
	out   *dagster.Outgoing
	intro introduction
}

// door is the checks on the way to admit, in this order.
func (p *Proxy) door() []func(*visit) *refusal {
	return []func(*visit) *refusal{
		p.place,      // what does the path mean? one that can be read in two ways means nothing
		p.recognise,  // a stranger gets no further, and nothing of theirs is read
		p.fits,       // what Dagster has no use for is refused whatever the role
		p.sameOrigin, // no other site acts through this browser
		p.read,       // what is asked? what is not understood is refused whatever the role
		p.judge,      // what would it change, and what does that take?
		p.write,      // what goes to Dagster for this person?
		p.introduce,  // who is it, in the words that Dagster will hear?
	}
}

func (p *Proxy) enter(v *visit) (*pass, *refusal) {
	for _, check := range p.checks {
		if no := check(v); no != nil {
			return nil, no
		}
	}
	return p.admit(v.r.Context(), v.wish)
}

// place decodes the path once more from what arrived. Whoever called us did so
// already; it is cheap, and here it cannot be forgotten.
func (p *Proxy) place(v *visit) *refusal {
	path, err := dagster.CleanPath(v.r.URL.EscapedPath())
	if err != nil {
		return notUnderstood(err)
	}
	prefix := p.Site.Prefix()
	rest, below := strings.CutPrefix(path, prefix)
	switch {
	case len(v.r.Header["Service-Worker"]) > 0:
		return nothingHere() // Dagster has none, and one would answer and read in place of our pages
	case below && strings.HasPrefix(rest, "/"):
		v.route, v.misfit = dagster.Classify(v.r.Method, rest, v.r.Header.Get("Accept"), isUpgrade(v.r))
		v.route.Path = rest
		return nil
	case path == "/" || path == prefix:
		return redirect(prefix + "/")
	}
	return nothingHere()
}

func (p *Proxy) recognise(v *visit) *refusal {
	switch {
	case models.PrincipalOf(v.r.Context()) != nil:
		return nil
	case v.misfit == nil && v.isPage():
		return toSignIn(p.LoginURL(p.address(v)))
	}
	return stranger()
}

// isPage tells a person who opens an address from a program. Operations and
// parts of the app are asked for by programs, whatever they accept.
func (v *visit) isPage() bool {
	switch v.route.Class {
	case dagster.GraphQL, dagster.GraphiQL, dagster.Socket, dagster.Static, dagster.Report:
		return false
	}
	return wantsPage(v.r)
}

func wantsPage(r *http.Request) bool {
	h := r.Header
	return models.WantsPage(r.Method, h.Get("Accept"), h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest"))
}

// address is where the visit wanted to go, prefix and query included.
func (p *Proxy) address(v *visit) string {
	u := url.URL{Path: p.Site.Prefix() + v.route.Path, RawQuery: v.r.URL.RawQuery}
	return u.RequestURI()
}

func (p *Proxy) fits(v *visit) *refusal {
	if v.misfit != nil {
		return notUnderstood(v.misfit)
	}
	return nil
}

// sameOrigin wants whatever may change something, and every socket, to come
// from our own pages: the browser adds the cookie to other sites' requests too.
func (p *Proxy) sameOrigin(v *visit) *refusal {
	safe := v.r.Method == http.MethodGet || v.r.Method == http.MethodHead
	if safe && v.route.Class != dagster.Socket {
		return nil
	}
	origins := v.r.Header.Values("Origin")
	if len(origins) <= 1 && p.Site.SameOrigin(v.r.Header.Get("Origin"), v.r.Header.Get("Sec-Fetch-Site")) {
		return nil
	}
	return p.turnAway(v.r.Context(), v.wish, v.unheld(), "foreign_origin", foreignOrigin())
}

// read understands what is asked, and writes the query string anew.
func (p *Proxy) read(v *visit) *refusal {
	switch v.route.Class {
	case dagster.GraphQL:
		return p.readCall(v)
	case dagster.Socket:
		return checkSocket(v.r)
	case dagster.GraphiQL:
		return nil // its query string is for the script in the page
	case dagster.Report:
		return v.readReport()
	}
	return v.readQuery()
}

// readReport reads the whole body, for the asset may be named in it.
func (v *visit) readReport() *refusal {
	if no := checkReport(v.r); no != nil {
		return no
	}
	if no := v.readQuery(); no != nil {
		return no
	}
	body, err := readBody(v.r)
	if err == nil && len(body) > dagster.MaxBody {
		err = errTooLarge
	}
	if err == nil {
		v.report = body
		v.asset, err = dagster.ReportedAsset(v.route.Path, v.query, body)
	}
	if err != nil {
		return notUnderstood(err)
	}
	return nil
}

func (p *Proxy) readCall(v *visit) *refusal {
	body, err := readBody(v.r)
	if err != nil {
		return notUnderstood(err)
	}
	v.call, err = p.reader.ReadHTTP(v.r.Method, v.r.Header.Values("Content-Type"), v.r.URL.RawQuery, body)
	if err != nil {
		return p.notReadable(v, err)
	}
	v.query = operationQuery(v.call.Name)
	return nil
}

// notReadable refuses what could not be read. Where it was understood all the
// same, such as a mutation over GET, the audit trail tells what it was.
func (p *Proxy) notReadable(v *visit, err error) *refusal {
	no := notUnderstood(err)
	if e := asDagsterError(err); e.Call != nil {
		w := wish{route: v.route, call: e.Call}
		return p.turnAway(v.r.Context(), w, w.unheld(), e.Reason, no)
	}
	return no
}

// judge finds out what the visit would change. Where only Dagster knows at which
// code location that is, Dagster is asked; so whoever may not even read gets no
// further than admit without it.
func (p *Proxy) judge(v *visit) *refusal {
	ctx := v.r.Context()
	if !v.changes() || !p.mayAsk(models.PrincipalOf(ctx), v.wish) {
		return nil
	}
	if v.route.Class == dagster.Report {
		v.deeds = p.reader.ReportDeeds(ctx, v.asset)
	} else {
		var err error
		if v.deeds, err = p.reader.Deeds(ctx, v.call); err != nil {
			return p.unfit(v, err)
		}
	}
	if ctx.Err() != nil {
		return clientLeft() // and with them the answers to our questions
	}
	p.note(ctx, v.deeds)
	return nil
}

// mayAsk tells whether Dagster is asked on somebody's behalf.
func (p *Proxy) mayAsk(who *models.Principal, w wish) bool {
	return policy.Decide(who.Access, policy.Want{Permission: w.route.Need}).Allowed || p.Monitor()
}

// unfit refuses a change that was understood and that Dagster would not take.
func (p *Proxy) unfit(v *visit, err error) *refusal {
	return p.turnAway(v.r.Context(), v.wish, v.unheld(), asDagsterError(err).Reason, notUnderstood(err))
}

// note tells the log once what an operator should know of.
func (p *Proxy) note(ctx context.Context, deeds []dagster.Deed) {
	if i := slices.IndexFunc(deeds, func(d dagster.Deed) bool { return d.Err != nil }); i >= 0 {
		p.Log.WarnContext(ctx, "code location not known", "field", clip(deeds[i].Field.Name), "error", deeds[i].Err)
	}
	var unknown, newer []string
	for _, d := range deeds {
		switch {
		case !isUnclassified(d):
		case dagster.IsKnown(d.Field.Name):
			newer = append(newer, clip(d.Field.Name))
		default:
			unknown = append(unknown, clip(d.Field.Name))
		}
	}
	for range p.list(ctx, "mutations not classified", unknown) {
		p.CountUnclassified()
	}
	p.list(ctx, "mutations with arguments not classified", newer)
}

// maxListed is how many names of a client's choosing one line of the log holds.
const maxListed = 10

// list writes names into one line of the log, and tells how many there are.
func (p *Proxy) list(ctx context.Context, message string, names []string) int {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 0 {
		p.Log.WarnContext(ctx, message, "count", len(names), "fields", names[:min(len(names), maxListed)])
	}
	return len(names)
}

// write puts the operation into the words that go on.
func (p *Proxy) write(v *visit) *refusal {
	if v.call == nil {
		return nil
	}
	who := models.PrincipalOf(v.r.Context())
	writing := dagster.Writing{Access: who.Access, Untrimmed: p.Untrimmed()}
	if v.changes() {
		writing.Label = p.RunLabel(who)
	}
	var err error
	if v.out, err = v.call.Write(writing); err != nil {
		return p.unfit(v, err)
	}
	return nil
}

// readBody reads a whole GraphQL request and no more of a larger one than it
// takes to see that it is.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > dagster.MaxBody {
		return nil, errTooLarge
	}
	body, err := readUpTo(r.Body, r.ContentLength, dagster.MaxBody)
	if err != nil {
		return nil, errBroken(err)
	}
	return body, nil
}

// maxOperationName bounds what a client can write into Dagster's access log,
// in bytes.
const maxOperationName = 128

// operationQuery names the operation as Dagster's app does. Nobody but the
// access log reads it.
func operationQuery(name string) string {
	if name == "" || len(name) > maxOperationName {
		return ""
	}
	return "op=" + name // a GraphQL name needs no escaping
}

// checkReport lets through what Dagster reads as JSON: exactly this
// Content-Type, or none at all (external_assets.py of dagster_webserver).
func checkReport(r *http.Request) *refusal {
	types := r.Header.Values("Content-Type")
	if len(types) > 1 || (len(types) == 1 && types[0] != "application/json") {
		return notUnderstood(errNotJSON)
	}
	return nil
}

// readQuery reads the query string and writes it anew, so that there is one way
// to read it.
func (v *visit) readQuery() *refusal {
	if v.r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(v.r.URL.RawQuery)
	if err != nil {
		return notUnderstood(errBadQuery(err))
	}
	v.query = values.Encode()
	return nil
}

func (p *Proxy) introduce(v *visit) *refusal {
	ctx := v.r.Context()
	who := models.PrincipalOf(ctx)
	assertion, err := p.Sign(ctx, who)
	if err != nil {
		return notSigned(err)
	}
	v.intro = introduction{
		who: who, assertion: assertion, request: models.RequestOf(ctx), site: p.Site, alb: p.ALBHeaders,
	}
	return nil
}
