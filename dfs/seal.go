package dfs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Sealer seals the keys of projects with that of the installation.
type Sealer interface {
	// Seal encrypts a secret, which opens for the same place only.
	Seal(secret, place string) (string, error)
	// Open gives a secret that was sealed for the place.
	Open(sealed, place string) (string, error)
}

// manner is how what is written to a path is kept.
type manner struct {
	Policy
	key int64 // that it is sealed with; 0 is none
}

// manner is how what is written to what c leads to is kept. Where no directory has
// a policy and the project never had a key, nothing is asked for.
func (t *Tree) manner(ctx context.Context, q database.Reader, c *chain) (m manner, err error) {
	if m.Policy, err = t.policy(ctx, q, c); err != nil {
		return m, err
	}
	if m.Tier != "" && !t.tiers[m.Tier] {
		return m, bine.Errorf(bine.Invalid, "%s: its policy %s is for the tier %q, which the configuration no longer has: set another policy, or add the tier again", c.path, m.Name, m.Tier)
	}
	m.key, err = t.keyNow(ctx, q, c.project())
	return m, err
}

// keyNow is the number of the key with which what is written to a project is sealed.
func (t *Tree) keyNow(ctx context.Context, q database.Reader, project *node) (number int64, err error) {
	if project == nil || project.flags&flagSealed == 0 {
		return 0, nil
	}
	err = q.QueryRowContext(ctx, "SELECT id FROM dfs_keys WHERE project_id = ? AND used = 1", project.id).Scan(&number)
	if err == sql.ErrNoRows {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the key of %s: %w", project.name, err)
	}
	return number, nil
}

// keyring holds keys that were opened, by their numbers. None ever changes.
type keyring struct{ opened sync.Map }

// keyPlace is what a key is bound to when it is sealed.
func keyPlace(project, version int64) string { return fmt.Sprintf("dfs/key/%d/%d", project, version) }

// BlockKey gives the key of a number.
func (t *Tree) BlockKey(ctx context.Context, number int64) ([]byte, error) {
	return t.keyOf(ctx, t.db.Read(), number)
}

// keyOf gives the key of a number as q sees it: a transaction sees keys that were
// made before it in the same commit, and that nobody remembers until it is done.
func (t *Tree) keyOf(ctx context.Context, q database.Reader, number int64) ([]byte, error) {
	if key, there := t.keys.opened.Load(number); there {
		return key.([]byte), nil
	}
	if t.o.Keys == nil {
		return nil, bine.Errorf(bine.Invalid, "it is sealed with a key, and the file that opens keys is not there: restore secret.key in the directory that the setting keys names")
	}
	var project, version int64
	var wrapped string
	err := q.QueryRowContext(ctx, "SELECT project_id, version, wrapped FROM dfs_keys WHERE id = ?", number).Scan(&project, &version, &wrapped)
	if err == sql.ErrNoRows {
		return nil, bine.Errorf(bine.Internal, "the key that it is sealed with was destroyed with its project: nobody can read it any more")
	}
	if err != nil {
		return nil, fmt.Errorf("read key %d: %w", number, err)
	}
	key, err := t.o.Keys.Open(wrapped, keyPlace(project, version))
	if err != nil {
		return nil, fmt.Errorf("open key %d: %w", number, err)
	}
	if _, inside := q.(*sql.Tx); !inside {
		t.keys.opened.Store(number, []byte(key))
	}
	return []byte(key), nil
}

// What lies in the database sealed is the number of the key and a salt, then the
// bytes by AES-256-GCM under a key that follows from both. The length tells it from
// plain bytes, which are as many as the tail of the inode says.
const (
	saltSize      = 16
	smallOverhead = 8 + saltSize + 16
)

func (t *Tree) smallCipher(ctx context.Context, q database.Reader, number int64, salt []byte) (cipher.AEAD, error) {
	key, err := t.keyOf(ctx, q, number)
	if err != nil {
		return nil, err
	}
	if key, err = hkdf.Key(sha256.New, key, salt, "bine small", 32); err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

// sealSmall seals bytes for the database; with key 0 it gives them as they are.
func (t *Tree) sealSmall(ctx context.Context, q database.Reader, data []byte, number int64) ([]byte, error) {
	if number == 0 {
		return data, nil
	}
	out := make([]byte, 8+saltSize, len(data)+smallOverhead)
	binary.BigEndian.PutUint64(out, uint64(number))
	rand.Read(out[8:])
	aead, err := t.smallCipher(ctx, q, number, out[8:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, make([]byte, aead.NonceSize()), data, out[:8]), nil // each salt makes another key: so one nonce will do
}

// openSmall gives the bytes of a file that lie in the database, which are as many
// as size says; errAgain where they are not.
func (t *Tree) openSmall(ctx context.Context, q database.Reader, data []byte, size int64) ([]byte, error) {
	number, sealed := sealedWith(data, size)
	if !sealed {
		if int64(len(data)) != size {
			return nil, errAgain
		}
		return data, nil
	}
	aead, err := t.smallCipher(ctx, q, number, data[8:8+saltSize])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), data[8+saltSize:], data[:8])
	if err != nil {
		return nil, bine.Errorf(bine.Internal, "what lies in the database is damaged: it is not what was sealed")
	}
	return plain, nil
}

// sealedWith says whether bytes in the database are sealed, and with which key.
func sealedWith(data []byte, size int64) (number int64, sealed bool) {
	if int64(len(data)) != size+smallOverhead {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(data)), true
}

// smallOf reads what lies in the database of a file, and opens it.
func (t *Tree) smallOf(ctx context.Context, q database.Reader, n *node) ([]byte, error) {
	var version int64
	var data []byte
	if err := q.QueryRowContext(ctx, "SELECT version, data FROM dfs_small WHERE inode_id = ?", n.id).Scan(&version, &data); err != nil {
		return nil, moved(err)
	}
	if version != n.version {
		return nil, errAgain
	}
	return t.openSmall(ctx, q, data, n.tail)
}
