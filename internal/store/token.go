package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bine-ml/bine"
)

// PutToken keeps the hash of an attempt's job token, for the user under whose
// name the process acts. A newer token replaces the one before.
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

// TokenAttempt gives the attempt that a job token is good for, and the user it
// acts for; only while the attempt has not ended.
func (s *Store) TokenAttempt(ctx context.Context, hash bine.Hash) (bine.Attempt, bine.UserName, bool, error) {
	var user bine.UserName
	a, err := scanAttempt(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+attemptColumns+", user_name FROM job_tokens JOIN attempts ON attempts.id = job_tokens.attempt WHERE hash = ? AND ended_at IS NULL", hash), &user)
	if errors.Is(err, sql.ErrNoRows) {
		return bine.Attempt{}, "", false, nil
	}
	return a, user, err == nil, s.db.Explain(err)
}
