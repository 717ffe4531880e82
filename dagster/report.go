package dagster

import (
	"encoding/json"
	"strings"
)

// ReportedAsset names the asset of a request for /report_asset_…, its parts
// joined with "/", where Dagster looks for it and in the same order
// (external_assets.py): in the path, in the JSON body, in the query string.
// A report that names none is refused: the audit trail could not say what it
// was about.
func ReportedAsset(path, query string, body []byte) (string, error) {
	_, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if key != "" {
		return key, nil
	}
	if key, err := assetInBody(body); key != "" || err != nil {
		return key, err
	}
	values, err := readQuery(query)
	if err != nil {
		return "", err
	}
	if key := assetKey(json.RawMessage(values.Get("asset_key")), values.Get("asset_key")); key != "" {
		return key, nil
	}
	return "", unreadable("no_asset", "The report names no asset.", nil)
}

func assetInBody(body []byte) (string, error) {
	if len(body) == 0 {
		return "", nil
	}
	if err := checkJSON(body); err != nil {
		return "", err
	}
	var members map[string]json.RawMessage // exact keys, as Python compares them
	if err := json.Unmarshal(body, &members); err != nil {
		return "", unreadable("not_an_object", "A report is one JSON object.", err)
	}
	return assetKey(members["asset_key"], ""), nil
}

// assetKey reads a list of parts, or one string; what is neither is otherwise.
func assetKey(raw json.RawMessage, otherwise string) string {
	var parts []string
	if json.Unmarshal(raw, &parts) == nil {
		return strings.Join(parts, "/")
	}
	var whole string
	if json.Unmarshal(raw, &whole) == nil {
		return whole
	}
	return otherwise
}
