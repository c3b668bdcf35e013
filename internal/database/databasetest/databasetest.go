// Package databasetest gives tests fresh databases of every engine.
package databasetest

import (
	"net/url"
	"path/filepath"
	"testing"

	"github.com/bine-ml/bine/internal/database"
)

// Each runs check on a fresh database of every engine, as subtests.
func Each(t *testing.T, check func(t *testing.T, db *database.DB)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { check(t, SQLite(t)) })
	t.Run("MariaDB", func(t *testing.T) { check(t, MariaDB(t)) })
}

// SQLite gives a fresh database in a file.
func SQLite(t testing.TB) *database.DB {
	t.Helper()
	return open(t, SQLiteAddress(t))
}

// SQLiteAddress is the address of a database that is not there yet.
func SQLiteAddress(t testing.TB) string {
	t.Helper()
	return (&url.URL{Scheme: "sqlite", Path: filepath.Join(t.TempDir(), "data", "bine.db")}).String()
}

// MariaDB gives a fresh database on a private server that is started once for
// a test binary and ends with it. Where no server is installed the test is
// skipped, but fails when CI is set.
func MariaDB(t testing.TB) *database.DB {
	t.Helper()
	return open(t, MariaDBAddress(t))
}

func open(t testing.TB, address string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}
