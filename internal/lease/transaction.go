package lease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// tx is one transaction that holds the ledger. What it writes of leases and
// devices is gathered in rows, and sent before anything is read and at its end.
type tx struct {
	view
	mark
	l        *Ledger
	tx       talker
	talk     *database.Talk // that says several statements at once, where that can be
	now      int64
	last     int64    // place in the line, or turn, that was given last
	wasLast  int64    // at the beginning
	freed    []string // slots that somebody who waits may have now
	meter    meter
	accounts map[bine.ProjectName]usage // changes that are to be written down
	reserved *reservation               // the place that is kept; nil: none is
	moved    bool                       // reserved is to be written down
	joined   bool                       // to a transaction that goes on after it
	lingers  bool                       // whether processes of those that give back may still be there
	isHeld   bool                       // the ledger

	loaded    map[bine.AttemptID]*entry // read ahead; nil: there is none
	rows      rows
	end       []database.Statement // what a talk ends by; nil: it has not come there
	unsent    error                // of what could not be sent before something was read
	wrote     bool
	touched   map[bine.HostName]bool // hosts of which something was changed
	readAnew  bool                   // the picture was read whole
	tainted   bool                   // the picture was read after something was written
	undo      []func()               // what was changed on the picture
	kinds     []kind                 // that were granted
	counted   map[kind]float64       // that were written down
	confirmed func()                 // to be called when it is committed
}

// errStale says that rows are not as the picture has them. The transaction is
// run again, with another picture.
var errStale = bine.Errorf(bine.Unavailable, "the ledger of resources was changed by somebody who does not hold it: try again")

// write runs f while nobody else changes the ledger.
func (l *Ledger) write(ctx context.Context, f func(t *tx) error) error {
	return l.transact(ctx, []*job{{f: f}})
}

// transact runs jobs one after another in one transaction. The error of one undoes all.
func (l *Ledger) transact(ctx context.Context, jobs []*job) error {
	server := l.db.Packets(ctx)
	if server { // one connection waits for the ledger, not as many as there are who want it
		select {
		case l.gate <- struct{}{}:
			defer func() { <-l.gate }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var err error
	for range 2 {
		var t *tx
		if server {
			err = l.db.Talk(ctx, func(k database.Talk) (err error) {
				t, err = l.run(ctx, k, &k, jobs)
				return err
			})
		} else {
			err = l.db.Write(ctx, func(q *sql.Tx) (err error) {
				t, err = l.run(ctx, q, nil, jobs)
				return err
			})
		}
		if err == nil {
			l.db.OnCommit(ctx, t.confirmed)
		}
		if !errors.Is(err, errStale) || l.db.Joined(ctx) {
			break
		}
	}
	return err
}

// talker is where a transaction says its statements.
type talker interface {
	database.Reader
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// run is the inside of a transaction.
func (l *Ledger) run(ctx context.Context, q talker, talk *database.Talk, jobs []*job) (_ *tx, err error) {
	t := &tx{l: l, tx: q, talk: talk, now: database.Micros(l.now()), joined: l.db.Joined(ctx), touched: map[bine.HostName]bool{}}
	t.view = view{sending{t}, l.db.Inside(ctx)}
	if err := t.begin(jobs); err != nil {
		return nil, fmt.Errorf("hold the ledger: %w", err)
	}
	t.wasLast = t.last
	l.mu.Lock() // who has the row, or had it until its transaction was broken off
	defer l.mu.Unlock()
	done := false
	defer func() {
		if !done {
			t.revert(err)
		}
	}()
	if l.seen != nil && time.Since(l.seen.read) > keptFor {
		l.seen = nil
	}
	if err := t.start(l.halfLife); err != nil {
		return nil, fmt.Errorf("count usage: %w", err)
	}
	for _, j := range jobs {
		t.freed = nil
		if err := j.f(t); err != nil {
			return nil, err
		}
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	done = true
	return t, nil
}

// revert brings the picture back to where it was, or forgets it.
func (t *tx) revert(err error) {
	p := t.l.seen
	if p == nil {
		return
	}
	p.board.settle()
	if t.tainted || errors.Is(err, errStale) {
		t.l.seen = nil
		return
	}
	for _, undo := range slices.Backward(t.undo) {
		undo()
	}
	p.unsure, p.waits = true, true
}

// hold is the query that holds the ledger.
func (t *tx) hold() query {
	return query{database.Statement{Text: "SELECT last, version, stamp, usage_from, half_life, reserved FROM lease_ledger WHERE id = 1" + t.l.db.Dialect().ForUpdate()}, func(row scanner) error {
		var halfLife int64
		var reserved text[*reservation]
		err := row.Scan(&t.last, &t.version, &t.stamp, &t.meter.from, &halfLife, &reserved)
		t.meter.halfLife, t.reserved, t.isHeld = duration(halfLife), reserved.V, err == nil
		return err
	}}
}

// finish writes what is left, and another mark.
func (t *tx) finish() error {
	if t.unsent != nil {
		return t.unsent
	}
	if t.talk != nil {
		t.end = []database.Statement{{Text: "SET @bine_same = 1"}}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.settleAccounts(); err != nil {
		return err
	}
	t.confirmed = func() {}
	if !t.wrote && t.last == t.wasLast {
		t.end = nil
		return t.commit()
	}
	p := t.known()
	next := mark{t.version + 1, rand.Int64()}
	hosts := make([]any, 0, len(t.touched)+1)
	for name := range t.touched {
		hosts = append(hosts, name)
	}
	for some := range slices.Chunk(hosts, readAtOnce) {
		if err := t.sendOne("UPDATE lease_hosts SET changed = ? WHERE host IN ("+places(len(some))+")", append([]any{next.version}, some...)); err != nil {
			return err
		}
	}
	version := "?"
	if t.talk != nil {
		version = "IF(@bine_same = 1, ?, NULL)" // which it cannot be
	}
	if err := t.sendOne("UPDATE lease_ledger SET last = ?, version = "+version+", stamp = ? WHERE id = 1", []any{t.last, next.version, next.stamp}); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	t.confirmed = func() { t.l.confirm(next, t) }
	if p == nil {
		return nil
	}
	p.mark = next
	for name := range t.touched {
		p.touched[name] = true
	}
	return nil
}

// commit ends a talk; other transactions are committed by who has begun them.
func (t *tx) commit() error {
	if t.talk == nil {
		return nil
	}
	err := t.talk.Commit(t.ctx, t.end)
	if t.l.db.IsNull(err) || t.l.db.IsCheck(err) {
		return t.foreign(err)
	}
	return err
}

// foreign is the error where devices are not as the picture has them.
func (t *tx) foreign(err error) error {
	if !t.readAnew {
		return errStale
	}
	return bine.Errorf(bine.Internal, "devices were granted by somebody who does not hold the ledger: %w", err)
}

// confirm notes that a state was committed.
func (l *Ledger) confirm(m mark, t *tx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted(t.kinds, t.counted)
	if p := l.seen; p != nil && p.mark == m {
		p.base = m.version
		clear(p.touched)
	}
}

// exec runs a statement on anything but what rows gathers.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if err := t.flush(); err != nil {
		return 0, err
	}
	t.loaded, t.wrote = nil, true
	if t.l.seen != nil {
		t.l.seen.unsure = true
	}
	result, err := t.tx.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// touch notes that something of a host is changed, here and on the picture.
func (t *tx) touch(host bine.HostName) { t.touched[host] = true }

// reread notes that something of a host is changed that the picture does not follow.
func (t *tx) reread(host bine.HostName) {
	t.touch(host)
	if t.l.seen != nil {
		t.l.seen.stale[host] = true
	}
}

// sending reads what a transaction sees, after what it has gathered was sent.
type sending struct{ t *tx }

// QueryContext asks for rows.
func (s sending) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := s.t.flush(); err != nil {
		return nil, err
	}
	return s.t.tx.QueryContext(ctx, query, args...)
}

// QueryRowContext asks for one row. That something could not be sent before is
// told at the end of the transaction.
func (s sending) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	_ = s.t.flush()
	return s.t.tx.QueryRowContext(ctx, query, args...)
}
