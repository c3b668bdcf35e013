package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mattn/go-sqlite3"
	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/bine-ml/bine"
)

// What every connection is set to. A commit reaches the disk before it is
// answered (FULL): what was promised to a client survives a power cut.
const sqliteSettings = "_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=10000&_cache_size=-16000&_stmt_cache_size=256"

// sqliteConnector opens connections to one file, without a driver in the
// process-wide table: others in this process register their own.
type sqliteConnector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
}

// Connect opens one more connection.
func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver gives the driver.
func (c sqliteConnector) Driver() driver.Driver { return c.driver }

func openSQLite(ctx context.Context, u *url.URL, opts Options) (*DB, error) {
	if u.Host != "" || !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/") {
		return nil, bine.Errorf(bine.Invalid, "%q names no file: write sqlite:///absolute/path/file.db, with three slashes", u.String())
	}
	if err := makePrivate(u.Path); err != nil {
		return nil, explainSystem(err)
	}
	file := "file:" + (&url.URL{Path: u.Path}).EscapedPath() + "?" + sqliteSettings
	write := sql.OpenDB(sqliteConnector{new(sqlite3.SQLiteDriver), file + "&_txlock=immediate"})
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	read := sql.OpenDB(sqliteConnector{new(sqlite3.SQLiteDriver), file + "&_query_only=on"})
	readers := opts.Readers
	if readers <= 0 {
		readers = max(8, runtime.NumCPU())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	db := &DB{dialect: SQLite, read: read, write: write, queue: newQueue()}
	err := write.PingContext(ctx)
	if err == nil {
		err = db.openGorm(gormsqlite.Dialector{Conn: read}, gormsqlite.Dialector{Conn: write})
	}
	if err != nil {
		_ = db.Close()
		return nil, db.Explain(err)
	}
	return db, nil
}

// makePrivate makes the file, and its directory, for its owner only. SQLite
// gives its other files the mode of this one.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (db *DB) openGorm(read, write gorm.Dialector) (err error) {
	config := func(prepare bool) *gorm.Config {
		return &gorm.Config{SkipDefaultTransaction: true, TranslateError: true, PrepareStmt: prepare, DisableAutomaticPing: true, Logger: quiet{}}
	}
	if db.gorm, err = gorm.Open(read, config(true)); err != nil {
		return err
	}
	db.gormTx, err = gorm.Open(write, config(false))
	return err
}
