package dagster_test

import (
	"slices"
	"testing"

	"github.com/dagpass/dagpass/dagster"
)

func TestReportedAsset(t *testing.T) {
	for _, tt := range []struct {
		name, path, query, body string
		want                    dagster.AssetKey
	}{
		{"in the path", "/report_asset_materialization/a/b", "", "", dagster.AssetKey{"a", "b"}},
		{"in the path, with empty parts", "/report_asset_materialization//a/", "", "", dagster.AssetKey{"", "a", ""}},
		{"in the body", "/report_asset_check/", "", `{"asset_key":["b","c"],"x":1}`, dagster.AssetKey{"b", "c"}},
		{"in the body, a slash inside a part", "/report_asset_check/", "", `{"asset_key":["b/c"]}`, dagster.AssetKey{"b/c"}},
		{"in the body as one text", "/report_asset_check/", "", `{"asset_key":"b/c"}`, dagster.AssetKey{"b/c"}},
		{"in the query", "/report_asset_observation/", `asset_key=["q/r","s"]`, "", dagster.AssetKey{"q/r", "s"}},
		{"as old text in the query", "/report_asset_observation/", `asset_key=q.r/s-t_u`, "{}", dagster.AssetKey{"q", "r", "s", "t_u"}},
		{"the same everywhere", "/report_asset_materialization/a", `asset_key=["a"]`, `{"asset_key":["a"]}`, dagster.AssetKey{"a"}},
		{"nowhere", "/report_asset_materialization/", "", "{}", nil},
		{"nowhere, said twice", "/report_asset_materialization/", "asset_key=", "", nil},
		{"under another key", "/report_asset_materialization/", "", `{"Asset_Key":["a"]}`, nil},
		{"another one in the body than in the path", "/report_asset_materialization/a", "", `{"asset_key":["b"]}`, nil},
		{"another one in the query, for a body that is not read", "/report_asset_materialization/", `asset_key=["q"]`, `{"asset_key":["b"]}`, nil},
		{"the same text, other parts", "/report_asset_materialization/a/b", "", `{"asset_key":["a/b"]}`, nil},
		{"twice in the query", "/report_asset_materialization/", "asset_key=a&asset_key=b", "", nil},
		{"key without parts", "/report_asset_materialization/", "", `{"asset_key":[]}`, nil},
		{"key without parts before another", "/report_asset_materialization/", "asset_key=a", `{"asset_key":[]}`, nil},
		{"null", "/report_asset_materialization/", "", `{"asset_key":null}`, nil},
		{"null before another", "/report_asset_materialization/", "asset_key=a", `{"asset_key":null}`, nil},
		{"a number among the parts", "/report_asset_materialization/", "", `{"asset_key":["a",1]}`, nil},
		{"null among the parts", "/report_asset_materialization/", "", `{"asset_key":["a",null]}`, nil},
		{"only signs in the query", "/report_asset_materialization/", "asset_key=.", "", nil},
		{"broken list in the query", "/report_asset_materialization/", "asset_key=[a]", "", nil},
		{"half a character in the query", "/report_asset_materialization/", `asset_key=["\ud800"]`, "", nil},
		{"broken text in the query", "/report_asset_materialization/", "asset_key=%ff", "", nil},
		{"body is no JSON", "/report_asset_materialization/", "asset_key=q", `{`, nil},
		{"body names it twice", "/report_asset_materialization/", "", `{"asset_key":["a"],"asset_key":["b"]}`, nil},
		{"body is a list", "/report_asset_materialization/", "asset_key=q", `["asset_key"]`, nil},
	} {
		got, err := dagster.ReportedAsset(tt.path, tt.query, []byte(tt.body))
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}
