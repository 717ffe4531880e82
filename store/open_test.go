package store_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dagpass/dagpass/migrations"
	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

const password = "s3cr3t"

// A URL that cannot be used is an error which tells what is wrong with it, and
// never the password.
func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                                "must begin with",
		"dagpass.db":                      "must begin with",
		"mysql://u:s3cr3t@host/x":         "must begin with",
		"sqlite:":                         "name a file",
		"sqlite::memory:":                 "name a file",
		"sqlite://dagpass.db":             "name a file",
		"sqlite:/nowhere/x.db":            "no such file or directory",
		"sqlite:" + os.TempDir():          "is a directory",
		"postgres:u:s3cr3t@host":          "not a PostgreSQL URL",
		"postgres://u:s3cr3t%zz@host/x":   "not a PostgreSQL URL",
		"postgres://u:s3cr3t/more@host/x": "not a PostgreSQL URL",
		"postgres://u:s3cr3t@host:port/x": "not a PostgreSQL URL",
		"postgres://u:s3cr3t@host/x?sslmode=nonsense":          "database URL",
		"postgres://u:s3cr3t@host/x?connect_timeout=s3cr3t":    "database URL",
		"postgres://u@host/x?password=s3cr3t&sslmode=s3cr3t":   "database URL",
		"postgres://u:s3cr3t@host/x?sslrootcert=/nowhere.pem":  "/nowhere.pem",
		"postgres://u:s3cr3t@127.0.0.1:1/x?connect_timeout=1":  "connection refused",
		"postgres://u:s3cr3t@nowhere.invalid/x?sslmode=prefer": "nowhere.invalid",
	} {
		t.Run(url, func(t *testing.T) {
			var log bytes.Buffer
			s, err := store.Open(t.Context(), url, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not tell of %q", err, want)
			}
			if strings.Contains(err.Error()+log.String(), password) {
				t.Errorf("the password is told: %v %s", err, log.String())
			}
		})
	}
}

func TestWrongPasswordIsNotTold(t *testing.T) {
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("postgres", password)
	_, err = store.Open(t.Context(), u.String(), slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), "password authentication failed") {
		t.Errorf("%v, want a refusal without the password", err)
	}
}

// Whoever can read the file can read who signs in, so it is for its owner only,
// whatever the umask; so are the files of the log beside it.
func TestSQLiteFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	s := storetest.Migrated(t, "sqlite:"+filepath.Join(dir, "dagpass.db"))
	signedIn(t, s, "ada")
	if err := s.Backup(t.Context(), filepath.Join(dir, "backup.db")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if len(files) != 4 || err != nil {
		t.Errorf("%v (%v), want the database, two files of its log, and the backup", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", f.Name(), info.Mode(), err)
		}
	}
}

func TestSQLitePathIsTakenLiterally(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"dagpass.db", "a b.db", "a?mode=memory&x=#y%20.db", "ä.db"} {
		storetest.Migrated(t, "sqlite:"+name)
		if _, err := os.Stat(name + "-wal"); err != nil {
			t.Errorf("the database is elsewhere: %v", err)
		}
	}
}

func TestExistingFileKeepsItsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dagpass.db")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	storetest.Migrated(t, "sqlite:"+path)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v (%v), want 0640", info.Mode(), err)
	}
}

func TestSQLiteSettings(t *testing.T) {
	s := storetest.SQLite(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "1", "foreign_keys": "1", "busy_timeout": "10000"} {
		var read, write string
		err := errors.Join(s.Reader().Raw("PRAGMA "+pragma).Scan(&read).Error, s.Writer().Raw("PRAGMA "+pragma).Scan(&write).Error)
		if read != want || write != want || err != nil {
			t.Errorf("%s is %s for readers and %s for the writer (%v), want %s", pragma, read, write, err, want)
		}
	}
	if err := s.Reader().Exec("DELETE FROM users").Error; err == nil {
		t.Error("a reader may write")
	}
}

func TestPostgresSettings(t *testing.T) {
	s := storetest.Migrated(t, pgtest.URL(t))
	for name, want := range map[string]string{"idle_in_transaction_session_timeout": "30s", "application_name": "dagpass"} {
		var got string
		if err := s.Writer().Raw("SHOW " + name).Scan(&got).Error; got != want || err != nil {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestReady(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if err := s.Ready(t.Context()); !errors.Is(err, migrations.ErrBehind) {
			t.Errorf("before migrating: %v, want %v", err, migrations.ErrBehind)
		}
		if applied, err := s.Migrate(t.Context()); applied == 0 || err != nil {
			t.Errorf("applied %d (%v)", applied, err)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
		if err := s.Ready(t.Context()); err == nil {
			t.Error("ready although closed")
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.Writer().Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)").Error; err != nil {
			t.Fatal(err)
		}
		if _, err := s.Migrate(t.Context()); !errors.Is(err, migrations.ErrNewer) {
			t.Errorf("%v, want %v", err, migrations.ErrNewer)
		}
	})
}

// Several processes start at once on one new database.
func TestManyOpenAndMigrateAtOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		done := make(chan error)
		for i := range 6 {
			go func() { done <- openAndUse(t, url, i) }()
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if links := unbroken(t, storetest.Open(t, url)); len(links) != 6 {
			t.Errorf("%d events, want 6", len(links))
		}
	})
}

func openAndUse(t *testing.T, url string, i int) error {
	s, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	_, err = s.Migrate(t.Context())
	p := newPerson(string(rune('a'+i)), noon())
	return errors.Join(err, s.Ready(t.Context()), tryChange(t.Context(), s, p.insert), s.Close())
}
