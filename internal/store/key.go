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
	Created    int64   `gorm:"column:created_at"`
	Expires    *int64  `gorm:"column:expires_at"`
	Used       *int64  `gorm:"column:used_at"`
	Sealed     *string // the secret, of a key for S3
}

// TableName names the table.
func (keyRow) TableName() string { return "api_keys" }

func (r keyRow) key() bine.Key {
	return bine.Key{ID: r.ID, Name: r.Name, User: r.UserName, Scopes: r.Scopes.V, Project: text[bine.ProjectName](r.Project),
		CreatedAt: database.Time(r.Created), ExpiresAt: maybe(r.Expires), UsedAt: maybe(r.Used), S3: r.Sealed != nil}
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

// Holder is what a key says of who presents it.
type Holder struct {
	Key    bine.Key // without its name, and when it was made
	Secret bine.Hash
	Admin  bool
	Role   bine.Role // in the project that is asked about; empty for none
}

// holder asks at once for all that admits a request.
const holder = "SELECT k.user_name, k.scopes, k.project, k.secret_hash, k.expires_at, k.used_at, u.admin, m.role" +
	" FROM api_keys k JOIN users u ON u.name = k.user_name LEFT JOIN members m ON m.project = ? AND m.user_name = k.user_name WHERE k.id = ?"

// KeyHolder gives a key with the hash of its secret, and how its user stands to a
// project, which may be empty.
func (s *Store) KeyHolder(ctx context.Context, id string, project bine.ProjectName) (Holder, error) {
	row, h := keyRow{ID: id}, Holder{}
	var role *bine.Role
	err := s.point(ctx).QueryRowContext(ctx, holder, project, id).Scan(&row.UserName, &row.Scopes, &row.Project, &h.Secret, &row.Expires, &row.Used, &h.Admin, &role)
	if err != nil {
		return h, forDomain(s.db.Explain(err), named("key", id))
	}
	h.Key = row.key()
	h.Key.CreatedAt = time.Time{}
	if role != nil {
		h.Role = *role
	}
	return h, nil
}

// SealKey keeps the sealed secret of a key beside its hash.
func (s *Store) SealKey(ctx context.Context, id, sealed string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := gorm.G[keyRow](t.gorm()).Where("id = ?", id).Update(ctx, "sealed", sealed)
		if err == nil && n == 0 {
			err = bine.Errorf(bine.NotFound, "there is no key %q", id)
		}
		return forDomain(err, "key")
	})
}

// SealedKey gives the sealed secret of a key, or NotFound where it has none.
func (s *Store) SealedKey(ctx context.Context, id string) (string, error) {
	var sealed *string
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT sealed FROM api_keys WHERE id = ?", id).Scan(&sealed)
	if err == nil && sealed == nil {
		return "", bine.Errorf(bine.NotFound, "the key %q is none for S3", id)
	}
	if err != nil {
		return "", forDomain(s.db.Explain(err), named("key", id))
	}
	return *sealed, nil
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
