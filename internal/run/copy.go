package run

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// Files are the files of projects, as the engine acts on them. Paths are
// relative to the project's directory; those that lead out of it, or to what
// belongs to the platform, are Invalid.
type Files interface {
	Exists(ctx context.Context, project bine.ProjectName, path string) (bool, error)
	// Copy copies a file or directory as a member would; what is at to is replaced.
	Copy(ctx context.Context, project bine.ProjectName, as bine.UserName, role bine.Role, from, to string) error
	// Write writes a file, making the directories above it; what is there is replaced.
	Write(ctx context.Context, project bine.ProjectName, as bine.UserName, role bine.Role, path string, r io.Reader) error
}

// copyFiles does a step of kind copy, in the name of whoever started the run.
func (e *Engine) copyFiles(ctx context.Context, r *resolution, action dags.CopyAction) (map[string]json.RawMessage, error) {
	role, member, err := e.store.RoleOf(ctx, r.in.Project, r.run.StartedBy)
	if err != nil {
		return nil, err
	}
	if !member {
		return nil, bine.Errorf(bine.Forbidden, "%s, who started the run, is no member of the project any more", r.run.StartedBy)
	}
	as := copier{e, r.in.Project, r.run.StartedBy, role}
	if action.From != "" {
		err = e.files.Copy(ctx, r.in.Project, as.user, role, action.From, action.To)
	} else {
		var from bine.ArtifactRef
		if from, err = e.artifact(ctx, r, action.Artifact); err == nil {
			err = as.artifact(ctx, from, action.To)
		}
	}
	if err != nil {
		return nil, err
	}
	to, err := json.Marshal(action.To)
	return map[string]json.RawMessage{"path": to}, err
}

// copier writes artifacts to the files of a project.
type copier struct {
	*Engine
	project bine.ProjectName
	user    bine.UserName
	role    bine.Role
}

// artifact writes an artifact: a file, a directory, or a directory of those of
// every item of a fan-out.
func (c copier) artifact(ctx context.Context, from bine.ArtifactRef, to string) error {
	if len(from.Parts) > 0 {
		for key, part := range from.Parts {
			if err := c.artifact(ctx, part, to+"/"+key); err != nil {
				return err
			}
		}
		return nil
	}
	if from.Kind == bine.ArtifactFile {
		return c.file(ctx, from.Hash, to)
	}
	entries, err := c.artifacts.Manifest(ctx, c.project, from.Hash)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := c.file(ctx, entry.Hash, to+"/"+entry.Path); err != nil {
			return err
		}
	}
	return nil
}

func (c copier) file(ctx context.Context, hash bine.Hash, to string) error {
	body, err := c.artifacts.Open(ctx, c.project, hash)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := c.files.Write(ctx, c.project, c.user, c.role, to, body); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}
