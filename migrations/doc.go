// Package migrations says how the schema came to be: SQL per dialect, and [Up].
//
//	sqlite/00001_name.sql   ┐
//	                        ├─ embedded ─▶ Up ─▶ goose_db_version and our tables
//	postgres/00001_name.sql ┘
//
// The rule for every file after the first: the release before must keep
// running on the new schema, because in a rolling update both run at once. So
// a migration adds (a table, an index, a column that may be null or has a
// default) and never renames, drops or narrows what the release before uses;
// what is no longer needed is dropped one release later. Both folders hold the
// same numbers and names. There is no way down: who must go back restores the
// backup made before the update.
//
// Its only user is store. It knows nothing of ours.
package migrations
