package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Session is a signed-in browser. Only the hash of its secret is kept.
type Session struct {
	Hash      bine.Hash
	User      bine.UserName
	CreatedAt time.Time
	ExpiresAt time.Time
	Address   string // network address it was opened from
}

type sessionRow struct {
	Hash     bine.Hash `gorm:"primaryKey"`
	UserName bine.UserName
	Address  string
	Created  int64 `gorm:"column:created_at"`
	Expires  int64 `gorm:"column:expires_at"`
}

// TableName names the table.
func (sessionRow) TableName() string { return "sessions" }

// CreateSession keeps a session, and forgets those that have expired.
func (s *Store) CreateSession(ctx context.Context, v Session) error {
	err := s.write(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM sessions WHERE expires_at < ?", t.now); err != nil {
			return err
		}
		row := sessionRow{Hash: v.Hash, UserName: v.User, Address: v.Address, Created: orNow(v.CreatedAt, t.now), Expires: database.Micros(v.ExpiresAt)}
		return gorm.G[sessionRow](t.gorm()).Create(ctx, &row)
	})
	if s.db.IsForeign(err) {
		return missing(named("user", v.User))
	}
	return forDomain(err, "session")
}

// Session gives the session with the hash, also one that has expired.
func (s *Store) Session(ctx context.Context, hash bine.Hash) (Session, error) {
	r, err := gorm.G[sessionRow](s.read(ctx)).Where("hash = ?", hash).Take(ctx)
	if err != nil {
		return Session{}, forDomain(s.db.Explain(err), "session")
	}
	return Session{Hash: r.Hash, User: r.UserName, Address: r.Address, CreatedAt: database.Time(r.Created), ExpiresAt: database.Time(r.Expires)}, nil
}

// ExtendSession lets a session last longer.
func (s *Store) ExtendSession(ctx context.Context, hash bine.Hash, until time.Time) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("session", "UPDATE sessions SET expires_at = ? WHERE hash = ?", database.Micros(until), hash)
	})
}

// DeleteSession ends a session. One that is not there is no error.
func (s *Store) DeleteSession(ctx context.Context, hash bine.Hash) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM sessions WHERE hash = ?", hash)
		return err
	})
}

// DeleteSessions ends all sessions of a user but the one with the hash except.
func (s *Store) DeleteSessions(ctx context.Context, user bine.UserName, except bine.Hash) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM sessions WHERE user_name = ? AND hash <> ?", user, except)
		return err
	})
}
