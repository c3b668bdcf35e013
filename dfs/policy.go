package dfs

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/internal/database"
)

// flagPolicy says of a directory that dfs_policies has a row for it.
const flagPolicy = 4

// The bounds of what a policy and a file may have.
const (
	MaxInline    = 1 << 20 // bytes of a file that may lie in the database
	MinBlockSize = 1 << 20
	MaxBlockSize = 1 << 30
)

// The policies by which directories keep what is written below them.
const (
	Hot    = "HOT"    // small files in the database, as the installation has it
	DB     = "DB"     // files up to MaxInline, too
	Blocks = "BLOCKS" // none
)

// Policies are all that can be set without tiers. Each tier that the installation
// has beside the first is a policy, too, by its name in capitals, as HDFS has COLD.
func Policies() []string { return []string{Hot, DB, Blocks} }

// policies are all that can be set.
func (t *Tree) policies() []string {
	all := Policies()
	for _, name := range slices.Sorted(maps.Keys(t.tiers)) {
		all = append(all, strings.ToUpper(name))
	}
	return all
}

// Policy says how what is written below a directory is kept. What was written
// before stays as it is until it is written again.
type Policy struct {
	Name string
	// Inline is up to how many bytes of a file, or its end, lie in the database;
	// when one is set, -1 is what goes with the name.
	Inline int64
	// BlockSize is of what size blocks are at most; 0 is that of the installation.
	BlockSize int64
	// Tier names the tier that blocks come into; empty is the first.
	Tier string
	Path string // of the directory that it is set for; empty for the installation's
}

// CheckBlockSize says what is wrong with a block size that was asked for; 0 is none.
func CheckBlockSize(size int64) error {
	if size != 0 && (size < MinBlockSize || size > MaxBlockSize || size%512 != 0) { // as HDFS has it
		return bine.Errorf(bine.Invalid, "a block size of %d bytes is not possible: it goes from %d to %d by 512", size, MinBlockSize, MaxBlockSize)
	}
	return nil
}

func (t *Tree) checkPolicy(dir string, p *Policy) error {
	switch p.Name = strings.ToUpper(p.Name); {
	case !slices.Contains(t.policies(), p.Name) && block.CheckTier(strings.ToLower(p.Name)) == nil:
		return bine.Errorf(bine.Invalid, "%s: there is no policy %s: this installation has no tier %s; use one of %s", dir, p.Name, strings.ToLower(p.Name), strings.Join(t.policies(), ", "))
	case !slices.Contains(t.policies(), p.Name):
		return bine.Errorf(bine.Invalid, "%s: there is no policy %.40q: use one of %s", dir, p.Name, strings.Join(t.policies(), ", "))
	case p.Inline < -1 || p.Inline > MaxInline:
		return bine.Errorf(bine.Invalid, "%s: at most %d bytes of a file can lie in the database, not %d", dir, MaxInline, p.Inline)
	}
	return CheckBlockSize(p.BlockSize)
}

// installed is how files are kept where no directory says otherwise.
func (t *Tree) installed() Policy { return Policy{Name: Hot, Inline: t.o.Inline} }

// InstalledPolicies gives all policies as they are where a directory has only the name of one.
func (t *Tree) InstalledPolicies() []Policy {
	var all []Policy
	for _, name := range t.policies() {
		all = append(all, t.complete(Policy{Name: name, Inline: -1}))
	}
	return all
}

// complete fills in what goes with the name.
func (t *Tree) complete(p Policy) Policy {
	if !slices.Contains(Policies(), p.Name) {
		p.Tier = strings.ToLower(p.Name)
	}
	if p.Inline >= 0 {
		return p
	}
	switch p.Inline = t.o.Inline; p.Name {
	case DB:
		p.Inline = max(MaxInline, t.o.Inline)
	case Blocks:
		p.Inline = 0
	}
	return p
}

// decides gives the index of the nearest directory on c that has a policy, or -1.
func (c *chain) decides() int {
	for i := len(c.nodes) - 1; i >= 0; i-- {
		if c.nodes[i].flags&flagPolicy != 0 {
			return i
		}
	}
	return -1
}

// policy is how what c leads to is kept. It is asked for only where a directory has one.
func (t *Tree) policy(ctx context.Context, q database.Reader, c *chain) (Policy, error) {
	at := c.decides()
	if at < 0 {
		return t.installed(), nil
	}
	p := Policy{Path: join(c.parts, at)}
	err := q.QueryRowContext(ctx, "SELECT name, inline_limit, block_size FROM dfs_policies WHERE inode_id = ?", c.nodes[at].id).Scan(&p.Name, &p.Inline, &p.BlockSize)
	if err == sql.ErrNoRows { // it was taken away meanwhile
		return t.installed(), nil
	}
	if err != nil {
		return p, fmt.Errorf("read the policy of %s: %w", p.Path, err)
	}
	return t.complete(p), nil
}

// Policy gives how what is at path is kept, or would be if it were written now.
func (t *Tree) Policy(ctx context.Context, user User, path string) (Policy, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return Policy{}, err
	}
	p, err := t.policy(ctx, t.reader(ctx), c)
	if user.foreign(c) && strings.Count(p.Path, "/") < 3 {
		p.Path = ""
	}
	return p, t.db.Explain(err)
}

// SetPolicy says how what is written below a directory is kept from now on; the
// zero policy leaves that to the directories above it.
func (t *Tree) SetPolicy(ctx context.Context, user User, dir string, p Policy) error {
	parts, err := split(dir)
	if err != nil {
		return err
	}
	if err := user.mayLimit(parts, Quota{}); err != nil && (len(parts) != 2 || user.Role != bine.DataOwner || user.Project != projectOf(parts)) {
		return err
	}
	if p != (Policy{}) {
		if err := t.checkPolicy(dir, &p); err != nil {
			return err
		}
	}
	return t.write(ctx, dir, func(tx *sql.Tx) error {
		c, err := t.directory(ctx, tx, user, parts)
		if err != nil {
			return err
		}
		n := c.last()
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_policies WHERE inode_id = ?", n.id); err != nil {
			return err
		}
		flags := n.flags &^ flagPolicy
		if p != (Policy{}) {
			flags |= flagPolicy
			if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_policies (inode_id, name, inline_limit, block_size) VALUES (?, ?, ?, ?)", n.id, p.Name, p.Inline, p.BlockSize); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = ? WHERE parent_id = ? AND name = ?", flags, n.parent, n.name)
		return err
	})
}

// blockSize is of what size the blocks of a file are at most.
func (t *Tree) blockSize(n *node) int64 { return cmp.Or(n.block, t.o.BlockSize) }

// named fills in the names of policies of a directory's entries; nothing is asked
// for where no directory has one.
func (t *Tree) named(ctx context.Context, c *chain, entries []Info, own []int64) error {
	if c.decides() >= 0 {
		p, err := t.policy(ctx, t.reader(ctx), c)
		if err != nil {
			return err
		}
		for i := range entries {
			entries[i].Policy = p.Name
		}
	}
	if len(own) == 0 {
		return nil
	}
	return inBatches(own, func(batch []int64) error {
		ids := make([]any, len(batch))
		for i, id := range batch {
			ids[i] = id
		}
		rows, err := t.reader(ctx).QueryContext(ctx, "SELECT inode_id, name FROM dfs_policies WHERE inode_id IN ("+marks(len(ids))+")", ids...)
		if err != nil {
			return err
		}
		defer rows.Close()
		names := map[int64]string{}
		for rows.Next() {
			var id int64
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return err
			}
			names[id] = name
		}
		for i := range entries {
			if name := names[entries[i].ID]; name != "" {
				entries[i].Policy = name
			}
		}
		return rows.Err()
	})
}
