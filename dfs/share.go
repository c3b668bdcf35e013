package dfs

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Locate gives the path of what a project calls relative: something below its
// own directory, or, as "owner::dataset/…", something in a dataset that another
// project shares with it. It does not say whether it does.
func Locate(project bine.ProjectName, relative string) (string, error) {
	relative = strings.TrimPrefix(relative, "/")
	first, _, _ := strings.Cut(relative, "/")
	owner, _, shared := strings.Cut(first, bine.SharedSeparator)
	if !shared {
		return Clean(strings.TrimSuffix(ProjectPath(project)+"/"+relative, "/"))
	}
	if err := bine.ProjectName(owner).Check(); err != nil {
		return "", bine.Errorf(bine.Invalid, "path %q: before %s stands the name of the project that shares: %w", prefix(relative, 60), bine.SharedSeparator, err)
	}
	return Clean(strings.TrimSuffix("/"+projectsName+"/"+owner+"/"+strings.TrimPrefix(relative, owner+bine.SharedSeparator), "/"))
}

// Relative gives what a project calls a path: the opposite of Locate.
func Relative(project bine.ProjectName, path string) string {
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if len(parts) < 2 || parts[0] != projectsName {
		return path
	}
	rest := strings.Join(parts[2:], "/")
	if parts[1] == string(project) || rest == "" {
		return rest
	}
	return parts[1] + bine.SharedSeparator + rest
}

// foreign reports whether the path is of a project that the user does not act in.
func (u User) foreign(c *chain) bool {
	project := projectOf(c.parts)
	return !u.Super && project != "" && project != u.Project
}

// admit finds out what the user may do with what belongs to another project:
// what is in a dataset that is shared. Anything else is NotFound, as if it were not there.
func (t *Tree) admit(ctx context.Context, q querier, user User, c *chain) error {
	if len(c.parts) < 3 || len(c.nodes) < 4 || user.Project == "" || user.Role == "" {
		return notFound(c.path)
	}
	access, err := sharedAs(ctx, q, c.nodes[3].id, user.Project)
	if err != nil {
		return t.db.Explain(err)
	}
	if access == "" {
		return notFound(c.path)
	}
	c.shared = access
	return nil
}

// sharedAs says what a project may do with a dataset of another.
func sharedAs(ctx context.Context, q querier, dataset int64, to bine.ProjectName) (bine.ShareAccess, error) {
	var offered, wanted string
	err := q.QueryRowContext(ctx, "SELECT CASE WHEN s.offered <> '' THEN s.offered ELSE COALESCE(e.offered, '') END, s.wanted FROM dfs_shares s LEFT JOIN dfs_shares e ON e.inode_id = s.inode_id AND e.to_project = '*' WHERE s.inode_id = ? AND s.to_project = ?",
		dataset, string(to)).Scan(&offered, &wanted)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return weaker(offered, wanted), err
}

// weaker is what is both offered and wanted.
func weaker(offered, wanted string) bine.ShareAccess {
	switch {
	case offered == "" || wanted == "":
		return ""
	case offered == string(bine.ShareWrite) && wanted == string(bine.ShareWrite):
		return bine.ShareWrite
	}
	return bine.ShareRead
}

// OfferShare offers a dataset of the user's project to another, or with
// bine.Everyone to read to all; empty access takes the offer back, which ends
// the use at once. The other project's wish, if there is one, stays.
func (t *Tree) OfferShare(ctx context.Context, user User, dataset string, to bine.ProjectName, access bine.ShareAccess) error {
	if to == user.Project {
		return bine.Errorf(bine.Invalid, "%s has its own datasets: name another project", to)
	}
	if to == bine.Everyone {
		if access == bine.ShareWrite {
			return bine.Errorf(bine.Invalid, "a dataset is offered to everyone to read only")
		}
	} else if err := to.Check(); err != nil {
		return err
	}
	return t.share(ctx, user, user.Project, dataset, to, access, func(s *shareRow) error {
		if access == "" && s.offered == "" {
			return bine.Errorf(bine.NotFound, "%s is not offered to %s", dataset, to)
		}
		s.offered, s.offeredBy = string(access), string(user.Name)
		if to == bine.Everyone {
			s.wanted = s.offered
		}
		return nil
	})
}

// WantShare asks for a dataset of another project, or accepts it where it is
// offered; empty access gives it up. What cannot be seen can be asked for as well,
// and nothing says whether it is there, so that asking tells nobody what others have.
func (t *Tree) WantShare(ctx context.Context, user User, owner bine.ProjectName, dataset string, access bine.ShareAccess) error {
	if owner == user.Project {
		return bine.Errorf(bine.Invalid, "%s has its own datasets: name another project", owner)
	}
	err := t.share(ctx, user, owner, dataset, user.Project, access, func(s *shareRow) error {
		s.wanted, s.wantedBy = string(access), string(user.Name)
		return nil
	})
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// shareRow is a row of dfs_shares.
type shareRow struct{ offered, wanted, offeredBy, wantedBy string }

// share changes one row of dfs_shares, and removes it when nothing is left in it.
func (t *Tree) share(ctx context.Context, user User, owner bine.ProjectName, dataset string, to bine.ProjectName, access bine.ShareAccess, f func(s *shareRow) error) error {
	if user.Role != bine.DataOwner {
		return bine.Errorf(bine.Forbidden, "datasets are shared by Data Owners: that takes the role Data Owner in %s", user.Project)
	}
	if access != "" && access != bine.ShareRead && access != bine.ShareWrite {
		return bine.Errorf(bine.Invalid, "access %q is not known: read or write", access)
	}
	path := ProjectPath(owner, dataset)
	parts, err := split(path)
	if err != nil {
		return err
	}
	if len(parts) != 3 || strings.HasPrefix(parts[2], ".") {
		return bine.Errorf(bine.Invalid, "%q is no dataset: name a directory at the top of the project", dataset)
	}
	return t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := resolve(ctx, tx, parts)
		if err != nil {
			return err
		}
		if !c.complete() || !c.last().dir() {
			return notFound(c.path)
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		id := c.last().id
		var s shareRow
		err = tx.QueryRowContext(ctx, "SELECT offered, wanted, offered_by, wanted_by FROM dfs_shares WHERE inode_id = ? AND to_project = ?", id, string(to)).Scan(&s.offered, &s.wanted, &s.offeredBy, &s.wantedBy)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := f(&s); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_shares WHERE inode_id = ? AND to_project = ?", id, string(to)); err != nil {
			return err
		}
		if s.offered == "" && s.wanted == "" {
			return nil
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO dfs_shares (inode_id, to_project, offered, wanted, offered_by, wanted_by, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, string(to), s.offered, s.wanted, s.offeredBy, s.wantedBy, t.now())
		return err
	})
}

// Shares gives what a project shares with others, what is asked of it, and what
// others share with it or offer. What it asks for and is not offered is not told:
// it would say what others have. With bine.Everyone it gives what is offered to all.
func (t *Tree) Shares(ctx context.Context, project bine.ProjectName) ([]bine.Share, error) {
	rows, err := t.reader(ctx).QueryContext(ctx, `SELECT p.name, d.name, s.to_project, s.offered, s.wanted, s.offered_by, s.wanted_by, COALESCE(e.offered, ''), s.at
FROM dfs_shares s JOIN dfs_inodes d ON d.id = s.inode_id JOIN dfs_inodes p ON p.id = d.parent_id
LEFT JOIN dfs_shares e ON e.inode_id = s.inode_id AND e.to_project = '*' AND s.to_project <> '*'
WHERE p.parent_id = ? AND (p.name = ? OR s.to_project = ? AND (s.offered <> '' OR e.offered IS NOT NULL)) ORDER BY p.name, d.name, s.to_project`, projectsID, string(project), string(project))
	if err != nil {
		return nil, t.db.Explain(err)
	}
	defer rows.Close()
	list := []bine.Share{}
	for rows.Next() {
		var s bine.Share
		var everyone string
		var at int64
		if err := rows.Scan(&s.Owner, &s.Dataset, &s.To, &s.Offered, &s.Wanted, &s.OfferedBy, &s.WantedBy, &everyone, &at); err != nil {
			return nil, err
		}
		if s.At = database.Time(at); s.Offered == "" {
			s.Offered = bine.ShareAccess(everyone)
		}
		s.Access = weaker(string(s.Offered), string(s.Wanted))
		list = append(list, s)
	}
	return list, t.db.Explain(rows.Err())
}
