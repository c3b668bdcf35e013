package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"github.com/bine-ml/bine"
)

// The errors of MySQL that mean something here.
const (
	mysqlDiskFull        = 1021
	mysqlNull            = 1048
	mysqlDuplicate       = 1062
	mysqlTableFull       = 1114
	mysqlLockWait        = 1205
	mysqlDeadlock        = 1213
	mysqlMissingParent   = 1452
	mysqlRowIsReferenced = 1451
	mysqlCheck           = 3819
	mariaCheck           = 4025
)

// IsDuplicate reports whether err says that a row with the same primary or
// unique key is there already.
func (db *DB) IsDuplicate(err error) bool {
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		return e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey || e.ExtendedCode == sqlite3.ErrConstraintRowID
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == mysqlDuplicate
	}
	return errors.Is(err, gorm.ErrDuplicatedKey)
}

// IsNull reports whether err says that a column which cannot be NULL was to be.
// On SQLite no statement asks for it.
func (db *DB) IsNull(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == mysqlNull
}

// IsForeign reports whether err says that a row refers to one that is not there,
// or would be left without the one that it refers to.
func (db *DB) IsForeign(err error) bool {
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		return e.ExtendedCode == sqlite3.ErrConstraintForeignKey
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == mysqlMissingParent || e.Number == mysqlRowIsReferenced
	}
	return errors.Is(err, gorm.ErrForeignKeyViolated)
}

// IsCheck reports whether err says that a row would break a check of its table.
func (db *DB) IsCheck(err error) bool {
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		return e.ExtendedCode == sqlite3.ErrConstraintCheck
	}
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && (e.Number == mysqlCheck || e.Number == mariaCheck)
}

// Explain gives an error of the engine that callers can act on its kind and a
// sentence: a full disk, a server that cannot be reached. Others pass as they are.
func (db *DB) Explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		switch {
		case e.Code == sqlite3.ErrFull, e.SystemErrno == syscall.ENOSPC, e.SystemErrno == syscall.EDQUOT:
			return bine.Errorf(bine.NoQuota, "the disk that holds the database is full: free some space and try again (%w)", err)
		case e.Code == sqlite3.ErrBusy, e.Code == sqlite3.ErrLocked:
			return bine.Errorf(bine.Unavailable, "the database is locked by another program: try again (%w)", err)
		case e.Code == sqlite3.ErrNotADB, e.Code == sqlite3.ErrCorrupt:
			return bine.Errorf(bine.Internal, "the database file is damaged or is no SQLite database: restore it from a backup (%w)", err)
		}
		return err
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch e.Number {
		case mysqlDiskFull, mysqlTableFull:
			return bine.Errorf(bine.NoQuota, "the disk of the MySQL server is full: free some space there and try again (%w)", err)
		case mysqlLockWait, mysqlDeadlock:
			return bine.Errorf(bine.Unavailable, "the database is too busy: try again (%w)", err)
		}
		return err
	}
	if _, ok := errors.AsType[net.Error](err); ok && !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) {
		return bine.Errorf(bine.Unavailable, "the database server cannot be reached: try again (%w)", err)
	}
	return err
}

// explainSystem does the same for the operating system.
func explainSystem(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return bine.Errorf(bine.NoQuota, "there is no space for the database: %w", err)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS):
		return bine.Errorf(bine.Forbidden, "the database may not be written: %w", err)
	}
	return err
}

// transient reports whether a transaction that failed so may be run again.
func transient(err error) bool {
	if e, ok := errors.AsType[sqlite3.Error](err); ok {
		return e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number == mysqlDeadlock || e.Number == mysqlLockWait
	}
	return errors.Is(err, driver.ErrBadConn)
}
