package main

import (
	"context"
	"io"
	"path"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// projectFiles is the file system as the engine acts on it: with paths below a
// project's directory.
type projectFiles struct{ fs dfs.FS }

// absolute gives a path in the file system. What leads out of the project, or
// to what is hidden in it, is Invalid.
func absolute(project bine.ProjectName, name string) (string, error) {
	clean := path.Clean("/" + strings.TrimSpace(name))
	if clean == "/" || strings.HasPrefix(clean, "/.") || strings.Contains("/"+name+"/", "/../") {
		return "", bine.Errorf(bine.Invalid, "%q is no path of the project's files: write it like Resources/data.csv", name)
	}
	return dfs.Locate(project, clean)
}

// Exists says whether something is there.
func (p projectFiles) Exists(ctx context.Context, project bine.ProjectName, name string) (bool, error) {
	at, err := absolute(project, name)
	if err != nil {
		return false, err
	}
	_, err = p.fs.Stat(ctx, dfs.User{Project: project, Role: bine.DataOwner}, at)
	if bine.IsKind(err, bine.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Write writes a file as a member would.
func (p projectFiles) Write(ctx context.Context, project bine.ProjectName, as bine.UserName, role bine.Role, name string, r io.Reader) error {
	at, err := absolute(project, name)
	if err != nil {
		return err
	}
	_, err = p.fs.Create(ctx, dfs.User{Project: project, Name: as, Role: role}, at, r, dfs.CreateOptions{Overwrite: true, Parents: true})
	return err
}

// Copy copies a file or directory as a member would, without the symbolic links
// that are in it.
func (p projectFiles) Copy(ctx context.Context, project bine.ProjectName, as bine.UserName, role bine.Role, from, to string) error {
	source, err := absolute(project, from)
	if err != nil {
		return err
	}
	target, err := absolute(project, to)
	if err != nil {
		return err
	}
	if target == source || strings.HasPrefix(target, source+"/") {
		return bine.Errorf(bine.Invalid, "%s lies in %s: it cannot be copied there", to, from)
	}
	return p.copy(ctx, dfs.User{Project: project, Name: as, Role: role}, source, target)
}

func (p projectFiles) copy(ctx context.Context, user dfs.User, from, to string) error {
	about, err := p.fs.Stat(ctx, user, from)
	if err != nil {
		return err
	}
	if !about.Dir {
		body, _, err := p.fs.Open(ctx, user, from, 0, 0)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = p.fs.Create(ctx, user, to, body, dfs.CreateOptions{Overwrite: true, Parents: true})
		return err
	}
	if _, err := p.fs.Mkdir(ctx, user, to, dfs.MkdirOptions{Parents: true}); err != nil {
		return err
	}
	for after, more := "", true; more; {
		var entries []dfs.Info
		if entries, more, err = p.fs.List(ctx, user, from, after, 1000); err != nil {
			return err
		}
		for _, e := range entries {
			name := path.Base(e.Path)
			after = name
			if e.Link != "" { // links are left out: they may lead back to here
				continue
			}
			if err := p.copy(ctx, user, e.Path, to+"/"+name); err != nil {
				return err
			}
		}
	}
	return nil
}
