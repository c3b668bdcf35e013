package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	driver "github.com/go-sql-driver/mysql"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/mysql" // registers "mysql8"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	mysqlschema "go.temporal.io/server/schema/mysql/v8"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"

	"github.com/bine-ml/bine"
)

const (
	mainFile       = "temporal.db"
	visibilityFile = "visibility.db"
)

// stores are where a server keeps what it knows.
type stores struct {
	main, visibility *config.SQL
	shards           int32    // fixed for the life of the main store
	files            []string // SQLite files among them
}

// prepareStores makes the stores in dir, or the main one in the MySQL database
// at address, and brings their schemas up to date. Visibility is always SQLite,
// in a file of its own: it is rewritten often, and can be made again.
func prepareStores(ctx context.Context, dir, address string, lg log.Logger) (stores, error) {
	want, err := wantedSchema(ctx)
	if err != nil {
		return stores{}, fmt.Errorf("read Temporal's schema: %w", err)
	}
	s := stores{shards: 1}
	if s.visibility, err = s.prepareSQLite(ctx, filepath.Join(dir, visibilityFile), want); err != nil {
		return stores{}, err
	}
	if address == "" {
		s.main, err = s.prepareSQLite(ctx, filepath.Join(dir, mainFile), want)
		return s, err
	}
	s.shards = 4
	if s.main, err = parseMySQL(address); err != nil {
		return stores{}, err
	}
	if err := prepareMySQL(ctx, s.main, lg); err != nil {
		return stores{}, fmt.Errorf("prepare the MySQL database %s of Temporal: %w", s.main.DatabaseName, err)
	}
	return s, nil
}

// prepareSQLite makes or repairs a file and gives the server's way to it. More
// than one connection would halve the throughput, for the sake of locks.
func (s *stores) prepareSQLite(ctx context.Context, file string, want *tables) (*config.SQL, error) {
	made, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) // SQLite itself would let others read it
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", file, err)
	}
	info, err := made.Stat()
	if err := errors.Join(err, made.Close()); err != nil {
		return nil, fmt.Errorf("make %s: %w", file, err)
	}
	if err := want.apply(ctx, file); err != nil {
		return nil, err
	}
	s.files = append(s.files, file)
	attributes := map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "normal", "busy_timeout": "10000"}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		// The server never closes its connections, and finds them again by their
		// settings. This one, which SQLite ignores, keeps it from finding those to
		// a file of the same name that is gone.
		attributes["bine_inode"] = strconv.FormatUint(uint64(stat.Ino), 10)
	}
	return &config.SQL{
		PluginName: sqlite.PluginName, DatabaseName: file, MaxConns: 1, MaxIdleConns: 1, ConnectAttributes: attributes,
	}, nil
}

// checkpoint moves what is in the write-ahead logs into the files.
func (s stores) checkpoint(ctx context.Context) error {
	var faults []error
	for _, file := range s.files {
		db, err := open(file)
		if err == nil {
			_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("checkpoint %s: %w", file, err))
		}
	}
	return errors.Join(faults...)
}

// parseMySQL reads mysql://user:password@host:port/database?attribute=value; the
// attribute socket is the path of a socket that stands for host and port.
func parseMySQL(address string) (*config.SQL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "mysql" || u.Host == "" || len(u.Path) < 2 || strings.Contains(u.Path[1:], "/") {
		return nil, bine.Errorf(bine.Invalid, "the store of Temporal must look like mysql://user:password@host:port/database") // without what was given: it holds a password
	}
	host := u.Host
	if u.Port() == "" {
		host += ":3306"
	}
	password, _ := u.User.Password()
	cfg := &config.SQL{
		PluginName: mysql.PluginName, User: u.User.Username(), Password: password,
		ConnectAddr: host, ConnectProtocol: "tcp", DatabaseName: u.Path[1:],
		MaxConns: 20, MaxIdleConns: 20, ConnectAttributes: make(map[string]string),
	}
	for name, values := range u.Query() {
		cfg.ConnectAttributes[name] = values[0]
	}
	if socket := u.Query().Get("socket"); socket != "" {
		cfg.ConnectProtocol, cfg.ConnectAddr = "unix", socket
		delete(cfg.ConnectAttributes, "socket")
	}
	return cfg, nil
}

// prepareMySQL creates the database where it is missing and brings it to the
// schema of this server, by Temporal's own versioned migrations.
func prepareMySQL(ctx context.Context, cfg *config.SQL, lg log.Logger) error {
	if err := isolate(ctx, cfg); err != nil {
		return err
	}
	boot := *cfg
	boot.ConnectAttributes = maps.Clone(cfg.ConnectAttributes)
	if err := sqltool.DoCreateDatabase(&boot, "", lg); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	conn, err := sqltool.NewConnection(cfg, lg)
	if err != nil {
		return err
	}
	defer conn.Close()
	found, err := conn.ReadSchemaVersion()
	switch {
	case err != nil: // a fresh database
		if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, lg).Run(); err != nil {
			return fmt.Errorf("set up schema: %w", err)
		}
	case newer(found, mysqlschema.Version):
		return bine.Errorf(bine.Conflict, "the database %s has Temporal's schema %s, and this program knows %s; use the newer program", cfg.DatabaseName, found, mysqlschema.Version)
	}
	return schema.NewUpdateSchemaTask(conn, &schema.UpdateConfig{DBName: cfg.DatabaseName, SchemaName: "mysql/v8/temporal"}, lg).Run()
}

// isolate sets the isolation level under the name that the server has for it:
// MariaDB kept the old one, MySQL 8 knows the new one only. It also waits for no
// server that is not there.
func isolate(ctx context.Context, cfg *config.SQL) error {
	dsn := driver.NewConfig()
	dsn.User, dsn.Passwd, dsn.Net, dsn.Addr = cfg.User, cfg.Password, cfg.ConnectProtocol, cfg.ConnectAddr
	dsn.TLSConfig = cfg.ConnectAttributes["tls"]
	db, err := sql.Open("mysql", dsn.FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return bine.Errorf(bine.Unavailable, "the MySQL server at %s: %w", cfg.ConnectAddr, err)
	}
	if strings.Contains(version, "MariaDB") {
		cfg.ConnectAttributes["tx_isolation"] = "'READ-COMMITTED'"
	}
	return nil
}
