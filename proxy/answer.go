package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
)

const (
	// maxTold is the largest answer to a mutation that is read, maxTrimmed that
	// to a query, in bytes. A larger one passes as it comes: nothing is given
	// away by that, see dagster.Outgoing.
	maxTold    = 16 << 20
	maxTrimmed = 32 << 20
	// maxHeld is what all answers to queries together hold of memory until their
	// clients have read them, in bytes. Beyond it they pass as they come, too.
	// Answers to changes are always read: nobody shall keep the trail from telling
	// what became of another's.
	maxHeld = 128 << 20
	// takeTime is how long a client may take over an answer that is held.
	takeTime = 2 * time.Minute
	// maxNotRun is the largest answer by which Dagster says that it ran nothing, in
	// bytes.
	maxNotRun = 1 << 20
	// firstRead is what is set aside at most for a body whose length is
	// announced, in bytes.
	firstRead = 64 << 10
)

// errBrokenAnswer is an answer that ended too early. What Dagster did is not
// known then.
var errBrokenAnswer = errors.New("the answer broke off")

// answerUnread is the reason of an outcome that the status alone tells.
const answerUnread = "answer_unread"

// RoundTrip sends the request to Dagster. If that ran nothing because its schema
// does not have what we ask for beside the client's own words, a version that we
// do not know, they are sent alone: buttons and the trail tell less then, and
// everything works.
func (t *trip) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.transport.RoundTrip(r)
	if err != nil || t.v.out == nil || !t.v.out.Edits || res.StatusCode != http.StatusBadRequest {
		return res, err
	}
	body, err := readAnswer(res, maxNotRun)
	res.Body = rejoined{io.MultiReader(bytes.NewReader(body), res.Body), res.Body}
	if err != nil || !dagster.NotRun(body) {
		return res, err
	}
	_ = res.Body.Close()
	return t.sendUnasked(r)
}

func (t *trip) sendUnasked(r *http.Request) (*http.Response, error) {
	body, err := t.v.out.Unasked()
	if err != nil {
		return nil, err
	}
	t.v.out.Edits = false
	again := r.Clone(r.Context())
	again.Body, again.ContentLength, again.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	res, err := t.transport.RoundTrip(again)
	if err == nil && res.StatusCode < http.StatusBadRequest {
		t.Log.WarnContext(r.Context(), "Dagster's schema has not what Dagpass asks for: permissions are not trimmed and results not read here",
			"operation", clip(t.call.Name))
	}
	return res, err
}

// edit puts what is only ours out of Dagster's answer, and keeps what became of
// a change.
func (t *trip) edit(res *http.Response) error {
	if encoding := res.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil // it was asked for without one: what this is, nobody knows
	}
	limit := maxTrimmed
	if t.changes() {
		limit = maxTold
	} else if !t.hold(res, int64(limit)) {
		return nil
	}
	body, err := readAnswer(res, limit)
	if err != nil {
		return errors.Join(errBrokenAnswer, err)
	}
	t.release(max(t.held-int64(len(body)), 0))
	t.expectReader(time.Now().Add(t.takeTime))
	if len(body) > limit {
		res.Body = rejoined{io.MultiReader(bytes.NewReader(body), res.Body), res.Body}
		return nil
	}
	_ = res.Body.Close() // read to its end
	body, t.results = t.v.out.Answer(body)
	replaceBody(res, body)
	return nil
}

// hold sets memory aside for an answer: for as much of it as is announced, or
// for as much as is read at most.
func (t *trip) hold(res *http.Response, limit int64) bool {
	size := res.ContentLength
	if size < 0 {
		size = limit
	}
	if size > limit {
		return false
	}
	if t.room.Add(-size) < 0 {
		t.room.Add(size)
		t.Log.WarnContext(t.v.r.Context(), "too many answers wait for their clients: one is not read")
		return false
	}
	t.held = size
	return true
}

// expectReader has the answer end if its client has not taken it by then; the
// zero time is no limit. What does not know of deadlines is no connection that
// could hang.
func (t *trip) expectReader(by time.Time) {
	_ = http.NewResponseController(t.w).SetWriteDeadline(by)
}

// release gives back memory that was set aside.
func (t *trip) release(size int64) {
	t.held -= size
	t.room.Add(size)
}

func readAnswer(res *http.Response, limit int) ([]byte, error) {
	return readUpTo(res.Body, res.ContentLength, limit)
}

// readUpTo reads a body of the announced length, and one byte more than the
// limit of one that is larger.
func readUpTo(r io.Reader, announced int64, limit int) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(announced, 0), firstRead)) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(r, int64(limit)+1))
	return b.Bytes(), err
}

// rejoined is an answer of which the beginning was read already.
type rejoined struct {
	io.Reader
	io.Closer
}

func replaceBody(res *http.Response, body []byte) {
	res.Body, res.ContentLength, res.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	for _, name := range []string{"Content-Encoding", "Etag", "Trailer"} {
		delete(res.Header, name)
	}
	res.Trailer = nil
	res.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
}

// recordAnswer tells how an admitted change went. It is too late to stop it, so
// that a failure to record is logged; a client that left does not cancel it.
func (t *trip) recordAnswer(ctx context.Context) {
	if !t.changes() {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if err := t.record(ctx, t.wish, t.outcomes()); err != nil {
		t.Log.ErrorContext(ctx, "answer not recorded", "error", err)
	}
}

// outcomes are the entries of the wish with what became of each: by Dagster's
// status, and where its answer was read, by what that says.
func (t *trip) outcomes() []entry {
	all := t.entries(t.verdict)
	for i := range all {
		all[i].outcome, all[i].reason = t.outcome()
	}
	for _, r := range t.results {
		all = tell(all, r)
	}
	return all
}

func (t *trip) outcome() (outcome, reason string) {
	switch {
	case t.status == 0:
		return models.OutcomeFailed, t.failure
	case t.status >= http.StatusBadRequest:
		return models.OutcomeFailed, "status_" + strconv.Itoa(t.status)
	case t.v.out != nil && t.results == nil:
		return models.OutcomeOK, answerUnread
	}
	return models.OutcomeOK, ""
}

// tell writes what became of a field into its entries: of a list item by item,
// if there is an entry for each. Runs that belong to no entry alone get entries
// of their own.
func tell(all []entry, r dagster.Result) []entry {
	var mine []*entry
	for i := range all {
		if all[i].field == r.Field {
			mine = append(mine, &all[i])
		}
	}
	byItem := len(r.Items) == len(mine)
	for i, e := range mine {
		one := r
		if byItem {
			one = r.Items[i]
		}
		e.become(one)
	}
	alone := r.Items == nil && len(r.Runs) < 2
	if len(mine) == 0 || byItem || alone {
		return all
	}
	like := *mine[0]
	if len(mine) > 1 && r.Backfill == "" {
		like.target = nil // which of them a run belongs to is not known
	}
	return append(all, runs(like, r.Runs)...)
}

// become notes a result. What Dagster says of the thing itself counts more than
// its status, which is that of all that the request asked for: of a change that
// was made, the status remains as the reason.
func (e *entry) become(r dagster.Result) {
	switch {
	case r.Failure == "":
		e.outcome = models.OutcomeOK
	case e.outcome == models.OutcomeOK || !r.Vague():
		e.outcome, e.reason = models.OutcomeFailed, clip(r.Failure)
	}
	if len(r.Runs) == 1 && r.Items == nil {
		e.run = r.Runs[0]
	}
	e.backfill(r.Backfill)
}

// backfill makes the target the backfill that was launched, if one was.
func (e *entry) backfill(id string) {
	if id == "" {
		return
	}
	target := models.Target{Kind: "backfill", ID: clip(id)}
	if e.target != nil {
		target.Location = e.target.Location
	}
	e.target = &target
}

// maxRuns bounds how many runs are told one by one. One backfill is told by its
// own id, and so are its runs in Dagster.
const maxRuns = 1000

// runs are entries for what was launched.
func runs(like entry, ids []string) []entry {
	var all []entry
	for _, id := range ids[:min(len(ids), maxRuns)] {
		like.run, like.outcome, like.reason = id, models.OutcomeOK, ""
		all = append(all, like)
	}
	return all
}
