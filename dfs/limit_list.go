package dfs

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// full is how much of a quota is used: 1 is all of it.
func (l Limit) full() float64 {
	part := func(used, of int64) float64 {
		if of <= 0 {
			return 0
		}
		return float64(used) / float64(of)
	}
	return max(part(l.Bytes, l.Quota.Bytes), part(l.Names, l.Quota.Names))
}

// fullest are the limits of which the most is used, as many as there is room for.
type fullest struct {
	most int
	all  []limitOf
}

// limitOf is the quota of a directory whose path is not known yet.
type limitOf struct {
	inode int64
	Limit
}

func (f *fullest) add(l limitOf) {
	at, _ := slices.BinarySearchFunc(f.all, l, func(a, b limitOf) int {
		return cmp.Or(cmp.Compare(b.full(), a.full()), cmp.Compare(a.inode, b.inode))
	})
	if at < f.most {
		f.all = slices.Insert(f.all, at, l)
		f.all = f.all[:min(f.most, len(f.all))]
	}
}

// FullestLimits gives the quotas of projects and directories of which the most
// is used, the fullest first and at most so many of them; those that are being
// counted are left out. It reads all quotas: it is for people who watch an
// installation, and not for requests.
func (t *Tree) FullestLimits(ctx context.Context, most int) ([]Limit, error) {
	found := &fullest{most: most}
	for query, args := range map[string][]any{
		`SELECT i.id, i.quota, COALESCE(l.names_quota, 0), COALESCE(SUM(u.bytes), 0), COALESCE(SUM(u.files), 0), COALESCE(SUM(u.directories), 0)
FROM dfs_inodes i LEFT JOIN dfs_limits l ON l.inode_id = i.id LEFT JOIN dfs_usage u ON u.project_id = i.id
WHERE i.parent_id = ? AND (i.quota > 0 OR l.names_quota > 0) GROUP BY i.id, i.quota, l.names_quota`: {projectsID},
		`SELECT l.inode_id, l.bytes_quota, l.names_quota, COALESCE(SUM(u.bytes), 0), COALESCE(SUM(u.files), 0), COALESCE(SUM(u.directories), 0)
FROM dfs_limits l JOIN dfs_inodes i ON i.id = l.inode_id LEFT JOIN dfs_limit_usage u ON u.limit_id = l.limit_id
WHERE l.counted = 1 AND i.parent_id <> ? GROUP BY l.limit_id, l.inode_id, l.bytes_quota, l.names_quota`: {projectsID},
	} {
		if err := t.readFullest(ctx, found, query, args...); err != nil {
			return nil, t.db.Explain(err)
		}
	}
	list := []Limit{}
	for _, l := range found.all {
		at, err := t.Where(ctx, l.inode)
		if err != nil {
			return nil, err
		}
		if l.Path = at; strings.HasPrefix(at, "/"+projectsName+"/") { // and not removed meanwhile
			list = append(list, l.Limit)
		}
	}
	return list, nil
}

func (t *Tree) readFullest(ctx context.Context, into *fullest, query string, args ...any) error {
	rows, err := t.reader(ctx).QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l limitOf
		var u Usage
		if err := rows.Scan(&l.inode, &l.Quota.Bytes, &l.Quota.Names, &u.Bytes, &u.Files, &u.Directories); err != nil {
			return err
		}
		l.Bytes, l.Names = u.Bytes, u.names()
		into.add(l)
	}
	return rows.Err()
}
