package dagster

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// ReportedAsset names the asset of a request for /report_asset_…, read as
// Dagster does (_asset_key_from_request in external_assets.py): in the path its
// parts stand between slashes, in the JSON body they are a list or one string,
// in the query string they are spelled as in Dagster's database. Dagster takes
// the first of the three, and does not read the body unless its type says so; a
// report that names two assets is refused, and so is one that names none: the
// audit trail could not say what it was about.
func ReportedAsset(path, query string, body []byte) (AssetKey, error) {
	var named []AssetKey
	if _, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); key != "" {
		named = append(named, strings.Split(key, "/"))
	}
	inBody, err := assetInBody(body)
	if err != nil {
		return nil, err
	}
	values, err := readQuery(query)
	if err != nil {
		return nil, err
	}
	inQuery, err := assetInQuery(values)
	if err != nil {
		return nil, err
	}
	return onlyAsset(slices.Concat(named, inBody, inQuery))
}

func onlyAsset(named []AssetKey) (AssetKey, error) {
	if len(named) == 0 {
		return nil, unreadable("no_asset", "The report names no asset.", nil)
	}
	for _, key := range named {
		if len(key) == 0 || !slices.Equal(key, named[0]) {
			return nil, badAsset(errors.New("two assets, or a key without parts"))
		}
	}
	return named[0], nil
}

func assetInBody(body []byte) ([]AssetKey, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage // exact keys, as Python compares them
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, unreadable("not_an_object", "A report is one JSON object.", err)
	}
	raw, given := members["asset_key"]
	if !given {
		return nil, nil
	}
	var whole string
	if json.Unmarshal(raw, &whole) == nil && !isNull(raw) {
		return []AssetKey{{whole}}, nil
	}
	return assetParts(raw)
}

// assetInQuery reads the key as AssetKey.from_db_string: a JSON list, or an old
// spelling that takes whatever is no letter, digit or underscore to be between
// two parts.
func assetInQuery(values url.Values) ([]AssetKey, error) {
	given := values["asset_key"]
	if len(given) > 1 {
		return nil, badAsset(errors.New("asset_key is given twice"))
	}
	if len(given) == 0 || given[0] == "" {
		return nil, nil
	}
	if !strings.HasPrefix(given[0], "[") {
		return []AssetKey{strings.FieldsFunc(given[0], isBetweenParts)}, nil
	}
	if err := checkJSON([]byte(given[0])); err != nil {
		return nil, err
	}
	return assetParts([]byte(given[0]))
}

func isBetweenParts(c rune) bool {
	return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

func assetParts(raw []byte) ([]AssetKey, error) {
	var parts []*string
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, badAsset(err)
	}
	key := AssetKey{}
	for _, part := range parts {
		if part == nil {
			return nil, badAsset(errors.New("a part is null"))
		}
		key = append(key, *part)
	}
	return []AssetKey{key}, nil
}

func badAsset(cause error) *Error {
	return unreadable("bad_asset", "The report does not name its asset in a way that can be forwarded.", cause)
}
