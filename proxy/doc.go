// Package proxy answers one question: how does it get there?
//
// Every request that is not ours goes through one door and, if it is admitted,
// on to the Dagster webserver as a request that was written anew from what was
// understood: own path, own query string, own headers, own body.
//
//	request ─▶ place ─▶ recognise ─▶ fits ─▶ sameOrigin ─▶ read ─▶ judge ─▶ write ─▶ introduce ─▶ admit ─▶ pass
//	              │ each check may end the walk: 303, 401, 400, 403, 503  │                        │
//	              ▼                                                       └─ ask ▶ Dagster         ▼
//	           refusal                                                        forward (HTTP) or bridge (socket)
//	                                                                                │              │ each operation
//	                                                            record ◀─ answer ◀─ Dagster        └──▶ admit
//
// admit holds a wish, with each thing that it would change, against the
// principal's access and records it: a mutation, allowed or refused, and every
// refusal is in the audit trail before anything goes on, and what cannot be
// recorded does not go on. Only admit makes a [pass], and nothing is forwarded
// without one. A change of which nobody said what it takes is refused. What the
// policy wants a recent proof for is refused where there is none. In monitor
// mode what roles decide is recorded and goes on; nothing else changes.
//
// The answer to a mutation is read for what became of it and recorded, whether
// or not somebody still waits for it.
//
// Below stand dagster, which reads and judges, policy, which decides, and
// models. Recognising a session, signing an assertion, recording an event and
// showing a page are handed in by cmd. The room owns httputil and WebSockets;
// it never sees Echo or SQL.
package proxy
