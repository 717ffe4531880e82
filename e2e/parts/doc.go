// Package parts starts the real things that Dagpass stands between, each on
// a free loopback port: Dagster, Keycloak, oidc-provider, Chromium.
//
//	StartX(t) ──> process on a leash ──> x.Await(t) ──> x.URL …
//	                    │
//	                    └── ends with t, or with the test binary if that is killed
//
// StartX returns as soon as the process runs, so that several start side by
// side; Await waits until it answers. What they run is put in place by
// tools/setup/setup.sh; what is missing fails the test with that line to type.
//
// Neighbours: e2e travels through these parts with the built binary between
// them; store/storetest/pgtest does the same for PostgreSQL. It knows nothing
// of ours.
package parts
