package models_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dagpass/dagpass/models"
)

func pseudonyms(t *testing.T, key byte) *models.Pseudonyms {
	t.Helper()
	p, err := models.NewPseudonyms(slices.Repeat([]byte{key}, models.MinPseudonymKey))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	annID = "0123456789abcdef0123456789abcdef"
	bobID = "fedcba9876543210fedcba9876543210"
)

// full is an event that has something in every field, an address of its own in
// each text.
func full(t *testing.T) models.Event {
	t.Helper()
	e := models.Event{Target: &models.Target{}}
	fill(t, reflect.ValueOf(&e).Elem(), "")
	return e
}

func fill(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.ToLower(path) + "@corp.com")
	case reflect.Int:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		fill(t, v.Elem(), path)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."))
		}
	default:
		t.Fatalf("%s is a %s, which nobody has decided upon", path, v.Kind())
	}
}

func flat(v reflect.Value, path string, into map[string]any) {
	switch {
	case v.Kind() == reflect.Pointer:
		flat(v.Elem(), path, into)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			flat(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), into)
		}
	default:
		into[path] = v.Interface()
	}
}

// decided says of every field of an event what becomes of it: it is kept, a
// pseudonym of some mark stands in its place, or it is dropped. Whoever adds a
// field decides here, after reading what Hide does.
var decided = map[string]string{
	"ID": "kept", "Time": "kept", "Event": "kept", "Outcome": "kept", "Reason": "t-",
	"Actor.ID": "p-", "Actor.Name": "dropped", "Actor.Kind": "kept", "OnBehalfOf": "p-", "ClientIP": "a-", "UserAgent": "dropped",
	"RequestID": "kept", "Session": "kept", "Provider": "kept", "Target.Kind": "kept", "Target.ID": "t-", "Target.Location": "t-",
	"Operation": "t-", "Permission": "kept", "Rule": "t-", "RunID": "kept", "Count": "kept", "Folds": "kept", "Known": "kept",
}

func TestEveryFieldIsDecided(t *testing.T) {
	was, is := map[string]any{}, map[string]any{}
	e := full(t)
	hidden, _ := pseudonyms(t, 1).Hide(e)
	flat(reflect.ValueOf(e), "", was)
	flat(reflect.ValueOf(hidden), "", is)
	for _, field := range slices.Sorted(maps.Keys(was)) {
		got := fmt.Sprint(is[field])
		switch want := decided[field]; want {
		case "":
			t.Errorf("%s: nobody has decided whether it can hold a person", field)
		case "kept":
			if is[field] != was[field] {
				t.Errorf("%s became %q", field, got)
			}
		case "dropped":
			if got != "" {
				t.Errorf("%s stays %q", field, got)
			}
		default:
			if !strings.HasPrefix(got, want) || len(got) != 22 {
				t.Errorf("%s is %q, want %s…", field, got, want)
			}
		}
	}
}

// What an event says of people, wherever it says it, is hidden, and the rest is
// told as it was.
func TestHide(t *testing.T) {
	p := pseudonyms(t, 1)
	ann, bob, text := p.Person(annID), p.Person(bobID), p.Text
	target := func(event, kind, id string) models.Event {
		return models.Event{Event: event, Target: &models.Target{Kind: kind, ID: id}}
	}
	search := func(kind, what string) models.Event { return target("audit.read", kind, what) }
	for name, tt := range map[string]struct {
		event  models.Event
		want   string // what must be in it
		people []string
	}{
		"whoever acts":                       {models.Event{Actor: models.Actor{ID: annID, Name: "Ann", Kind: "user"}}, `"actor":{"id":"` + ann + `","kind":"user"}`, []string{annID}},
		"the command line":                   {models.Event{Actor: models.Operator}, `"actor":{"id":"operator:cli","name":"operator","kind":"operator"}`, nil},
		"a stranger":                         {models.Event{Actor: models.Actor{Kind: "anonymous"}}, `"actor":{"kind":"anonymous"}`, nil},
		"Dagpass":                            {models.Event{Actor: models.Actor{Kind: "system"}}, `"actor":{"kind":"system"}`, nil},
		"another operator":                   {models.Event{Actor: models.Actor{ID: "operator:cli", Name: "Ann", Kind: "operator"}}, `"actor":{"id":"p-`, nil},
		"for whom":                           {models.Event{OnBehalfOf: bobID}, `"on_behalf_of":"` + bob + `"`, []string{bobID}},
		"both":                               {models.Event{OnBehalfOf: bobID, Actor: models.Actor{ID: annID}, Target: &models.Target{Kind: "user", ID: bobID}}, bob, []string{annID, bobID}},
		"to whom":                            {target("user.disable", "user", annID), `"id":"` + ann + `"`, []string{annID}},
		"a merge":                            {models.Event{Event: "user.merge", Reason: "into " + bobID}, `"reason":"into ` + bob + `"`, []string{bobID}},
		"a role":                             {models.Event{Event: "user.set_role", Reason: "editor"}, `"reason":"editor"`, nil},
		"a setting's value":                  {models.Event{Event: "setting.set", Reason: "Ann@corp.com, bob@corp.com"}, `"reason":"` + text("ann@corp.com") + ", " + text("bob@corp.com") + `"`, nil},
		"a grant's":                          {models.Event{Event: "policy.grant", Reason: "{email: ann@corp.com, role: viewer}"}, `"reason":"{email: ` + text("ann@corp.com") + `, role: viewer}"`, nil},
		"an address with an apostrophe":      {models.Event{Event: "setting.set", Reason: "from 'x@y.z' to o'neil@corp.com"}, `"reason":"from '` + text("x@y.z") + `' to ` + text("o'neil@corp.com") + `"`, nil},
		"one that was cut":                   {models.Event{Event: "setting.set", Reason: "added 1: o'neil …"}, `"reason":"added 1: …"`, nil},
		"a setting's value that was cut":     {models.Event{Event: "setting.set", Reason: "from , to bob@corp.com,ann.ony …"}, `"reason":"from , to ` + text("bob@corp.com") + `,…"`, nil},
		"a session":                          {target("session.revoke", "session", annID), `"id":"` + annID + `"`, nil},
		"a kind of target that nobody knows": {target("thing.do", "thing", "Ann"), `"id":"` + text("Ann") + `"`, nil},
		"a job":                              {target("dagster.mutation", "job", "etl"), `"id":"etl"`, nil},
		"a run that looks like a person":     {target("dagster.mutation", "run", annID), `"id":"` + annID + `"`, nil},
		"a partition":                        {target("dagster.mutation", "partitions", "of ann@corp.com"), `"id":"of ` + text("ann@corp.com") + `"`, nil},
		"a kind of our own as Dagster's":     {target("dagster.mutation", "user", "ann@corp.com"), `"id":"` + text("ann@corp.com") + `"`, nil},
		"a search for an account":            {search("audit", models.Filter{Person: annID, Event: "user.*"}.String()), `"id":"person=\"` + ann + `\" event=\"user.*\""`, []string{annID}},
		"for a name":                         {search("audit", models.Filter{Person: "Ann Onym"}.String()), `person=\"` + text("ann onym") + `\"`, nil},
		"for a pseudonym":                    {search("audit", models.Filter{Person: ann}.String()), `person=\"` + ann + `\"`, nil},
		"for the operator":                   {search("audit", models.Filter{Person: "operator"}.String()), `person=\"operator\"`, nil},
		"for a target":                       {search("audit", models.Filter{Target: annID}.String()), `target=\"` + ann + `\"`, []string{annID}},
		"for a target with a name":           {search("audit", models.Filter{Target: "Ann"}.String()), `target=\"` + text("Ann") + `\"`, nil},
		"for a run":                          {search("audit", models.Filter{Run: "r1", Location: "prod"}.String()), `location=\"prod\" run=\"r1\"`, nil},
		"for an address":                     {search("audit", models.Filter{Address: "192.0.2.7"}.String()), `address=\"` + p.Address("192.0.2.7") + `\"`, nil},
		"in quotes":                          {search("audit", models.Filter{Person: `A "n" \ n`, Run: "r"}.String()), `"id":"person=\"` + text(`A "n" \ n`) + `\" run=\"r\""`, nil},
		"that was cut":                       {search("audit", `run="r" person="Ann Onym…`), `"id":"run=\"r\" …"`, nil},
		"that is none":                       {search("audit", `Ann Onym`), `"id":"…"`, nil},
		"an export of people":                {search("people", `text="Ann" state="active"`), `"id":"text=\"` + text("ann") + `\" state=\"active\""`, nil},
		"by a name that nobody knows":        {search("people", `nickname="Ann"`), `"id":"nickname=\"` + text("ann") + `\""`, nil},
		"an address":                         {models.Event{ClientIP: "192.0.2.7", UserAgent: "Ann's browser"}, `"client_ip":"` + p.Address("192.0.2.7") + `"`, nil},
	} {
		hidden, people := p.Hide(tt.event)
		body, err := json.Marshal(hidden)
		if err != nil || !strings.Contains(string(body), tt.want) {
			t.Errorf("%s: %s, want %s", name, body, tt.want)
		}
		var ids []string
		for _, one := range people {
			ids = append(ids, one.UserID)
			if one.Pseudonym != p.Person(one.UserID) {
				t.Errorf("%s: %+v", name, one)
			}
		}
		slices.Sort(ids)
		if !slices.Equal(ids, tt.people) {
			t.Errorf("%s: people %v, want %v", name, ids, tt.people)
		}
	}
}

// The caller's event stays as it was: it is told again where a change is tried
// again.
func TestHideLeavesTheEventAlone(t *testing.T) {
	e, same := full(t), full(t)
	pseudonyms(t, 1).Hide(e)
	if !reflect.DeepEqual(e, same) {
		t.Errorf("%+v", e)
	}
}

// A pseudonym tells by its key alone, and by what it is of.
func TestPseudonymsAreApart(t *testing.T) {
	p, other := pseudonyms(t, 1), pseudonyms(t, 2)
	all := []string{p.Person("x"), p.Address("x"), p.Text("x"), p.Person("y"), other.Person("x")}
	for i := range all {
		for j := range i {
			if all[i][2:] == all[j][2:] {
				t.Errorf("%s and %s", all[i], all[j])
			}
		}
	}
	if p.Person("x") != pseudonyms(t, 1).Person("x") || p.Person("") != "" || p.Person(all[0]) != all[0] || !models.IsPseudonym(all[0]) || models.IsPseudonym(all[1]) {
		t.Error(all)
	}
	if _, err := models.NewPseudonyms(make([]byte, models.MinPseudonymKey-1)); err == nil {
		t.Error("a short key")
	}
}
