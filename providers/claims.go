package providers

import (
	"strings"
	"time"
)

// Claims are what a provider says about a person, as JSON has them. Every
// reader here answers with nothing when a claim has an unexpected type.

func text(claims map[string]any, name string) string {
	s, _ := claims[name].(string)
	return s
}

// isTrue is strict: a string "false" is not true, nor is 1.
func isTrue(v any) bool { return v == true || v == "true" }

// endOfTime is the last second of the year 9999, after which RFC 3339 and so
// every JSON encoder of times gives up.
const endOfTime = 253402300799

func instant(claims map[string]any, name string) time.Time {
	seconds, ok := claims[name].(float64)
	if !ok || seconds <= 0 || seconds > endOfTime {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// texts reads a list of strings, or a single one. Whatever else is in the list
// is left out.
func texts(v any) []string {
	if s, ok := v.(string); ok {
		v = []any{s}
	}
	var all []string
	list, _ := v.([]any)
	for _, item := range list {
		if s, ok := item.(string); ok && s != "" {
			all = append(all, s)
		}
	}
	return all
}

// lookup follows a dot path such as realm_access.roles. Names may hold dots
// themselves (https://example.com/groups), so the longest name wins.
func lookup(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	for end := strings.LastIndexByte(path, '.'); end >= 0; end = strings.LastIndexByte(path[:end], '.') {
		if inner, ok := claims[path[:end]].(map[string]any); ok {
			if v := lookup(inner, path[end+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// wanted picks what we use of a provider's claims; groups are where the dot
// path leads.
func wanted(claims map[string]any, groupsPath string) map[string]any {
	picked := map[string]any{}
	for _, name := range []string{"sub", "email", "email_verified", "hd", "name", "preferred_username", "amr", "auth_time"} {
		if v := claims[name]; v != nil {
			picked[name] = v
		}
	}
	if v := lookup(claims, groupsPath); v != nil {
		picked["groups"] = v
	}
	return picked
}

// complete fills what the ID token does not say from userinfo and overrides
// nothing. email and email_verified belong together: userinfo's word about its
// own address is no word about another one.
func complete(claims, userinfo map[string]any) {
	if text(claims, "email") == "" {
		delete(claims, "email")
		delete(claims, "email_verified")
	} else if text(claims, "email") != text(userinfo, "email") {
		delete(userinfo, "email_verified")
	}
	for name, value := range userinfo {
		if _, said := claims[name]; !said {
			claims[name] = value
		}
	}
}
