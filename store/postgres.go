package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	driver "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/dagpass/dagpass/migrations"
)

const (
	// connections is how many one replica opens at most.
	connections = 16
	// connectTimeout holds unless the URL has a connect_timeout.
	connectTimeout = 10 * time.Second
	// stuckAfter ends the transaction of a replica that went silent in the
	// middle of it, and so frees the end of the audit chain for the others.
	stuckAfter = "30s"
)

func (s *Store) openPostgres(ctx context.Context, url string) error {
	s.dialect = migrations.Postgres
	c, err := postgresConfig(url)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*c, stdlib.OptionAfterConnect(prepare))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		return errors.Join(doing("open PostgreSQL", err), db.Close())
	}
	if s.write, err = gorm.Open(driver.New(driver.Config{Conn: db}), config()); err != nil {
		return errors.Join(err, db.Close())
	}
	s.read = s.write
	return nil
}

// prepare makes a new connection read times in UTC.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	_, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = '"+stuckAfter+"'")
	return err
}

const wantURL = "the database URL is not a PostgreSQL URL: want postgres://user:password@host:port/database, " +
	"with special characters of the password percent-encoded"

// postgresConfig reads the URL. In a URL that cannot be taken apart nobody
// knows which part is the password, so nothing of it is repeated; of any other
// only the cause, and only if the password is not in it.
func postgresConfig(raw string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return nil, errors.New(wantURL)
	}
	c, err := pgx.ParseConfig(raw)
	if err != nil {
		return nil, withoutSecrets(u, err)
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectTimeout)
	c.RuntimeParams["application_name"] = cmp.Or(c.RuntimeParams["application_name"], "dagpass")
	return c, nil
}

func withoutSecrets(u *url.URL, err error) error {
	var parse *pgconn.ParseConfigError
	if !errors.As(err, &parse) || parse.Unwrap() == nil {
		return errors.New(wantURL)
	}
	cause := parse.Unwrap().Error()
	password, _ := u.User.Password()
	for _, secret := range []string{password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if secret != "" && strings.Contains(cause, secret) {
			return errors.New(wantURL)
		}
	}
	return fmt.Errorf("the database URL cannot be used: %s", cause)
}
