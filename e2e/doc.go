// Package e2e travels through the built program between real parts.
//
//	Chromium or a plain client ──> dagpass (a process) ──> Dagster
//	                                 │        │
//	              Keycloak, oidc-provider   SQLite, PostgreSQL
//
// TestEndToEnd starts the parts once and side by side, builds the binary as a
// user would, and takes one journey after another; each starts the dagpass
// processes it needs. Whether something ran is asked of Dagster's own storage,
// and of a witness between dagpass and Dagster. What differs from one version
// of Dagster to another is asked of two, the newest and the oldest. Pictures of
// what the browser saw are left in e2e/out.
//
// Neighbours: e2e/parts starts the parts, store/storetest/pgtest PostgreSQL,
// providers/slapdtest a directory, tools/setup/setup.sh puts them in place; dagster/testdata has tables that are
// held against the real Dagster here, and e2e/differential looks for requests
// that Dagster reads in another way than we. It imports no room of the product:
// it knows it from the outside, by the names that are promised to users.
package e2e
