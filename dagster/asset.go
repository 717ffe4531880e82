package dagster

import (
	"encoding/json"
	"strings"
)

// AssetKey names an asset by its parts, which may hold any character.
type AssetKey []string

// String joins the parts with "/", as Dagster shows a key.
func (k AssetKey) String() string { return strings.Join(k, "/") }

// id tells two keys apart where String may not.
func (k AssetKey) id() string {
	b, _ := json.Marshal([]string(k)) // texts: this cannot fail
	return string(b)
}

// implicitJob begins the names of the jobs that Dagster makes to materialize
// assets which no job of the user's names (is_implicit_asset_job_name).
const implicitJob = "__ASSET_JOB"

func isImplicit(job string) bool { return strings.HasPrefix(job, implicitJob) }
