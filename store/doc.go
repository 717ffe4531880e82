// Package store says where things are kept: in SQLite for one machine, in
// PostgreSQL for many, and appends to the audit chain.
//
//	reads ──▶ Store ──────────────────────────────┐
//	writes ─▶ Store.Change ─▶ Tx ─▶ event ─▶ chain ─┴─▶ SQLite or PostgreSQL
//
// Reads hang on the [Store], writes on a [Tx], and only [Store.Change] hands
// one out: it commits together with an event of the audit trail or not at all.
// Where people are taken out of events (Store.Pseudonyms), that is done in front of
// the one place that appends.
// The exceptions, each for one purpose, are [Store.Record] (a refusal, nothing
// else changes), [Store.SpendState] (single use of a sign-in's state),
// [Store.TouchSession] (activity), [Store.RehashPassword] (a better hash of the
// same password), [Store.CountFailures] with [Store.TakeBackFailure] and
// [Store.ForgetFailures] (how often it failed to prove who one is: the refusal
// itself is recorded by whoever counts), [Store.InsertCheckpoint] with
// [Store.ResignCheckpoint] and [Store.ResignAnchor] (what is signed of the trail
// is no part of it), [Store.DropPruned] (an event has told of it),
// [Store.NoteWay] (how a provider answered, which decides nothing),
// [Store.BeginReplay] with [Store.FinishReplay] and [Store.DropReplay] (what was
// answered to a change, which has its own event), and [Store.Sweep] (what has
// expired).
//
// The room knows no rules: what a session may do is in models and identity.
// It is the only one that knows GORM. Conditions are written out ("id = ?"):
// a struct as a condition would leave out its empty fields, and an empty id
// would match every row. Below it stand models and migrations, above it
// identity. storetest puts both dialects through the same exam.
package store
