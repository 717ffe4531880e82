package proxy

import (
	"slices"

	"github.com/dagpass/dagpass/dagster"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/policy"
)

// wish is what somebody wants of Dagster: a route, on /graphql an operation,
// and what that would change.
type wish struct {
	route dagster.Route
	call  *dagster.Call
	asset dagster.AssetKey // that a report is about
	deeds []dagster.Deed
}

// changes tells whether the wish would change anything in Dagster.
func (w wish) changes() bool {
	return w.route.Class == dagster.Report || (w.call != nil && w.call.Kind == dagster.Mutation)
}

// judged tells whether it is known what all of the wish takes. What is not
// judged is refused, so that no way to a change can forget it.
func (w wish) judged() bool {
	if w.route.Need == "" || (w.call != nil && len(w.call.Needs) == 0) {
		return false
	}
	return !w.changes() || (len(w.deeds) > 0 && w.everyFieldJudged())
}

func (w wish) everyFieldJudged() bool {
	if slices.ContainsFunc(w.deeds, func(d dagster.Deed) bool { return len(d.Needs) == 0 }) {
		return false
	}
	return w.call == nil || !slices.ContainsFunc(w.call.Fields, func(f dagster.Field) bool {
		return !slices.ContainsFunc(w.deeds, func(d dagster.Deed) bool { return d.Field == f })
	})
}

// verdict is what the policy says about a wish.
type verdict struct {
	// judgement is the one that counts: the first refusal, else the last want,
	// which is the narrowest.
	judgement
	// field is the mutation that it is about; empty for the wish as a whole.
	field string
	// deeds has a judgement for each deed of the wish, in their order: of what it
	// takes by itself, else of the wish as a whole.
	deeds []judgement
}

// judgement is a decision about one deed.
type judgement struct {
	policy.Decision
	// unplaced tells of a refusal that may come from nothing but that Dagster did
	// not tell the code location when it was asked.
	unplaced bool
	// unproven tells of a refusal for want of a recent proof of who asks.
	unproven bool
}

// decide holds everything that the wish needs against the person's access. One
// refusal refuses it all.
func (w wish) decide(who *models.Principal) verdict {
	var access policy.Access
	if who != nil {
		access = who.Access
	}
	whole := judgement{Decision: decideAll(access, w.wants())}
	v := verdict{judgement: whole}
	for _, deed := range w.deeds {
		d := decideDeed(access, deed)
		if d.Allowed && !whole.Allowed {
			d = whole
		}
		v.deeds = append(v.deeds, d)
		if v.Allowed {
			v.judgement, v.field = d, deed.Field.Name
		}
	}
	if v.Allowed && !w.judged() {
		v.judgement = judgement{Decision: policy.Decision{Want: v.Want, Rule: "not judged"}}
	}
	return v
}

func decideDeed(access policy.Access, deed dagster.Deed) judgement {
	d := decideAll(access, deed.Needs)
	unplaced := deed.Err != nil && !d.Allowed && d.Location == "" && access.Anywhere(d.Permission)
	return judgement{Decision: d, unplaced: unplaced}
}

// stepUp refuses whatever of the wish takes a recent proof that is lacking. It
// looks at every want, also at those that monitor mode lets pass: whatever goes
// on has been proved.
func (w wish) stepUp(v verdict, lacking func(policy.Permission) bool) (refused verdict, ok bool) {
	first, found := unproven(w.wants(), lacking)
	for i, deed := range w.deeds {
		own, lacks := unproven(deed.Needs, lacking)
		if !lacks {
			continue
		}
		v.deeds[i] = own
		if !found {
			first, found = own, true
		}
	}
	if found {
		v.judgement = first
	}
	return v, !found
}

func unproven(wants []policy.Want, lacking func(policy.Permission) bool) (j judgement, found bool) {
	i := slices.IndexFunc(wants, func(want policy.Want) bool { return lacking(want.Permission) })
	if i < 0 {
		return judgement{}, false
	}
	return judgement{Decision: policy.Decision{Want: wants[i], Rule: "step_up"}, unproven: true}, true
}

// wants is what the wish takes whatever it changes.
func (w wish) wants() []policy.Want {
	wants := []policy.Want{{Permission: w.route.Need}}
	if w.call != nil {
		wants = append(wants, w.call.Needs...)
	}
	return wants
}

// decideAll gives the first refusal, else the last decision. Whoever wants
// nothing is refused.
func decideAll(access policy.Access, wants []policy.Want) (d policy.Decision) {
	for _, want := range wants {
		if d = policy.Decide(access, want); !d.Allowed {
			break
		}
	}
	return d
}

// unheld is the verdict on a wish that was refused before any permission was
// looked at.
func (w wish) unheld() verdict {
	return verdict{judgement: judgement{Decision: policy.Decision{Want: policy.Want{Permission: w.route.Need}}}}
}

// isUnclassified tells a mutation that Dagpass does not know.
func isUnclassified(d dagster.Deed) bool {
	return slices.ContainsFunc(d.Needs, func(w policy.Want) bool { return w.Permission == policy.UnclassifiedMutation })
}
