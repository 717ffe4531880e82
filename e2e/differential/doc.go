// Package differential gives the same request to Dagster and to us, and looks
// for one that the two read differently.
//
//	tables, generator ─▶ request ─┬─▶ dagster.Reader ─▶ Call, Deeds, what is forwarded ─┐
//	       mutations ──▲          │                                                     ▼
//	                              └─▶ webserver.py: Dagster's GraphQLServer ─────▶ the rules
//
// The rules: what we forward runs only root fields that we reported; a request
// that we accept is run by Dagster as the operation that we read; and what
// that changes, by the arguments as graphql-core understood them, is what our
// deeds name.
//
// Neighbours: e2e/parts knows where Dagster is, dagster/testdata has the tables
// that the search starts from. Longer runs: tools/fuzz.
package differential
