package database

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/bine-ml/bine"
)

// migrations holds one sequence of schema changes, each written for both
// engines under the same number.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date. A migration of SQLite is applied whole
// or not at all; MySQL commits each statement, so there each one is written to be repeatable.
func (db *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations/"+string(db.dialect))
	if err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if db.dialect == MySQL {
		dialect = goose.DialectMySQL
		unlock, err := lockMigrations(ctx, db.write)
		if err != nil {
			return err
		}
		defer unlock()
	}
	provider, err := goose.NewProvider(dialect, db.write, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()), goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return bine.Errorf(bine.Conflict, "the database has schema %d, but this program knows only %d: it was used by a newer program; install that one, or a later one. Nothing was changed", have, want)
	}
	if pending, err := provider.HasPending(ctx); err != nil || !pending {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

// lockMigrations keeps several servers that start at once from changing the schema together.
func lockMigrations(ctx context.Context, pool *sql.DB) (unlock func(), err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('bine-', LEFT(DATABASE(), 50)), 120)").Scan(&got); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if got.Int64 != 1 {
		_ = conn.Close()
		return nil, bine.Errorf(bine.Unavailable, "another server has been changing the schema for two minutes: try again when it is done")
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT RELEASE_LOCK(CONCAT('bine-', LEFT(DATABASE(), 50)))")
		_ = conn.Close()
	}, nil
}
