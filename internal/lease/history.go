package lease

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// GrantsOf gives the grants of an attempt and of its gang, also those that
// ended, by host.
func (l *Ledger) GrantsOf(ctx context.Context, attempt bine.AttemptID) ([]bine.GrantRecord, error) {
	v := view{l.db.Reader(ctx), ctx}
	var all []bine.GrantRecord
	for from := 0; ; from += ranksAtOnce {
		ids := make([]any, ranksAtOnce)
		for i := range ids {
			ids[i] = attempt.Member(from + i)
		}
		found, err := v.grants("WHERE attempt IN ("+places(len(ids))+") ORDER BY host, device", ids...)
		if err != nil || len(found) == 0 {
			return all, l.db.Explain(err)
		}
		all = append(all, found...)
	}
}

// ranksAtOnce is of how many processes of a gang is asked at once.
const ranksAtOnce = 64

// NoteAskedBack writes down when those on a host were asked to make room, so
// that it is known when they are gone. The same again is harmless.
func (l *Ledger) NoteAskedBack(ctx context.Context, host bine.HostName) error {
	return l.db.Write(ctx, func(q *sql.Tx) error {
		_, err := q.ExecContext(l.db.Inside(ctx), `INSERT INTO lease_notes (attempt, kind, at, project, note)
SELECT l.attempt, 'asked_back', l.asked_back, l.project, l.back_for FROM leases l WHERE l.host = ? AND l.asked_back IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM lease_notes n WHERE n.attempt = l.attempt AND n.kind = 'asked_back' AND n.at = l.asked_back)`, host)
		return err
	})
}

// AskedBackAt says when an attempt was last asked to make room; nil is never.
func (l *Ledger) AskedBackAt(ctx context.Context, attempt bine.AttemptID) (*time.Time, error) {
	var at int64
	err := l.db.Reader(ctx).QueryRowContext(ctx, "SELECT at FROM lease_notes WHERE attempt = ? AND kind = 'asked_back' ORDER BY at DESC LIMIT 1", attempt).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return new(database.Time(at)), l.db.Explain(err)
}
