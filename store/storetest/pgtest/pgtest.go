package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Install is the line to type where PostgreSQL is missing.
const Install = "apt-get install -y postgresql-15"

var errMissing = errors.New("PostgreSQL is not installed; type: " + Install)

// One cluster serves the whole test binary: a test that starts its own would
// wait two thirds of a second for it.
var shared = sync.OnceValues(start)

var databases atomic.Int64

// URL returns the postgres:// URL of a new, empty database, which is dropped
// when t ends. It fails t where PostgreSQL is missing: a test that was asked
// for must not pass by being skipped.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, "template1")
}

func create(t testing.TB, like string) string {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := fmt.Sprintf("test%d", databases.Add(1))
	if err := c.exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+like); err != nil {
		t.Fatalf("pgtest: create database: %v", err)
	}
	t.Cleanup(func() { c.drop(t, name) })
	return c.url(name)
}

// A Template is a database that is made once for the test binary and copied for
// each test.
type Template struct {
	make func() error
	name string
}

// NewTemplate returns one that fill fills; nothing may be connected to it when
// fill returns.
func NewTemplate(name string, fill func(url string) error) *Template {
	return &Template{name: name, make: sync.OnceValue(func() error {
		c, err := shared()
		if err != nil {
			return err
		}
		if err := c.exec(context.Background(), "CREATE DATABASE "+name); err != nil {
			return err
		}
		return fill(c.url(name))
	})}
}

// URL returns the URL of a new copy, which is dropped when t ends.
func (m *Template) URL(t testing.TB) string {
	t.Helper()
	if err := m.make(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return create(t, m.name)
}

func (c *cluster) drop(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		t.Errorf("pgtest: drop database: %v", err)
	}
}

func (c *cluster) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (c *cluster) url(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s?sslmode=disable", c.password, c.port, database)
}
