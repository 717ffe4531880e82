// Package api says what a program asked of us, and answers it: the console as
// JSON, described by OpenAPI.
//
//	request ─▶ token ─▶ what is accepted and sent ─▶ idempotency key ─▶ huma (read, check) ─▶ one call of identity ─▶ answer
//
// A handler here holds no rule, as none of handlers does; the law is in identity.
// The document is made of the types that are read and written, so that it cannot
// tell otherwise. No cookie opens anything here: Dagster's pages are of our
// origin, and so would be a script that somebody got into one. Huma lives here
// alone. Above stands handlers, which mounts it below its frame; below stand
// identity, models and policy.
package api
