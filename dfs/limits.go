package dfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// flagLimits says of a directory that dfs_limits has a row for it.
const flagLimits = 2

// limit is the quota of a directory on a chain.
type limit struct {
	id      int64 // of the limit; another one whenever it is set anew
	inode   int64
	path    string
	quota   Quota
	counted bool  // what was there before is in used
	project bool  // the directory is that of a project, whose usage is kept anyhow
	used    Usage // when it was read, and what this transaction added to it
}

// names is how many names count towards a quota: the directory's own does.
func (u Usage) names() int64 { return 1 + u.Files + u.Directories }

func (u Usage) add(v Usage) Usage {
	return Usage{Bytes: u.Bytes + v.Bytes, Files: u.Files + v.Files, Directories: u.Directories + v.Directories}
}

func (u Usage) negative() Usage {
	return Usage{Bytes: -u.Bytes, Files: -u.Files, Directories: -u.Directories}
}

// limitedAbove are the indexes of the directories with limits above what c leads to.
func (c *chain) limitedAbove() (at []int) {
	if c.project() == nil {
		return nil
	}
	for i := 2; i < min(len(c.nodes), len(c.parts)); i++ {
		if c.nodes[i].flags&flagLimits != 0 {
			at = append(at, i)
		}
	}
	return at
}

// limitsAbove gives the limits above what c leads to, with what is used of them;
// it asks for them once, and only if there are some. The directories are held
// when it is asked for a change, so that they stay those.
func (t *Tree) limitsAbove(ctx context.Context, q database.Reader, c *chain) ([]*limit, error) {
	at := c.limitedAbove()
	if len(at) == 0 {
		return nil, nil
	}
	if c.limits == nil {
		all, err := readLimits(ctx, q, c, at)
		if err != nil {
			return nil, fmt.Errorf("read the limits of %s: %w", c.path, err)
		}
		c.limits = all
	}
	return c.limits, nil
}

func readLimits(ctx context.Context, q database.Reader, c *chain, at []int) ([]*limit, error) {
	ids := make([]any, len(at))
	for i, node := range at {
		ids[i] = c.nodes[node].id
	}
	rows, err := q.QueryContext(ctx, `SELECT l.limit_id, l.inode_id, l.names_quota, l.bytes_quota, l.counted, COALESCE(SUM(u.bytes), 0), COALESCE(SUM(u.files), 0), COALESCE(SUM(u.directories), 0)
FROM dfs_limits l LEFT JOIN dfs_limit_usage u ON u.limit_id = l.limit_id WHERE l.inode_id IN (`+marks(len(ids))+`)
GROUP BY l.limit_id, l.inode_id, l.names_quota, l.bytes_quota, l.counted ORDER BY l.limit_id`, ids...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []*limit{}
	for rows.Next() {
		l := &limit{}
		if err := rows.Scan(&l.id, &l.inode, &l.quota.Names, &l.quota.Bytes, &l.counted, &l.used.Bytes, &l.used.Files, &l.used.Directories); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(at, func(i int) bool { return c.nodes[i].id == l.inode })
		l.path, l.project = join(c.parts, at[i]), at[i] == 2
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, l := range all {
		if l.project {
			if l.used, err = used(ctx, q, l.inode); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

var errNames = errors.New("files and directories are too many")

// TooManyNames reports whether an error of the kind NoQuota is that of a quota of names.
func TooManyNames(err error) bool { return errors.Is(err, errNames) }

// fits fails if more is not to be below one of the directories.
func fits(path string, limits []*limit, more Usage) error {
	for _, l := range limits {
		if !l.counted {
			continue // nobody knows yet
		}
		names := more.Files + more.Directories
		if q := l.quota.Names; q > 0 && names > 0 && l.used.names()+names > q {
			return bine.Errorf(bine.NoQuota, "%s: %d names more do not fit: %s has a quota of %d names and uses %d: %w", path, names, l.path, q, l.used.names(), errNames)
		}
		if q := l.quota.Bytes; q > 0 && more.Bytes > 0 && l.used.Bytes+more.Bytes > q {
			return bine.Errorf(bine.NoQuota, "%s: %d bytes more do not fit: %s has a quota of %d bytes and uses %d", path, more.Bytes, l.path, q, l.used.Bytes)
		}
	}
	return nil
}

// addLimited counts a change of what is below directories with limits. It comes
// behind the usage of the project.
func (t *Tree) addLimited(ctx context.Context, tx *sql.Tx, limits []*limit, u Usage) error {
	if u == (Usage{}) {
		return nil
	}
	args := []any{u.Bytes, u.Files, u.Directories, rand.IntN(usageSlots)}
	for _, l := range limits {
		if l.used = l.used.add(u); !l.project {
			args = append(args, l.id)
		}
	}
	return t.changeLimited(ctx, tx, args)
}

// changeLimited takes bytes, files, directories, a slot and then the limits.
func (t *Tree) changeLimited(ctx context.Context, tx *sql.Tx, args []any) error {
	if len(args) == 4 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "UPDATE dfs_limit_usage SET bytes = bytes + ?, files = files + ?, directories = directories + ? WHERE slot = ? AND limit_id IN ("+marks(len(args)-4)+")", args...)
	return err
}

// moveLimited counts that the end of a goes to b, which both are held. A
// directory is counted once if what limits it becomes another: nobody changes
// what is below it, because it is locked.
func (t *Tree) moveLimited(ctx context.Context, tx *sql.Tx, a, b *chain, n *node) error {
	same := func(i, j int) bool { return a.nodes[i].id == b.nodes[j].id }
	if slices.EqualFunc(a.limitedAbove(), b.limitedAbove(), same) {
		return nil
	}
	from, err := t.limitsAbove(ctx, tx, a)
	if err != nil {
		return err
	}
	to, err := t.limitsAbove(ctx, tx, b)
	if err != nil {
		return err
	}
	left, entered := without(from, to), without(to, from)
	if len(left) == 0 && len(entered) == 0 {
		return nil
	}
	u := Usage{Bytes: n.size, Files: 1}
	if n.dir() {
		if u, err = t.below(ctx, tx, n); err != nil {
			return fmt.Errorf("count what is below %s: %w", a.path, err)
		}
		u.Directories++
	}
	if err := fits(b.path, entered, u); err != nil {
		return err
	}
	if err := t.addLimited(ctx, tx, left, u.negative()); err != nil {
		return err
	}
	return t.addLimited(ctx, tx, entered, u)
}

func without(all, others []*limit) (rest []*limit) {
	for _, l := range all {
		if !l.project && !slices.ContainsFunc(others, func(o *limit) bool { return o.id == l.id }) {
			rest = append(rest, l)
		}
	}
	return rest
}

// below counts what is below a directory.
func (t *Tree) below(ctx context.Context, tx *sql.Tx, n *node) (u Usage, err error) {
	err = tx.QueryRowContext(ctx, countBelow, n.id).Scan(&u.Bytes, &u.Files, &u.Directories)
	return u, err
}

// listOf is how dfs_removed names limits.
func listOf(limits []*limit) string {
	var b strings.Builder
	for _, l := range limits {
		if !l.project {
			b.WriteString("," + strconv.FormatInt(l.id, 10))
		}
	}
	if b.Len() > 0 {
		b.WriteByte(',')
	}
	return b.String()
}

// namedIn reads what listOf wrote.
func namedIn(list string) (ids []any) {
	for id := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			ids = append(ids, n)
		}
	}
	return ids
}
