package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const transferColumns = "project, name, number, direction, connector, path, files, state, reason, position, revision, copied, bytes, skipped, failed, omitted, current, moving, created_by, created_at, ended_at"

// TransferAt is a transfer with the place up to which it has copied.
type TransferAt struct {
	bine.Transfer
	Position string // of the walk; empty at the beginning
	Revision int64  // moves with Position
	number   int64
}

func scanTransfer(row interface{ Scan(...any) error }) (t TransferAt, err error) {
	var created int64
	var ended *int64
	err = row.Scan(&t.Project, &t.ID, &t.number, &t.Direction, &t.Connector, &t.Path, &t.Files, &t.State, &t.Reason, &t.Position, &t.Revision,
		&t.Copied, &t.Bytes, &t.Skipped, &t.Failed, &t.Omitted, &t.Current, &t.Moving, &t.CreatedBy, &created, &ended)
	t.CreatedAt, t.EndedAt = database.Time(created), maybe(ended)
	return t, err
}

// AcceptTransfer makes a transfer. A key that was used in the project before
// answers the transfer of then, with created false.
func (s *Store) AcceptTransfer(ctx context.Context, v bine.Transfer, key string) (made bine.Transfer, created bool, err error) {
	if len(key) > longestKey {
		return made, false, bine.Errorf(bine.Invalid, "the idempotency key is %d characters long; at most %d are allowed", len(key), longestKey)
	}
	for range 5 { // again when another request made one in between
		err = s.write(ctx, func(t *tx) (err error) {
			made, created, err = t.acceptTransfer(v, key)
			return err
		})
		if !s.db.IsDuplicate(err) {
			break
		}
	}
	return made, created, forDomain(s.db.Explain(err), named("transfer of project", v.Project))
}

func (t *tx) acceptTransfer(v bine.Transfer, key string) (bine.Transfer, bool, error) {
	if key != "" {
		old, err := scanTransfer(t.row("SELECT "+transferColumns+" FROM transfers WHERE project = ? AND request = ?", v.Project, key))
		if !errors.Is(err, sql.ErrNoRows) {
			if err == nil && (old.Direction != v.Direction || old.Connector != v.Connector || old.Path != v.Path || old.Files != v.Files) {
				err = bine.Errorf(bine.Conflict, "the idempotency key was used for another transfer, %s: use a new key", old.ID)
			}
			return old.Transfer, false, err
		}
	}
	var number int
	if err := t.row("SELECT COALESCE(MAX(number), 0) + 1 FROM transfers WHERE project = ?", v.Project).Scan(&number); err != nil {
		return v, false, err
	}
	v.ID, v.State, v.CreatedAt = bine.NewTransferID(v.Direction, number), bine.TransferRunning, database.Time(t.now)
	_, err := t.exec("INSERT INTO transfers ("+transferColumns+", request) VALUES "+in(22), v.Project, v.ID, number, v.Direction, v.Connector, v.Path, v.Files,
		v.State, "", "", 0, 0, 0, 0, 0, 0, "", 0, v.CreatedBy, t.now, nil, orNull(key))
	if err == nil {
		t.event(v.Project, objectTransfer, string(v.ID), string(v.State))
	}
	return v, true, err
}

// Transfer gives a transfer.
func (s *Store) Transfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) (bine.Transfer, error) {
	t, err := s.TransferAt(ctx, project, id)
	return t.Transfer, err
}

// TransferAt gives a transfer with the place up to which it has copied.
func (s *Store) TransferAt(ctx context.Context, project bine.ProjectName, id bine.TransferID) (TransferAt, error) {
	t, err := scanTransfer(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+transferColumns+" FROM transfers WHERE project = ? AND name = ?", project, id))
	return t, forDomain(s.db.Explain(err), named("transfer", id))
}

func (s *Store) queryTransfers(ctx context.Context, where string, args ...any) ([]TransferAt, error) {
	rows, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+transferColumns+" FROM transfers WHERE "+where, args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer rows.Close()
	var list []TransferAt
	for rows.Next() {
		t, err := scanTransfer(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, s.db.Explain(rows.Err())
}

// Transfers gives transfers of a project, newest first. after is the next of
// the page before, empty for the first.
func (s *Store) Transfers(ctx context.Context, project bine.ProjectName, after string, limit int) (list []bine.Transfer, next string, err error) {
	where, args := "project = ?", []any{project}
	if after != "" {
		number, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of transfers: use what the page before gave as next", after)
		}
		where, args = where+" AND number < ?", append(args, number)
	}
	found, err := s.queryTransfers(ctx, where+" ORDER BY number DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = strconv.FormatInt(found[limit-1].number, 10)
	}
	for _, t := range found {
		list = append(list, t.Transfer)
	}
	return list, next, nil
}

// UnfinishedTransfers gives the transfers of all projects that were accepted
// before a time and have not ended, oldest first.
func (s *Store) UnfinishedTransfers(ctx context.Context, before time.Time) (list []bine.Transfer, err error) {
	found, err := s.queryTransfers(ctx, "state IN (?, ?) AND created_at < ? ORDER BY created_at, project, name", bine.TransferRunning, bine.TransferCancelling, database.Micros(before))
	for _, t := range found {
		list = append(list, t.Transfer)
	}
	return list, err
}

// MoveTransfer changes the state of a transfer that is in one of from.
func (s *Store) MoveTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID, from []bine.TransferState, to bine.TransferState, reason string) error {
	return s.write(ctx, func(t *tx) error {
		set, args := "state = ?, reason = ?", []any{to, reason}
		if to.Ended() {
			set, args = set+", ended_at = ?, current = '', moving = 0", append(args, t.now)
		}
		n, err := t.exec("UPDATE transfers SET "+set+" WHERE project = ? AND name = ? AND state IN "+in(len(from)), append(append(args, project, id), values(from)...)...)
		if err != nil {
			return err
		}
		changed, err := moved(n, named("transfer", id), to, func() (is bine.TransferState, err error) {
			return is, t.row("SELECT state FROM transfers WHERE project = ? AND name = ?", project, id).Scan(&is)
		})
		if changed {
			t.event(project, objectTransfer, string(id), string(to))
		}
		return err
	})
}

// RestartTransfer lets a transfer that did not succeed begin anew: what is there
// already it will pass over.
func (s *Store) RestartTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE transfers SET state = ?, reason = '', position = '', revision = revision + 1, copied = 0, bytes = 0, skipped = 0, failed = 0, omitted = 0, ended_at = NULL WHERE project = ? AND name = ? AND state IN (?, ?)",
			bine.TransferRunning, project, id, bine.TransferFailed, bine.TransferCancelled)
		if err != nil {
			return err
		}
		changed, err := moved(n, named("transfer", id), bine.TransferRunning, func() (is bine.TransferState, err error) {
			return is, t.row("SELECT state FROM transfers WHERE project = ? AND name = ?", project, id).Scan(&is)
		})
		if err != nil || !changed {
			return err
		}
		t.event(project, objectTransfer, string(id), string(bine.TransferRunning))
		_, err = t.exec("DELETE FROM transfer_faults WHERE project = ? AND transfer = ?", project, id)
		return err
	})
}

// mostFaults is how many faults are kept of a transfer; all are counted.
const mostFaults = 1000

// AdvanceTransfer writes down that what lies between two positions was copied:
// made is added to what the transfer has done. Who comes with another revision
// than the row's is not the one who copies now, and gets a Conflict.
func (s *Store) AdvanceTransfer(ctx context.Context, at TransferAt, position string, made bine.Progress, faults []bine.TransferFault) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE transfers SET position = ?, revision = revision + 1, copied = copied + ?, bytes = bytes + ?, skipped = skipped + ?, failed = failed + ?, omitted = omitted + ?, current = '', moving = 0, reason = '' WHERE project = ? AND name = ? AND revision = ? AND state IN (?, ?)",
			position, made.Copied, made.Bytes, made.Skipped, made.Failed, made.Omitted, at.Project, at.ID, at.Revision, bine.TransferRunning, bine.TransferCancelling)
		if err != nil {
			return err
		}
		if n == 0 {
			return bine.Errorf(bine.Conflict, "transfer %q is copied by somebody else", string(at.ID))
		}
		return t.putFaults(at, faults)
	})
}

func (t *tx) putFaults(at TransferAt, faults []bine.TransferFault) error {
	if len(faults) == 0 {
		return nil
	}
	var there int
	if err := t.row("SELECT COALESCE(MAX(number), 0) FROM transfer_faults WHERE project = ? AND transfer = ?", at.Project, at.ID).Scan(&there); err != nil {
		return err
	}
	for _, f := range faults {
		if there++; there > mostFaults {
			return nil
		}
		if _, err := t.exec("INSERT INTO transfer_faults (project, transfer, number, path, reason, at) VALUES "+in(6), at.Project, at.ID, there, f.Path, f.Reason, t.now); err != nil {
			return err
		}
	}
	return nil
}

// ShowTransfer writes down what a transfer is at, and why it waits if it does,
// and answers the state that it is in. It is for people to see only.
func (s *Store) ShowTransfer(ctx context.Context, at TransferAt, current string, moving int64, reason string) (state bine.TransferState, err error) {
	err = s.write(ctx, func(t *tx) error {
		if _, err := t.exec("UPDATE transfers SET current = ?, moving = ?, reason = CASE WHEN state = ? THEN ? ELSE reason END WHERE project = ? AND name = ? AND revision = ?",
			current, moving, bine.TransferRunning, reason, at.Project, at.ID, at.Revision); err != nil {
			return err
		}
		return forDomain(t.row("SELECT state FROM transfers WHERE project = ? AND name = ?", at.Project, at.ID).Scan(&state), named("transfer", at.ID))
	})
	return state, err
}

// TransferFaults gives the files that a transfer did not copy, at most the first 1,000.
func (s *Store) TransferFaults(ctx context.Context, project bine.ProjectName, id bine.TransferID) ([]bine.TransferFault, error) {
	rows, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT path, reason, at FROM transfer_faults WHERE project = ? AND transfer = ? ORDER BY number", project, id)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer rows.Close()
	var list []bine.TransferFault
	for rows.Next() {
		var f bine.TransferFault
		var at int64
		if err := rows.Scan(&f.Path, &f.Reason, &at); err != nil {
			return nil, err
		}
		f.At = database.Time(at)
		list = append(list, f)
	}
	return list, s.db.Explain(rows.Err())
}
