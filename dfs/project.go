package dfs

import (
	"context"
	"database/sql"
	"strings"

	"github.com/bine-ml/bine"
)

// The directories of a new project, by what a Data Scientist may do in them.
var (
	shared = []string{"Resources", "Jupyter", "Logs", "Experiments", "Pipelines"} // read and write
	kept   = []string{"Models", "Training_Datasets", "Statistics", "DataValidation", artifactsName}
)

const readme = `# %s

What is in this project's directories:

- Resources, Jupyter: programs and notebooks
- Pipelines, Logs, Experiments: what runs leave
- Models: registered models
- Training_Datasets, Statistics, DataValidation: data, what is known of it, and how it was checked

Data Owners may make datasets, which are directories beside these, and write
anywhere; Data Scientists read everything and write to the first five.
`

// MakeProjectTree makes the directories of a project. It may be called again.
func (t *Tree) MakeProjectTree(ctx context.Context, project bine.ProjectName) error {
	if err := project.Check(); err != nil {
		return err
	}
	make := func(path string, mode uint32) error {
		_, err := t.Mkdir(ctx, Platform(), path, MkdirOptions{Parents: true, Mode: mode})
		return err
	}
	if err := make(ProjectPath(project), 0o750); err != nil {
		return err
	}
	if t.o.Sealed {
		if _, err := t.Encrypt(ctx, Platform(), project, true, false); err != nil {
			return err
		}
	}
	for _, name := range shared {
		if err := make(ProjectPath(project, name), 0o770); err != nil {
			return err
		}
	}
	for _, name := range kept {
		if err := make(ProjectPath(project, name), 0o750); err != nil {
			return err
		}
	}
	_, err := t.Create(ctx, Platform(), ProjectPath(project, "README.md"), strings.NewReader(strings.Replace(readme, "%s", string(project), 1)), CreateOptions{})
	if bine.IsKind(err, bine.Conflict) {
		return nil // it was made before, and may have been written since
	}
	return err
}

// RemoveProject removes the directory of a project with everything in it. It
// may be called again.
func (t *Tree) RemoveProject(ctx context.Context, project bine.ProjectName) error {
	if err := project.Check(); err != nil {
		return err
	}
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_shares WHERE to_project = ?", string(project)); err != nil {
			return err
		}
		return forgetProject(ctx, tx, project)
	})
	if err != nil {
		return err
	}
	err = t.Remove(ctx, Platform(), ProjectPath(project), RemoveOptions{Recursive: true})
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}
