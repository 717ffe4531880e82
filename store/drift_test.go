package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
)

// What the models say and what the migrations made is the same, both ways:
// tables, columns, kinds, nullability, primary keys and indexes.
func TestMigratedSchemaIsWhatTheModelsSay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if diff := cmp.Diff(meant(t, s.Writer()), migrated(t, s.Writer())); diff != "" {
			t.Errorf("models (-) and migrations (+) differ:\n%s", diff)
		}
	})
}

// A difference that is made on purpose must be seen, else the test above
// proves nothing.
func TestDriftIsSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, change := range []string{
			"ALTER TABLE users ADD COLUMN extra text",
			"CREATE TABLE extra (id text PRIMARY KEY)",
			"CREATE INDEX extra ON users (name)",
			"DROP INDEX idx_sessions_user_id",
			"ALTER TABLE sessions RENAME COLUMN slot TO slott",
		} {
			tx := s.Writer().Begin()
			if err := tx.Exec(change).Error; err != nil {
				t.Fatal(err)
			}
			if cmp.Equal(meant(t, tx), migrated(t, tx)) {
				t.Errorf("not seen: %s", change)
			}
			tx.Rollback()
		}
	})
}

// meant writes a line for every column and index of the models. A pointer may
// be null, nothing else may.
func meant(t *testing.T, db *gorm.DB) (lines []string) {
	for _, row := range store.Tables() {
		stmt := &gorm.Statement{DB: db}
		if err := stmt.Parse(row); err != nil {
			t.Fatal(err)
		}
		for _, f := range stmt.Schema.Fields {
			null := strings.HasPrefix(f.FieldType.String(), "*")
			lines = append(lines, column(stmt.Table, f.DBName, kindOf(db, f), null, f.PrimaryKey))
		}
		for _, i := range stmt.Schema.ParseIndexes() {
			var on []string
			for _, o := range i.Fields {
				on = append(on, o.DBName)
			}
			lines = append(lines, index(stmt.Table, i.Name, i.Class == "UNIQUE", on))
		}
	}
	slices.Sort(lines)
	return lines
}

func kindOf(db *gorm.DB, f *schema.Field) string {
	if f.Serializer != nil {
		return "text"
	}
	return db.DataTypeOf(f)
}

func column(table, name, kind string, null, primary bool) string {
	return fmt.Sprintf("%s.%s %s null=%t primary=%t", table, name, kind, null, primary)
}

func index(table, name string, unique bool, on []string) string {
	return fmt.Sprintf("%s index %s unique=%t %v", table, name, unique, on)
}

// migrated writes the same lines from what the database says about itself.
func migrated(t *testing.T, db *gorm.DB) (lines []string) {
	query := map[string]string{"sqlite": sqliteSchema, "postgres": postgresSchema}[db.Name()]
	if err := db.Raw(query).Scan(&lines).Error; err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

const sqliteSchema = `
SELECT t.name || '.' || c.name || ' ' || lower(c.type)
       || ' null=' || iif(c."notnull", 'false', 'true') || ' primary=' || iif(c.pk, 'true', 'false')
  FROM sqlite_schema t, pragma_table_xinfo(t.name) c
 WHERE t.type = 'table' AND t.name NOT IN ('goose_db_version', 'sqlite_sequence')
UNION ALL
SELECT t.name || ' index ' || i.name || ' unique=' || iif(i."unique", 'true', 'false')
       || ' [' || (SELECT group_concat(x.name, ' ' ORDER BY x.seqno) FROM pragma_index_info(i.name) x) || ']'
  FROM sqlite_schema t, pragma_index_list(t.name) i
 WHERE t.type = 'table' AND t.name <> 'goose_db_version' AND i.origin <> 'pk'`

const postgresSchema = `
SELECT c.table_name || '.' || c.column_name || ' ' || replace(c.udt_name, 'int8', 'bigint')
       || ' null=' || (c.is_nullable = 'YES') || ' primary=' || EXISTS (
         SELECT FROM information_schema.key_column_usage k JOIN information_schema.table_constraints p
                USING (constraint_schema, constraint_name)
          WHERE p.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name AND k.column_name = c.column_name)
  FROM information_schema.columns c
 WHERE c.table_schema = current_schema AND c.table_name <> 'goose_db_version'
UNION ALL
SELECT t.relname || ' index ' || i.relname || ' unique=' || x.indisunique
       || ' [' || (SELECT string_agg(a.attname, ' ' ORDER BY o.n)
                     FROM unnest(x.indkey) WITH ORDINALITY o (attnum, n)
                     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = o.attnum) || ']'
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
 WHERE t.relnamespace = current_schema::regnamespace AND t.relname <> 'goose_db_version' AND NOT x.indisprimary`
