package database

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Gorm reads through gorm: within Together from its transaction, else from the
// pool for reads. Only store may call it.
func (db *DB) Gorm(ctx context.Context) *gorm.DB {
	if j := joinedTo(ctx, db); j != nil {
		return db.GormTx(ctx, j.tx)
	}
	return db.gorm.WithContext(ctx)
}

// GormTx uses gorm within a transaction of Write. Only store may call it.
func (db *DB) GormTx(ctx context.Context, tx *sql.Tx) *gorm.DB {
	session := db.gormTx.Session(&gorm.Session{NewDB: true, Context: ctx})
	session.Statement.ConnPool = tx
	return session
}

// quiet keeps gorm from printing: errors are returned and logged where they are handled.
type quiet struct{}

func (q quiet) LogMode(logger.LogLevel) logger.Interface                      { return q }
func (quiet) Info(context.Context, string, ...any)                            {}
func (quiet) Warn(context.Context, string, ...any)                            {}
func (quiet) Error(context.Context, string, ...any)                           {}
func (quiet) Trace(context.Context, time.Time, func() (string, int64), error) {}
