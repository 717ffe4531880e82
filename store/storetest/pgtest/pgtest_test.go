package pgtest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestEachURLIsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, URL(t))
			if _, err := conn.Exec(t.Context(), "CREATE TABLE only_once (id int)"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDatabaseIsGoneAfterItsTest(t *testing.T) {
	var url string
	t.Run("inner", func(t *testing.T) { url = URL(t) })
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		conn.Close(t.Context())
		t.Fatal("the database outlived its test")
	}
}

func TestPasswordIsWanted(t *testing.T) {
	config, err := pgx.ParseConfig(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "wrong"
	_, err = pgx.ConnectConfig(t.Context(), config)
	if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Fatalf("with a wrong password: %v, want a refusal 28P01", err)
	}
}

// The test binary starts itself, the child starts a cluster, and is killed.
func TestClusterEndsWithAKilledBinary(t *testing.T) {
	if os.Getenv("PGTEST_CHILD") != "" {
		serveUntilKilled(t)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestClusterEndsWithAKilledBinary$")
	child.Env = append(os.Environ(), "PGTEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	dir := lines.Text()
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the child's cluster: %v", err)
	}
	child.Process.Kill()
	child.Wait()
	awaitGone(t, dir)
}

// The script of the leash removes the folder after the server has ended, so
// that a folder that is gone is a server that is gone.
func awaitGone(t *testing.T, dir string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s outlived its test binary", dir)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func serveUntilKilled(t *testing.T) {
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString(c.dir + "\n")
	select {}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}
