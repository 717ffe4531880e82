// Package handlers says what was asked of us, and what is shown: forms,
// cookies, statuses, pages and JSON.
//
//	request ─▶ frame (id, client, log, path, host) ─┬▶ /auth/… ─▶ gates ─▶ bind, one call of identity, answer
//	                                                └▶ everything else ─▶ claimed? ─▶ recognise ─▶ proxy
//
// The frame is on the way of every request, so that a route cannot forget it;
// the gates are a group's (not in OAuth-only mode, same origin, halfway, signed
// in), and a form or a script's JSON is read by the way a route is registered.
// A handler holds no rule: what it checks is a courtesy, the law is in
// identity, policy and proxy. Echo lives here alone. Below stand identity,
// views, models, policy and assets; cmd hands in the proxy and what is known
// of Dagster.
package handlers
