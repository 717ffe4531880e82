// Package pgtest gives tests a real, throwaway PostgreSQL.
//
//	pgtest.URL(t) ── first call ──> initdb, postgres on a free loopback port
//	      │                             │
//	      ├── every call ───────────────┼──> CREATE DATABASE, dropped at cleanup
//	template.URL(t) ── every call ──────┴──> the same, as a copy of one that was filled once
//
// There is one cluster for each test binary. It hangs on a pipe that the
// binary holds open, so that it ends, and its folder with it, when the binary
// does: also when the binary is killed. As root it runs as the user postgres,
// because PostgreSQL refuses to run as root.
//
// Neighbours: store/storetest sits its exam here; the end-to-end tests start
// their replicas on it. It knows nothing of ours.
package pgtest
