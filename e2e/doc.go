// Package e2e travels through the built program between real parts.
//
//	Chromium or a plain client ──> dagpass (a process) ──> Dagster
//	                                 │        │
//	              Keycloak, oidc-provider   SQLite, PostgreSQL
//
// TestEndToEnd starts the parts once and side by side, builds the binary as a
// user would, and takes one journey after another; each starts the dagpass
// processes it needs. Whether something ran is asked of Dagster's own storage.
// Pictures of what the browser saw are left in e2e/out.
//
// Neighbours: e2e/parts starts the parts, store/storetest/pgtest PostgreSQL,
// tools/setup/setup.sh puts them in place; dagster/testdata has tables that are
// held against the real Dagster here. It imports no room of the product: it
// knows it from the outside, by the names that are promised to users.
package e2e
