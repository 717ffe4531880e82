// Package identity answers who is who, and who may change that: signing in
// through a provider, sessions, users, and the assertions that tell Dagster
// who somebody is.
//
//	Begin ─▶ provider ─▶ Finish ─▶ Session ─▶ Authenticate ─▶ Principal ─▶ Assertion
//	                        │                                    ▲
//	                        └─ a claim from outside, a policy.Gate, one store.Change
//
// The rules live here and are tested here: what handlers and the command line
// check before is a courtesy. The room knows neither HTTP, HTML nor SQL. Below
// it stand store, providers, models and policy; above it handlers and cmd.
// It owns sealing (what a row or a browser keeps but must not read) and the
// signing of tokens.
package identity
