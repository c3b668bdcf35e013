package dfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

// Problem is something that should not be: rows that contradict each other, or
// the block store.
type Problem struct {
	Inode int64  // 0 where it is of none
	Text  string // what is wrong
}

// CheckOptions say how much is looked at.
type CheckOptions struct {
	Content bool // read every file and compare all checksums, too
}

// Checked says what Check has looked at, and what it found.
type Checked struct {
	Inodes, Blocks int64
	Bytes          int64 // of content that was read
	Problems       []Problem
}

// mostProblems bounds a report; where there are more, the first ones tell enough.
const mostProblems = 1000

// rule is a query for rows that should not be: an inode, and what is said of it.
type rule struct{ query, text string }

// rules find contradictions between rows, each by itself.
func rules() []rule {
	return []rule{
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_inodes p ON p.id = i.parent_id WHERE p.id IS NULL AND i.parent_id NOT IN (0, " + fmt.Sprint(removedID, ", ", stagedID) + ")", "%q lies in a directory that is not there"},
		{"SELECT i.id, i.name FROM dfs_inodes i JOIN dfs_inodes p ON p.id = i.parent_id WHERE p.mode < 16384 OR p.mode >= 20480", "%q lies in something that is no directory"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_small s ON s.inode_id = i.id WHERE i.tail > 0 AND (s.inode_id IS NULL OR LENGTH(s.data) NOT IN (i.tail, i.tail + " + fmt.Sprint(smallOverhead) + ") OR s.version <> i.version)", "the end of %q that lies in the database is missing or another"},
		{"SELECT i.id, i.name FROM dfs_inodes i JOIN dfs_small s ON s.inode_id = i.id WHERE i.tail = 0", "%q has bytes in the database that belong to nothing"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN (SELECT inode_id, SUM(size) AS held, MIN(start) AS first, MAX(start + size) AS last FROM dfs_blocks GROUP BY inode_id) b ON b.inode_id = i.id WHERE i.size - i.tail <> COALESCE(b.held, 0) OR COALESCE(b.first, 0) <> 0 OR i.size - i.tail <> COALESCE(b.last, 0)", "the blocks of %q do not add up to its size"},
		{"SELECT b.inode_id, b.block_id FROM dfs_blocks b WHERE b.start > 0 AND NOT EXISTS (SELECT 1 FROM dfs_blocks a WHERE a.inode_id = b.inode_id AND a.start < b.start AND a.start + a.size = b.start)", "there is a gap before block %s"},
		{"SELECT b.inode_id, b.block_id FROM dfs_blocks b JOIN dfs_garbage g ON g.block_id = b.block_id", "block %s is of a file and garbage"},
		{"SELECT r.inode_id, r.inode_id FROM dfs_removed r LEFT JOIN dfs_inodes i ON i.id = r.inode_id AND i.parent_id = " + fmt.Sprint(removedID) + " WHERE i.id IS NULL", "the removed directory %s is not where removed ones are"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_removed r ON r.inode_id = i.id WHERE i.parent_id = " + fmt.Sprint(removedID) + " AND r.inode_id IS NULL", "the removed directory %s will never be reclaimed"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_clones c ON c.inode_id = i.id WHERE i.parent_id = " + fmt.Sprint(stagedID) + " AND c.inode_id IS NULL", "the copy %s that is not complete will never be reclaimed"},
		{"SELECT c.inode_id, c.inode_id FROM dfs_clones c JOIN dfs_inodes i ON i.id = c.inode_id WHERE i.parent_id <> " + fmt.Sprint(stagedID), "the copy %s is complete and is said not to be"},
		{"SELECT b.inode_id, b.block_id FROM dfs_blocks b JOIN (SELECT block_id FROM dfs_blocks GROUP BY block_id HAVING COUNT(*) > 1) m ON m.block_id = b.block_id JOIN dfs_inodes i ON i.id = b.inode_id LEFT JOIN dfs_shared_blocks s ON s.block_id = b.block_id WHERE s.block_id IS NULL OR i.flags & " + fmt.Sprint(flagShared) + " = 0", "block %s is of several files, and that is not noted"},
		{"SELECT 0, s.block_id FROM dfs_shared_blocks s LEFT JOIN dfs_blocks b ON b.block_id = s.block_id WHERE b.block_id IS NULL", "block %s is noted to be of several files, and is of none"},
		{"SELECT t.inode_id, t.path FROM dfs_trash t JOIN dfs_inodes i ON i.id = t.inode_id LEFT JOIN dfs_inodes p ON p.id = i.parent_id WHERE p.name IS NULL OR p.name <> '" + trashName + "'", "%q is listed in the trash and is not there"},
		{"SELECT a.inode_id, a.name FROM dfs_acls a LEFT JOIN dfs_inodes i ON i.id = a.inode_id WHERE i.id IS NULL OR (i.flags & 1) = 0", "the entry for %q of an access list belongs to nothing that is known to have one"},
		{"SELECT i.id, i.name FROM dfs_inodes i WHERE (i.flags & 1) = 1 AND NOT EXISTS (SELECT 1 FROM dfs_acls a WHERE a.inode_id = i.id)", "%q is said to have an access list and has none"},
		{"SELECT i.id, i.name FROM dfs_inodes i JOIN dfs_acls a ON a.inode_id = i.id WHERE a.inherited = 1 AND (i.mode < 16384 OR i.mode >= 20480)", "%q has default entries in its access list and is no directory"},
		{"SELECT i.id, i.name FROM dfs_inodes i JOIN dfs_acls a ON a.inode_id = i.id WHERE a.inherited = 0 GROUP BY i.id, i.name HAVING SUM(CASE WHEN a.type = 'group' AND a.name = '' THEN 1 ELSE 0 END) <> 1", "the access list of %q does not say what its group may do"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_links l ON l.inode_id = i.id WHERE i.mode >= 40960 AND i.mode < 45056 AND l.inode_id IS NULL", "the symbolic link %q leads nowhere"},
		{"SELECT i.id, i.name FROM dfs_inodes i JOIN dfs_links l ON l.inode_id = i.id WHERE i.mode < 40960 OR i.mode >= 45056 OR i.size <> 0", "%q is said to lead somewhere and is no symbolic link"},
		{"SELECT l.inode_id, i.name FROM dfs_limits l JOIN dfs_inodes i ON i.id = l.inode_id WHERE i.flags & 2 = 0", "%q has a quota that nobody looks at"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_limits l ON l.inode_id = i.id WHERE i.flags & 2 <> 0 AND l.inode_id IS NULL", "%q is said to have a quota and has none"},
		{"SELECT p.inode_id, i.name FROM dfs_policies p JOIN dfs_inodes i ON i.id = p.inode_id WHERE i.flags & 4 = 0", "%q has a policy that nobody looks at"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_policies p ON p.inode_id = i.id WHERE i.flags & 4 <> 0 AND p.inode_id IS NULL", "%q is said to have a policy and has none"},
		{"SELECT k.project_id, i.name FROM dfs_keys k JOIN dfs_inodes i ON i.id = k.project_id WHERE i.flags & 64 = 0", "%q has keys that nobody looks for"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_keys k ON k.project_id = i.id WHERE i.flags & 64 <> 0 AND k.id IS NULL", "%q is said to have keys and has none"},
		{"SELECT k.project_id, MIN(k.version) FROM dfs_keys k WHERE k.used = 1 GROUP BY k.project_id HAVING COUNT(*) > 1", "several keys are used at once, the first of them version %s"},
		{"SELECT k.id, k.version FROM dfs_keys k LEFT JOIN dfs_inodes i ON i.id = k.project_id WHERE i.id IS NULL AND k.retired = 0", "the key of version %s is of no project and is never destroyed"},
		{"SELECT l.inode_id, l.holder FROM dfs_leases l LEFT JOIN dfs_inodes i ON i.id = l.inode_id WHERE i.id IS NULL OR i.flags & " + fmt.Sprint(flagLeased) + " = 0 OR i.mode < 32768 OR i.mode >= 36864", "the lease that %q holds is of nothing that is known to have one"},
		{"SELECT i.id, i.name FROM dfs_inodes i LEFT JOIN dfs_leases l ON l.inode_id = i.id WHERE i.flags & " + fmt.Sprint(flagLeased) + " <> 0 AND l.inode_id IS NULL", "%q is said to have a lease and has none"},
	}
}

// countReachable counts the inodes that can be reached from the root; the others hang on nothing.
const countReachable = `WITH RECURSIVE below (id) AS (SELECT id FROM dfs_inodes WHERE parent_id IN (0, ?, ?)
UNION ALL SELECT i.id FROM below JOIN dfs_inodes i ON i.parent_id = below.id)
SELECT COUNT(*) FROM below`

// Check looks for what should not be, as fsck does, and changes nothing. It may
// run beside servers: what it finds it looks at once more, so that a change that
// was made meanwhile is no problem.
func (t *Tree) Check(ctx context.Context, o CheckOptions) (Checked, error) {
	var done Checked
	if err := t.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_inodes").Scan(&done.Inodes); err != nil {
		return done, t.db.Explain(err)
	}
	for _, look := range []func(context.Context) ([]Problem, error){t.checkRules, t.checkReachable, t.checkUsage, t.checkLimits} {
		found, err := look(ctx)
		if err == nil && len(found) > 0 {
			found, err = t.stillThere(ctx, found, look)
		}
		if err != nil {
			return done, t.db.Explain(fmt.Errorf("check the rows: %w", err))
		}
		done.Problems = append(done.Problems, found...)
	}
	if err := t.checkBlocks(ctx, &done); err != nil {
		return done, t.db.Explain(fmt.Errorf("check the blocks: %w", err))
	}
	if o.Content {
		if err := t.checkContent(ctx, &done); err != nil {
			return done, t.db.Explain(fmt.Errorf("check the content: %w", err))
		}
	}
	return done, nil
}

// stillThere looks again and keeps what is found again.
func (t *Tree) stillThere(ctx context.Context, first []Problem, look func(context.Context) ([]Problem, error)) ([]Problem, error) {
	second, err := look(ctx)
	if err != nil {
		return nil, err
	}
	before := map[Problem]bool{}
	for _, p := range first {
		before[p] = true
	}
	var both []Problem
	for _, p := range second {
		if before[p] {
			both = append(both, p)
		}
	}
	return both, nil
}

func (t *Tree) checkRules(ctx context.Context) (found []Problem, err error) {
	for _, r := range rules() {
		if found, err = t.checkRule(ctx, r, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (t *Tree) checkRule(ctx context.Context, r rule, found []Problem) ([]Problem, error) {
	rows, err := t.db.Read().QueryContext(ctx, r.query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.query, err)
	}
	defer rows.Close()
	for rows.Next() && len(found) < mostProblems {
		var inode int64
		var what string
		if err := rows.Scan(&inode, &what); err != nil {
			return nil, err
		}
		found = append(found, Problem{inode, fmt.Sprintf(r.text, what)})
	}
	return found, rows.Err()
}

func (t *Tree) checkReachable(ctx context.Context) ([]Problem, error) {
	var all, reachable int64
	if err := t.db.Read().QueryRowContext(ctx, countReachable, removedID, stagedID).Scan(&reachable); err != nil {
		return nil, err
	}
	if err := t.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_inodes").Scan(&all); err != nil {
		return nil, err
	}
	if reachable == all {
		return nil, nil
	}
	return []Problem{{0, fmt.Sprintf("%d of %d files and directories hang on nothing", all-reachable, all)}}, nil
}

// checkUsage compares what is counted for each project with what is there:
// below its directory, in removed trees that are not reclaimed yet, and in copies
// that are being made.
func (t *Tree) checkUsage(ctx context.Context) (found []Problem, err error) {
	rows, err := t.db.Read().QueryContext(ctx, "SELECT id, name FROM dfs_inodes WHERE parent_id = ?", projectsID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var projects []node
	for rows.Next() {
		var n node
		if err := rows.Scan(&n.id, &n.name); err != nil {
			return nil, err
		}
		projects = append(projects, n)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, n := range projects {
		counted, err := used(ctx, t.db.Read(), n.id)
		if err != nil {
			return nil, err
		}
		there, err := t.heldBy(ctx, n.id)
		if err != nil {
			return nil, err
		}
		if counted != there {
			found = append(found, Problem{n.id, fmt.Sprintf("project %s is said to hold %d bytes in %d files and %d directories, but holds %d in %d and %d",
				n.name, counted.Bytes, counted.Files, counted.Directories, there.Bytes, there.Files, there.Directories)})
		}
	}
	return found, nil
}

func (t *Tree) heldBy(ctx context.Context, project int64) (sum Usage, err error) {
	roots := []int64{project}
	rows, err := t.db.Read().QueryContext(ctx, "SELECT inode_id FROM dfs_removed WHERE project_id = ? UNION ALL SELECT inode_id FROM dfs_clones WHERE project_id = ?", project, project)
	if err != nil {
		return sum, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return sum, err
		}
		roots = append(roots, id)
		sum.Directories++
	}
	if err := rows.Err(); err != nil {
		return sum, err
	}
	for _, id := range roots {
		var u Usage
		if err := t.db.Read().QueryRowContext(ctx, countBelow, id).Scan(&u.Bytes, &u.Files, &u.Directories); err != nil {
			return sum, err
		}
		sum.Bytes, sum.Files, sum.Directories = sum.Bytes+u.Bytes, sum.Files+u.Files, sum.Directories+u.Directories
	}
	return sum, nil
}

// heldBlock is a block as a file names it.
type heldBlock struct {
	inode int64
	size  int64
	id    block.ID
}

// checkBlocks goes through the blocks that files name and those in the store
// side by side, both ordered by id.
func (t *Tree) checkBlocks(ctx context.Context, done *Checked) error {
	var held []heldBlock
	after := ""
	next := func() (err error) { // fills held where it is empty
		if len(held) > 0 || after == behindIDs {
			return nil
		}
		held, err = t.blocksAfter(ctx, after)
		if after = behindIDs; len(held) == batchSize {
			after = string(held[len(held)-1].id)
		}
		return err
	}
	for stat, err := range t.blocks.List(ctx) {
		if err != nil {
			return err
		}
		done.Blocks++
		for {
			if err := next(); err != nil {
				return err
			}
			if len(held) == 0 || held[0].id > stat.ID {
				break
			}
			h := held[0]
			if held = held[1:]; h.id < stat.ID {
				err = t.checkBlock(ctx, done, h)
			} else if h.size != stat.Size {
				done.Problems = append(done.Problems, Problem{h.inode, fmt.Sprintf("block %s has %d bytes and should have %d", h.id, stat.Size, h.size)})
			}
			if err != nil {
				return err
			}
		}
	}
	for {
		if err := next(); err != nil {
			return err
		}
		if len(held) == 0 {
			return nil
		}
		for _, h := range held {
			if err := t.checkBlock(ctx, done, h); err != nil {
				return err
			}
		}
		held = nil
	}
}

// behindIDs is behind the id of every block.
const behindIDs = "g"

func (t *Tree) blocksAfter(ctx context.Context, after string) (list []heldBlock, err error) {
	rows, err := t.db.Read().QueryContext(ctx, "SELECT MIN(inode_id), size, block_id FROM dfs_blocks WHERE block_id > ? GROUP BY block_id, size ORDER BY block_id LIMIT ?", after, batchSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var h heldBlock
		if err := rows.Scan(&h.inode, &h.size, &h.id); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// checkBlock looks at a block that was not listed: it may have been stored, or
// given up, since then.
func (t *Tree) checkBlock(ctx context.Context, done *Checked, h heldBlock) error {
	r, err := t.tiered.Open(ctx, h.id, 0, 1)
	if err == nil {
		return r.Close()
	}
	text := fmt.Sprintf("block %s is not in the store", h.id)
	if told := bine.KindOf(err); told == bine.Invalid { // its tier cannot be had
		text = err.Error()
	} else if !errors.Is(err, block.ErrNotExist) {
		return err
	}
	var named int
	if err := t.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_blocks WHERE block_id = ?", string(h.id)).Scan(&named); err != nil || named == 0 {
		return err
	}
	if len(done.Problems) < mostProblems {
		done.Problems = append(done.Problems, Problem{h.inode, text})
	}
	return nil
}

// checkContent reads every file, and with it compares every checksum.
func (t *Tree) checkContent(ctx context.Context, done *Checked) error {
	for after := int64(0); ; {
		files, err := t.filesAfter(ctx, after)
		if err != nil || len(files) == 0 {
			return err
		}
		for i := range files {
			if err := t.readThrough(ctx, &files[i], done); err != nil {
				return err
			}
		}
		after = files[len(files)-1].id
	}
}

func (t *Tree) filesAfter(ctx context.Context, after int64) (files []node, err error) {
	rows, err := t.db.Read().QueryContext(ctx, "SELECT parent_id, name, "+allColumns+" FROM dfs_inodes WHERE id > ? AND size > 0 ORDER BY id LIMIT ?", after, batchSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n node
		if err := rows.Scan(append([]any{&n.parent, &n.name}, n.all()...)...); err != nil {
			return nil, err
		}
		files = append(files, n)
	}
	return files, rows.Err()
}

// readThrough reads one file; one that changed meanwhile is left out.
func (t *Tree) readThrough(ctx context.Context, n *node, done *Checked) error {
	r, err := t.open(ctx, n.name, n, 0, 0)
	if errors.Is(err, errAgain) {
		return nil
	}
	if err == nil {
		var read int64
		read, err = io.Copy(io.Discard, r)
		done.Bytes += read
		r.Close()
	} else if kind := bine.KindOf(err); kind != bine.Internal && kind != bine.Invalid {
		return err
	}
	if ctx.Err() != nil || err == nil {
		return ctx.Err()
	}
	var version int64
	if again := t.db.Read().QueryRowContext(ctx, "SELECT version FROM dfs_inodes WHERE id = ?", n.id).Scan(&version); again != nil || version != n.version {
		return nil
	}
	if len(done.Problems) < mostProblems {
		done.Problems = append(done.Problems, Problem{n.id, err.Error()})
	}
	return nil
}

// Where gives the path of an inode; what lies in no project is told as such.
func (t *Tree) Where(ctx context.Context, inode int64) (string, error) {
	var parts []string
	for id := inode; id > 0 && id != rootID; {
		if id == removedID {
			return "(removed) " + strings.Join(parts, "/"), nil
		}
		var parent int64
		var name string
		if err := t.db.Read().QueryRowContext(ctx, "SELECT parent_id, name FROM dfs_inodes WHERE id = ?", id).Scan(&parent, &name); err != nil {
			return "(nowhere) " + strings.Join(parts, "/"), nil
		}
		if parts = append([]string{name}, parts...); len(parts) > MaxDepth {
			return "", bine.Errorf(bine.Internal, "inode %d lies in a circle", inode)
		}
		id = parent
	}
	return "/" + strings.Join(parts, "/"), nil
}
