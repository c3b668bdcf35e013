package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"

	"github.com/bine-ml/bine"
)

// mysqlConnector opens connections and sets what has no variable of the same
// name on MySQL and MariaDB.
type mysqlConnector struct{ driver.Connector }

// Connect opens one more connection.
func (c mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", nil); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func openMySQL(ctx context.Context, u *url.URL, opts Options) (*DB, error) {
	config, err := mysqlConfig(u)
	if err != nil {
		return nil, err
	}
	conns := opts.Readers
	if conns <= 0 {
		conns = 32
	}
	pool, err := mysqlPool(config, conns)
	if err != nil {
		return nil, err
	}
	// Packets are several statements at once. Nothing but their fixed texts is
	// ever sent on connections that take those.
	config = config.Clone()
	config.MultiStatements = true
	packets, err := mysqlPool(config, max(1, conns/2))
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	db := &DB{dialect: MySQL, read: pool, write: pool, packets: packets}
	if err := pool.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, bine.Errorf(bine.Unavailable, "the MySQL server at %s does not let us in: %w", config.Addr, err)
	}
	dialector := gormmysql.New(gormmysql.Config{Conn: pool, SkipInitializeWithVersion: true})
	if err := db.openGorm(dialector, dialector); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func mysqlPool(config *mysql.Config, conns int) (*sql.DB, error) {
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the MySQL address is not right: %w", err)
	}
	pool := sql.OpenDB(mysqlConnector{connector})
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return pool, nil
}

// MySQLConfig is how the MySQL database that address names is connected to.
func MySQLConfig(address string) (*mysql.Config, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return mysqlConfig(u)
}

// mysqlConfig reads mysql://user:password@host:port/name?param=…; what the
// rest of the program relies on cannot be set by parameters.
func mysqlConfig(u *url.URL) (*mysql.Config, error) {
	base := mysql.NewConfig()
	base.User = u.User.Username()
	base.Passwd, _ = u.User.Password()
	base.DBName = strings.TrimPrefix(u.Path, "/")
	base.Net, base.Addr = "tcp", u.Host
	if u.Port() == "" {
		base.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	params := u.Query()
	if socket := params.Get("socket"); socket != "" {
		base.Net, base.Addr = "unix", socket
		params.Del("socket")
	}
	if base.User == "" || base.DBName == "" || strings.Contains(base.DBName, "/") || (u.Hostname() == "" && base.Net == "tcp") {
		return nil, bine.Errorf(bine.Invalid, "the MySQL address lacks a part: write mysql://user:password@host:3306/name")
	}
	dsn := base.FormatDSN()
	if extra := params.Encode(); extra != "" {
		joint := "?"
		if strings.Contains(dsn[strings.LastIndex(dsn, "/"):], "?") {
			joint = "&"
		}
		dsn += joint + extra
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "a parameter of the MySQL address is not right: %w", err)
	}
	config.Collation = "utf8mb4_bin"
	config.ParseTime = false
	config.MultiStatements = false
	config.ClientFoundRows = true   // a compare-and-set counts rows that matched
	config.InterpolateParams = true // one round trip instead of two
	config.Logger = &mysql.NopLogger{}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'"
	config.Params["innodb_lock_wait_timeout"] = "10"
	return config, nil
}
