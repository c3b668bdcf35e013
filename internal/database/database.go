// Package database opens the one database of an installation, SQLite or MySQL,
// brings its schema up to date, and hands out reads and write transactions to
// the packages that keep rows in it: store, lease and dfs.
//
// It promises that a write is atomic and on disk when Write returns, that a
// transaction which lost a race is run again, and that a database written by a
// newer program is left as it is. Times are kept as microseconds since 1970
// UTC on both engines (Micros, Time), JSON as text, and text compares byte by byte.
package database

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"time"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
)

// Dialect names the engine, for the few statements that differ.
type Dialect string

// The engines.
const (
	SQLite Dialect = "sqlite"
	MySQL  Dialect = "mysql"
)

// ForUpdate ends a SELECT within Write whose rows must not change until the
// transaction ends. SQLite has one writer and needs nothing.
func (d Dialect) ForUpdate() string {
	if d == MySQL {
		return " FOR UPDATE"
	}
	return ""
}

// Options are the settings of a database that have defaults.
type Options struct {
	// Readers is how many connections read at once. Default 8 on SQLite; on
	// MySQL it bounds those for reads and transactions, default 32, and half as
	// many are for packets.
	Readers int
}

// DB is an open database.
type DB struct {
	dialect Dialect
	read    *sql.DB
	write   *sql.DB // the same as read on MySQL
	packets *sql.DB // the same server for Packet; nil on SQLite
	gorm    *gorm.DB
	gormTx  *gorm.DB // without a connection of its own
	queue   *queue   // of writers; nil on MySQL
}

// Open opens the database that address names and brings its schema up to date:
//
//	sqlite:///absolute/path/file.db
//	mysql://user:password@host:port/name?tls=true
//
// The file is made where it is missing, with its directory, for its owner
// only; a MySQL database has to exist. A schema newer than this program's is a Conflict.
func Open(ctx context.Context, address string, opts Options) (*DB, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the database address cannot be read: write sqlite:///absolute/path/file.db or mysql://user:password@host:3306/name, and percent-encode special characters of the password")
	}
	var db *DB
	switch u.Scheme {
	case "sqlite":
		db, err = openSQLite(ctx, u, opts)
	case "mysql":
		db, err = openMySQL(ctx, u, opts)
	default:
		return nil, bine.Errorf(bine.Invalid, "there is no database engine %q: use sqlite:///absolute/path/file.db or mysql://user:password@host:3306/name", u.Scheme)
	}
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		_ = db.Close()
		return nil, db.Explain(err)
	}
	return db, nil
}

// Close waits for what is running and closes the database. On SQLite the
// write-ahead log is merged into the file first.
func (db *DB) Close() error {
	if db.dialect == MySQL {
		return errors.Join(db.packets.Close(), db.read.Close())
	}
	err := db.read.Close()
	if _, fault := db.write.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err == nil {
		err = fault
	}
	if fault := db.write.Close(); err == nil {
		err = fault
	}
	return err
}

// Dialect says which engine it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Read is the pool for reads. On SQLite its connections refuse to write.
func (db *DB) Read() *sql.DB { return db.read }

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.Explain(db.read.PingContext(ctx)) }

// Micros is how a time is kept in a column.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time is the time that a column keeps.
func Time(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
