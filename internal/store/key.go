package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type keyRow struct {
	ID         string `gorm:"primaryKey"`
	Name       string
	UserName   bine.UserName
	Scopes     doc[[]bine.Scope]
	Project    *string
	SecretHash bine.Hash
	Created    int64  `gorm:"column:created_at"`
	Expires    *int64 `gorm:"column:expires_at"`
	Used       *int64 `gorm:"column:used_at"`
}

// TableName names the table.
func (keyRow) TableName() string { return "api_keys" }

func (r keyRow) key() bine.Key {
	return bine.Key{ID: r.ID, Name: r.Name, User: r.UserName, Scopes: r.Scopes.V, Project: text[bine.ProjectName](r.Project),
		CreatedAt: database.Time(r.Created), ExpiresAt: maybe(r.Expires), UsedAt: maybe(r.Used)}
}

// CreateKey keeps an API key with the hash of its secret.
func (s *Store) CreateKey(ctx context.Context, k bine.Key, secretHash bine.Hash) error {
	err := s.write(ctx, func(t *tx) error {
		row := keyRow{ID: k.ID, Name: k.Name, UserName: k.User, Scopes: docOf(k.Scopes), Project: orNull(k.Project), SecretHash: secretHash,
			Created: orNow(k.CreatedAt, t.now), Expires: micros(k.ExpiresAt), Used: micros(k.UsedAt)}
		return gorm.G[keyRow](t.gorm()).Create(ctx, &row)
	})
	switch {
	case s.db.IsForeign(err):
		return bine.Errorf(bine.NotFound, "there is no user %q or no project %q", string(k.User), string(k.Project))
	case s.db.IsDuplicate(err):
		return bine.Errorf(bine.Conflict, "there is a key with this id already: make another")
	}
	return forDomain(err, "key")
}

// Key gives a key and the hash of its secret.
func (s *Store) Key(ctx context.Context, id string) (bine.Key, bine.Hash, error) {
	var row keyRow
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT id, name, user_name, scopes, project, secret_hash, created_at, expires_at, used_at FROM api_keys WHERE id = ?", id).
		Scan(&row.ID, &row.Name, &row.UserName, &row.Scopes, &row.Project, &row.SecretHash, &row.Created, &row.Expires, &row.Used)
	return row.key(), row.SecretHash, forDomain(s.db.Explain(err), named("key", id))
}

// Keys gives the keys of a user, newest first.
func (s *Store) Keys(ctx context.Context, user bine.UserName) ([]bine.Key, error) {
	found, err := gorm.G[keyRow](s.read(ctx)).Where("user_name = ?", user).Order("created_at DESC, id").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.Key, len(found))
	for i, r := range found {
		list[i] = r.key()
	}
	return list, nil
}

// DeleteKey removes a key of a user.
func (s *Store) DeleteKey(ctx context.Context, user bine.UserName, id string) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(named("key", id), "DELETE FROM api_keys WHERE id = ? AND user_name = ?", id, user)
	})
}

// TouchKey notes that a key was used. One that is gone is no error.
func (s *Store) TouchKey(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE api_keys SET used_at = ? WHERE id = ?", database.Micros(at), id)
		return err
	})
}
