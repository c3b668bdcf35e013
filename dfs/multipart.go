package dfs

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// expireMultipart removes up to limit uploads of S3 that began before
// Options.Multipart and have not ended.
func (t *Tree) expireMultipart(ctx context.Context, limit int) (int, error) {
	rows, err := t.db.Read().QueryContext(ctx, "SELECT p.name, i.name FROM dfs_inodes p JOIN dfs_inodes u ON u.parent_id = p.id AND u.name = ? "+
		"JOIN dfs_inodes i ON i.parent_id = u.id WHERE p.parent_id = ? AND i.btime < ? LIMIT ?",
		MultipartName, projectsID, database.Micros(t.o.Now().Add(-t.o.Multipart)), limit)
	if err != nil {
		return 0, t.db.Explain(err)
	}
	defer rows.Close()
	var paths []string
	for rows.Next() {
		var project, name string
		if err := rows.Scan(&project, &name); err != nil {
			return 0, err
		}
		paths = append(paths, ProjectPath(bine.ProjectName(project), MultipartName, name))
	}
	if err := rows.Err(); err != nil {
		return 0, t.db.Explain(err)
	}
	rows.Close()
	for i, path := range paths {
		if err := t.Remove(ctx, Platform(), path, RemoveOptions{Recursive: true}); err != nil && !bine.IsKind(err, bine.NotFound) {
			return i, err
		}
	}
	return len(paths), nil
}
