package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// mostPrepared bounds how many statements are kept prepared.
const mostPrepared = 1000

// Prepared answers queries on the pool of a database by statements that are
// prepared once. It is for texts that are asked very often; where a statement
// cannot be had, the pool answers, or says why not.
type Prepared struct {
	pool   *sql.DB
	local  bool // the engine is in this process: no query of one row is worth the means to break it off
	mu     sync.RWMutex
	cached map[string]*sql.Stmt
}

// NewPrepared makes a Prepared without statements.
func NewPrepared(db *DB) *Prepared { return &Prepared{pool: db.read, local: db.dialect == SQLite} }

func (p *Prepared) get(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	stmt := p.cached[query]
	p.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if stmt := p.cached[query]; stmt != nil {
		return stmt, nil
	}
	if len(p.cached) >= mostPrepared {
		return nil, fmt.Errorf("more than %d statements were prepared", mostPrepared)
	}
	stmt, err := p.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if p.cached == nil {
		p.cached = map[string]*sql.Stmt{}
	}
	p.cached[query] = stmt
	return stmt, nil
}

// QueryContext answers a query by its prepared statement.
func (p *Prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := p.get(ctx, query)
	if err != nil {
		return p.pool.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext answers a query of one row by its prepared statement.
func (p *Prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := p.get(ctx, query)
	if err != nil {
		return p.pool.QueryRowContext(ctx, query, args...)
	}
	if p.local && ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	return stmt.QueryRowContext(ctx, args...)
}

// Texts are the statements that are prepared now.
func (p *Prepared) Texts() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Sorted(maps.Keys(p.cached))
}

// Close gives the statements back.
func (p *Prepared) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, stmt := range p.cached {
		err = errors.Join(err, stmt.Close())
	}
	p.cached = nil
	return err
}
