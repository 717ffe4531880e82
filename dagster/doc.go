// Package dagster answers one question: what does this mean in Dagster?
//
// A request for the Dagster webserver is read once, and what was understood is
// all that goes on: the path in one spelling, and for /graphql a request that
// this package wrote itself from one chosen operation. The original bytes are
// never forwarded, so that nobody can show us one thing and Dagster another.
//
//	path ──CleanPath──▶ path ──Classify──▶ Route{Class, Need}
//	                                         │ graphql                │ socket
//	                                         ▼                        ▼
//	body, query ──Reader.ReadHTTP──▶ Call{Kind, Fields, Needs}   Reader.ReadSocketMessage
//	                        Reader.Deeds ◀───┤                        │
//	                                         │ allowed                │ refused
//	                                         ▼                        ▼
//	                                      Call.Write             Refuse, RefuseSocket
//
// The room judges what a request would need and decides nothing: its neighbour
// below is policy, whose permissions it names; its neighbour above is proxy,
// which asks policy and carries the request. GraphQL lives here and nowhere
// else. The package knows neither users nor the store.
//
// What Dagster does with a request was read in dagster_webserver/webserver.py
// and graphql.py of 1.13.27; docs/dagster.md tells it for people.
package dagster
