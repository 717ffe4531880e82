package dagster

import "testing"

func TestReportedAsset(t *testing.T) {
	for _, tt := range []struct{ name, path, query, body, want string }{
		{"in the path", "/report_asset_materialization/a/b", "", "", "a/b"},
		{"in the path first", "/report_asset_materialization/a", `asset_key=["q"]`, `{"asset_key":["b"]}`, "a"},
		{"in the body", "/report_asset_check/", `asset_key=["q"]`, `{"asset_key":["b","c"],"x":1}`, "b/c"},
		{"in the query", "/report_asset_observation/", `asset_key=["q","r"]`, "", "q/r"},
		{"as a word in the query", "/report_asset_observation/", `asset_key=q`, "{}", "q"},
		{"nowhere", "/report_asset_materialization/", "", "{}", ""},
		{"under another key", "/report_asset_materialization/", "", `{"Asset_Key":["a"]}`, ""},
		{"body is no JSON", "/report_asset_materialization/", "asset_key=q", `{`, ""},
		{"body names it twice", "/report_asset_materialization/", "", `{"asset_key":["a"],"asset_key":["b"]}`, ""},
		{"body is a list", "/report_asset_materialization/", "asset_key=q", `[]`, ""},
	} {
		got, err := ReportedAsset(tt.path, tt.query, []byte(tt.body))
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}
