package views

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// consolePlace is an entry of the navigation.
type consolePlace struct{ key, label, path string }

var consolePlaces = []consolePlace{
	{"overview", "Overview", "/auth/admin"},
	{"people", "People", "/auth/admin/people"},
	{"sessions", "Sessions", "/auth/admin/sessions"},
	{"access", "Access", "/auth/admin/access"},
	{"providers", "Providers", "/auth/admin/providers"},
	{"audit", "Audit", "/auth/admin/audit"},
	{"settings", "Settings", "/auth/admin/settings"},
}

// person is the address of somebody's page, and of a form below it.
func (c Console) person(id string, form ...string) string {
	return c.path("/auth/admin/people/" + strings.Join(append([]string{url.PathEscape(id)}, form...), "/"))
}

// search is an address with a query of name and value in turn; what is empty is
// left out.
func (c Console) search(path string, query ...string) string {
	values := url.Values{}
	for pair := range slices.Chunk(query, 2) {
		if pair[1] != "" {
			values.Set(pair[0], pair[1])
		}
	}
	if len(values) == 0 {
		return c.path(path)
	}
	return c.path(path + "?" + values.Encode())
}

// at is the address of the list, or of its export, with this filter.
func (p ConsolePeople) at(path, after string) string {
	f := p.Filter
	return p.search(path, "text", f.Text, "state", f.State, "role", f.Role, "slot", f.Slot, "sort", f.Sort, "after", after)
}

// narrowed tells that the filter leaves people out.
func (f ConsolePeopleFilter) narrowed() bool { return f.Text+f.State+f.Role+f.Slot != "" }

func (p ConsolePeople) found() string {
	switch {
	case p.More:
		return "more than " + number(p.Total) + " people found"
	case p.Total == 1:
		return "1 person"
	case p.Filter.narrowed():
		return number(p.Total) + " people found"
	}
	return number(p.Total) + " people"
}

// at is the address of the trail, or of its export, with this filter.
func (p ConsoleAudit) at(path string, more ...string) string {
	f := p.Filter
	return p.search(path, append([]string{
		"person", f.Person, "event", f.Event, "outcome", f.Outcome, "target", f.Target, "location", f.Location,
		"run", f.Run, "request", f.Request, "reason", f.Reason, "provider", f.Provider, "address", f.Address, "since", f.Since, "until", f.Until,
	}, more...)...)
}

// rare tells that the filter uses a field that is folded away.
func (p ConsoleAudit) rare() bool {
	f := p.Filter
	return f.Target+f.Location+f.Run+f.Request+f.Reason+f.Provider+f.Address+f.Since+f.Until+p.Wrong["target"]+p.Wrong["location"]+
		p.Wrong["run"]+p.Wrong["request"]+p.Wrong["since"]+p.Wrong["until"] != ""
}

func (f ConsoleAuditFilter) narrowed() bool {
	f.Before = ""
	return f != ConsoleAuditFilter{}
}

// at is the address of another page of the same answer.
func (p ConsoleAccess) at(after string) string {
	return p.search("/auth/admin/access", "permission", p.Ask.Permission, "location", p.Ask.Location, "after", after) + "#who-can"
}

func (r ConsoleRole) holds(permission string) bool { return slices.Contains(r.Holds, permission) }

// title is the page's title: whose page it is.
func (p ConsolePerson) title() string { return p.Wrong.title(p.label()) }

// label is what the page calls the person.
func (p ConsolePerson) label() string { return cmp.Or(p.Name, p.Email, p.Username, p.ID) }

func (l ConsolePersonLine) label() string { return cmp.Or(l.Name, l.Email, l.Username, l.ID) }

// under is what stands below the name.
func (l ConsolePersonLine) under() string {
	under := joined(l.Username, l.Email)
	if under == l.label() {
		return ""
	}
	return under
}

// wrongAt is what is wrong with one form of the page, at one field.
func (p ConsolePerson) wrongAt(form, field string) string {
	if p.Tried != form {
		return ""
	}
	return p.Wrong[field]
}

// said is what is wrong with a form of the page as a whole.
func (p ConsolePerson) said(form string, fields ...string) string {
	if p.Tried != form {
		return ""
	}
	return p.Wrong.whole(fields...)
}

// rolesWith are the roles to choose from, with the one that is now: a form must
// not change what it was not asked to.
func rolesWith(roles []string, now string) []string {
	if now == "" || slices.Contains(roles, now) {
		return roles
	}
	return append([]string{now}, roles...)
}

// linkText is what a button for a one-time link says.
func linkText(purpose string) string {
	if purpose == "password" {
		return "Link to choose a password"
	}
	return "Link to sign in"
}

// outcomes are those of an event, in words.
var outcomes = []ConsoleChoice{{"ok", "OK"}, {"allowed", "Allowed"}, {"refused", "Refused"}, {"failed", "Failed"}}

func outcomeText(outcome string) string {
	for _, o := range outcomes {
		if o.Value == outcome {
			return o.Label
		}
	}
	return orDash(outcome)
}

// outcomeTone is how an outcome looks; its word says the same.
func outcomeTone(outcome string) string {
	switch outcome {
	case "ok", "allowed":
		return "good"
	case "refused", "failed":
		return "bad"
	}
	return "quiet"
}

// number groups the digits of a whole number by thousands.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// bar is one hour of a chart.
type bar struct {
	Hour         string // such as "09:00"
	N            int64
	X, Y, Height string // in the drawing
}

// The drawing of a chart: its height, and the width of an hour and of its bar.
const (
	chartHeight = 64
	hourWidth   = 10
	barWidth    = 7
)

// bars draws one number an hour. The highest takes the whole height, and one
// that is not zero can be seen.
func bars(values []int64, last time.Time) []bar {
	highest := int64(1)
	for _, n := range values {
		highest = max(highest, n)
	}
	all := make([]bar, len(values))
	for i, n := range values {
		height := int64(float64(max(0, n)) / float64(highest) * chartHeight)
		if n > 0 {
			height = max(height, 2)
		}
		hour := last.UTC().Add(time.Duration(i+1-len(values)) * time.Hour)
		all[i] = bar{hour.Format("15:04"), n, strconv.Itoa(i * hourWidth), strconv.FormatInt(chartHeight-height, 10), strconv.FormatInt(height, 10)}
	}
	return all
}

func chartBox(values []int64) string {
	return "0 0 " + strconv.Itoa(max(1, len(values))*hourWidth-hourWidth+barWidth) + " " + strconv.Itoa(chartHeight)
}

// chartText says what the chart shows.
func chartText(what string, values []int64, last time.Time) string {
	var sum, most int64
	at := ""
	for i, b := range bars(values, last) {
		if sum += values[i]; values[i] > most {
			most, at = values[i], b.Hour
		}
	}
	switch sum {
	case 0:
		return "No " + what + " in the last 24 hours."
	case 1:
		return "1 " + strings.TrimSuffix(what, "s") + " in the last 24 hours, in the hour from " + at + " UTC."
	}
	return number(sum) + " " + what + " in the last 24 hours, at most " + number(most) + " in an hour, from " + at + " UTC."
}

// permissionText says what a permission opens.
func permissionText(permission string) string { return permissionTexts[permission] }

var permissionTexts = map[string]string{
	"read":                         "Open Dagster and read everything",
	"read_logs":                    "See the captured output of steps",
	"read_notebook":                "See notebooks",
	"download_debug":               "Download the whole event log of a run",
	"show_instance_config":         "See the instance's configuration",
	"graphiql":                     "Use the GraphQL console",
	"unclassified_mutation":        "Run mutations that Dagpass does not know",
	"administer":                   "Use this console",
	"audit":                        "Read the audit trail",
	"launch_pipeline_execution":    "Launch runs",
	"launch_pipeline_reexecution":  "Launch runs again",
	"terminate_pipeline_execution": "Stop runs",
	"delete_pipeline_run":          "Delete runs",
	"launch_partition_backfill":    "Launch backfills",
	"cancel_partition_backfill":    "Cancel backfills",
	"start_schedule":               "Start schedules",
	"stop_running_schedule":        "Stop schedules",
	"schedule_dry_run":             "Try out a schedule",
	"edit_sensor":                  "Start and stop sensors",
	"sensor_dry_run":               "Try out a sensor",
	"update_sensor_cursor":         "Set the cursor of a sensor",
	"reload_repository_location":   "Reload a code location",
	"reload_workspace":             "Reload all code locations",
	"wipe_assets":                  "Wipe assets",
	"report_runless_asset_events":  "Report asset events by hand",
	"edit_dynamic_partitions":      "Add and remove dynamic partitions",
	"toggle_auto_materialize":      "Switch automatic materialization",
	"edit_concurrency_limit":       "Change concurrency limits",
	"edit_app_managed_components":  "Edit components in the app",
	"refresh_component_state":      "Refresh the state of components",
}

// first is an address on every page of a list but the first.
func first(after, address string) string {
	if after == "" {
		return ""
	}
	return address
}

// following is an address where there is a next page.
func following(cursor, address string) string {
	if cursor == "" {
		return ""
	}
	return address
}

// alike are choices that read as they are sent.
func alike(values []string) []ConsoleChoice {
	var all []ConsoleChoice
	for _, v := range values {
		all = append(all, ConsoleChoice{v, v})
	}
	return all
}

// choices are the permissions to ask for, in words.
func (p ConsoleAccess) choices() []ConsoleChoice {
	var all []ConsoleChoice
	for _, perm := range p.Permissions {
		all = append(all, PermissionChoice(perm.Name))
	}
	return all
}

// title puts the news in front, where an invitation came back.
func (p ConsolePeople) title() string {
	if p.Invite != nil {
		return p.Invite.Wrong.title("People")
	}
	return "People"
}

// yes is what somebody ticks; for their own account it says what that means.
func (p ConsolePerson) yes(sentence string) string {
	if p.Self {
		return sentence + " It is my own: I lose this console."
	}
	return sentence
}

// issuerText is what the address of a provider is.
func issuerText(kind string) string {
	if kind == "ldap" {
		return "Address"
	}
	return "Issuer"
}

func disabledText(n int64) string {
	if n == 0 {
		return "none disabled"
	}
	return number(n) + " disabled"
}

// nth is an id of one of many.
func nth(name string, i int) string { return name + "-" + strconv.Itoa(i+1) }

func commas(words []string) string { return strings.Join(words, ", ") }

func lower(word string) string { return strings.ToLower(word) }
