package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bine-ml/bine"
)

// PutToken keeps the hash of an attempt's job token, for the user under whose
// name the process acts. A newer token replaces the one before. It is kept when the
// attempt ends, so that who comes with it is told why it is not good.
func (s *Store) PutToken(ctx context.Context, hash bine.Hash, attempt bine.AttemptID, user bine.UserName) error {
	return s.write(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM job_tokens WHERE attempt = ?", attempt); err != nil {
			return err
		}
		n, err := t.exec("INSERT INTO job_tokens (hash, attempt, user_name) SELECT ?, id, ? FROM attempts WHERE id = ? AND ended_at IS NULL", hash, user, attempt)
		if err == nil && n == 0 {
			return bine.Errorf(bine.Fenced, "attempt %q has ended or is not there: it gets no token", string(attempt))
		}
		return err
	})
}

// TokenAttempt gives the attempt that a job token was made for, and the user it
// acts for. good says that the attempt has not ended; of a token that nobody
// has, or that another has replaced, the attempt is the zero one.
func (s *Store) TokenAttempt(ctx context.Context, hash bine.Hash) (a bine.Attempt, user bine.UserName, good bool, err error) {
	a, err = scanAttempt(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+attemptColumns+", user_name FROM job_tokens JOIN attempts ON attempts.id = job_tokens.attempt WHERE hash = ?", hash), &user)
	if errors.Is(err, sql.ErrNoRows) {
		return bine.Attempt{}, "", false, nil
	}
	return a, user, err == nil && a.EndedAt == nil, s.db.Explain(err)
}

type fenceKey struct{}

// ByAttempt makes every write under the context that it gives one of the process
// of an attempt: it is Fenced when the attempt has ended by then, however long
// ago its token was looked at. With no id it is nobody's.
func ByAttempt(ctx context.Context, id bine.AttemptID) context.Context {
	return context.WithValue(ctx, fenceKey{}, id)
}

// fence is an error where what is written comes from an attempt that has ended.
func (t *tx) fence(ctx context.Context) error {
	id, is := ctx.Value(fenceKey{}).(bine.AttemptID)
	if !is || id == "" {
		return nil
	}
	a, err := scanAttempt(t.row("SELECT "+attemptColumns+" FROM attempts WHERE id = ?"+t.db.Dialect().ForUpdate(), id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return bine.Errorf(bine.Fenced, "attempt %q is not there any more: what its process says is refused", string(id))
	case err == nil && a.EndedAt != nil:
		return a.Refused()
	}
	return err
}
