package dfs

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// flagSealed is the bit of node.flags of a project's directory that has or had
// keys: what is written to it may be sealed. It stays when that is turned off.
const flagSealed = 64

// Encryption says how what is written to a project is sealed.
type Encryption struct {
	On   bool
	Keys []KeyVersion // the last first; those that were used before still open what they sealed
}

// KeyVersion is a key of a project.
type KeyVersion struct {
	Version int64 // counts from 1
	Used    bool  // what is written now is sealed with it
	Made    time.Time
}

// Encryption tells how what is written to a project is sealed.
func (t *Tree) Encryption(ctx context.Context, user User, project bine.ProjectName) (Encryption, error) {
	c, err := t.find(ctx, user, ProjectPath(project))
	if err != nil {
		return Encryption{}, err
	}
	e, err := t.encryption(ctx, t.reader(ctx), c.last())
	return e, t.db.Explain(err)
}

func (t *Tree) encryption(ctx context.Context, q database.Reader, project *node) (e Encryption, err error) {
	if project.flags&flagSealed == 0 {
		return e, nil
	}
	rows, err := q.QueryContext(ctx, "SELECT version, used, made FROM dfs_keys WHERE project_id = ? ORDER BY version DESC", project.id)
	if err != nil {
		return e, fmt.Errorf("list the keys of %s: %w", project.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var k KeyVersion
		var made int64
		if err := rows.Scan(&k.Version, &k.Used, &made); err != nil {
			return e, err
		}
		k.Made = database.Time(made)
		e.On = e.On || k.Used
		e.Keys = append(e.Keys, k)
	}
	return e, rows.Err()
}

// Encrypt says whether what is written to a project from now on is sealed; with
// rotate, that it is so with a new key. What was written before stays as it is, and
// can be read: Relocate seals it as well. Data Owners of the project say so. Where
// Options.Sealed is set, nobody turns it off.
func (t *Tree) Encrypt(ctx context.Context, user User, project bine.ProjectName, on, rotate bool) (Encryption, error) {
	path := ProjectPath(project)
	parts, err := split(path)
	if err != nil {
		return Encryption{}, err
	}
	switch {
	case !user.Super && (user.Project != project || user.Role != bine.DataOwner):
		return Encryption{}, bine.Errorf(bine.Forbidden, "%s: how its files are sealed is said by its Data Owners", path)
	case !on && rotate:
		return Encryption{}, bine.Errorf(bine.Invalid, "%s: a new key is of no use to files that are not sealed", path)
	case !on && t.o.Sealed:
		return Encryption{}, bine.Errorf(bine.Forbidden, "%s: this installation seals the files of all projects", path)
	case on && t.o.Keys == nil:
		return Encryption{}, bine.Errorf(bine.Invalid, "%s: this program was given no key to seal with", path)
	}
	var e Encryption
	err = t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.directory(ctx, tx, user, parts)
		if err != nil {
			return err
		}
		n := c.last()
		if e, err = t.encryption(ctx, tx, n); err != nil || e.On == on && !rotate {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE dfs_keys SET used = 0 WHERE project_id = ?", n.id); err != nil {
			return err
		}
		if on {
			if err := t.addKey(ctx, tx, n, e); err != nil {
				return err
			}
		}
		e, err = t.encryption(ctx, tx, n)
		return err
	})
	return e, t.db.Explain(err)
}

// addKey makes the key that is used from now on.
func (t *Tree) addKey(ctx context.Context, tx *sql.Tx, n *node, e Encryption) error {
	if n.flags&flagSealed == 0 {
		n.flags |= flagSealed
		if _, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = ? WHERE parent_id = ? AND name = ?", n.flags, n.parent, n.name); err != nil {
			return err
		}
	}
	version := int64(1)
	if len(e.Keys) > 0 {
		version = e.Keys[0].Version + 1
	}
	key := make([]byte, 32)
	rand.Read(key)
	wrapped, err := t.o.Keys.Seal(string(key), keyPlace(n.id, version))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO dfs_keys (project_id, version, wrapped, used, made, retired) VALUES (?, ?, ?, 1, ?, 0)", n.id, version, wrapped, t.now())
	return err
}

// retireKeys says of a project's keys that the project is gone: each is destroyed
// when no block of another project needs it any more.
func (t *Tree) retireKeys(ctx context.Context, tx *sql.Tx, project int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE dfs_keys SET used = 0, retired = ? WHERE project_id = ?", t.now(), project)
	return err
}

// keyNeededFor is for how long a retired key that is still needed is not looked at again.
const keyNeededFor = time.Hour

// destroyKeys destroys up to limit keys of projects that are gone: without them
// nobody reads what they sealed, in whatever copy of the blocks.
func (t *Tree) destroyKeys(ctx context.Context, limit int) (int, error) {
	numbers, err := columnOf[int64](t.reader(ctx).QueryContext(ctx, "SELECT id FROM dfs_keys WHERE retired > 0 AND retired <= ? ORDER BY retired LIMIT ?", t.now(), limit))
	if err != nil {
		return 0, err
	}
	destroyed := 0
	for _, number := range numbers {
		gone, err := t.destroyKey(ctx, number)
		if err != nil {
			return destroyed, err
		}
		if gone {
			destroyed++
		}
	}
	return destroyed, nil
}

// destroyKey destroys a key, unless a block of a file needs it or a copy is being
// made, which may take blocks back that no file has.
func (t *Tree) destroyKey(ctx context.Context, number int64) (gone bool, err error) {
	err = t.db.Write(ctx, func(tx *sql.Tx) error {
		var needed int64
		like := fmt.Sprintf("%%.%d", number)
		err := tx.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM dfs_clones) + (SELECT COUNT(*) FROM (SELECT 1 FROM dfs_blocks WHERE block_id LIKE ? OR block_id LIKE ? LIMIT 1) b)", like, like+"@%").Scan(&needed)
		if err != nil {
			return err
		}
		if gone = needed == 0; gone {
			_, err = tx.ExecContext(ctx, "DELETE FROM dfs_keys WHERE id = ?", number)
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE dfs_keys SET retired = ? WHERE id = ?", t.now()+keyNeededFor.Microseconds(), number)
		return err
	})
	if gone && err == nil {
		t.keys.opened.Delete(number)
	}
	return gone, err
}
