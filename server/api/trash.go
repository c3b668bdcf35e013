package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Trash is the part of the file system that keeps what was removed.
type Trash interface {
	Trash(ctx context.Context, user dfs.User, path string) error
	Trashed(ctx context.Context, user dfs.User, after int64, limit int) ([]dfs.Trashed, error)
	Restore(ctx context.Context, user dfs.User, id int64, to string) (dfs.Info, error)
	Discard(ctx context.Context, user dfs.User, id int64) error
}

func (a *API) trashRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads}
	change := auth.Access{Role: bine.DataScientist} // of what, the file system says
	const all, one = "projects/{project}/trash", "projects/{project}/trash/{number}"
	add(a, route{id: "list-trash", method: http.MethodGet, path: all, tag: "files", summary: "What was removed and can be restored, in pages, the last first; a Data Scientist sees what they removed", access: see}, a.trash)
	add(a, route{id: "restore-file", method: http.MethodPost, path: one, tag: "files", summary: "Restore something from the trash", access: change}, a.restore)
	add(a, route{id: "discard-file", method: http.MethodDelete, path: one, tag: "files", summary: "Remove something in the trash for good", access: change}, a.discard)
}

// InTrashed names something in the trash.
type InTrashed struct {
	InProject
	Number int64 `path:"number" doc:"its number in the trash"`
}

const trashPage = 100

func (a *API) trash(ctx context.Context, in *struct {
	InProject
	InPage
}) (*body[client.Page[client.TrashedFile]], error) {
	after, err := int64(0), error(nil)
	if in.After != "" {
		if after, err = strconv.ParseInt(in.After, 10, 64); err != nil {
			return nil, bine.Errorf(bine.Invalid, "after is not a cursor: use next of the page before")
		}
	}
	limit := in.Limit
	if limit <= 0 {
		limit = trashPage
	}
	all, err := a.Files.Trashed(ctx, fileUser(ctx), after, limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = digits(all[limit-1].ID)
	}
	var shown []client.TrashedFile
	for _, v := range all {
		shown = append(shown, client.TrashedFile{Number: v.ID, Path: dfs.Relative(in.Project, v.Path), Dir: v.Dir, Size: v.Size, By: v.By, Removed: v.Removed, Expires: v.Expires})
	}
	return page(shown, next, nil)
}

func (a *API) restore(ctx context.Context, in *struct {
	InTrashed
	Body client.RestoreFile
}) (*body[client.File], error) {
	to := ""
	if in.Body.To != "" {
		var err error
		if to, err = projectPath(in.Project, in.Body.To); err != nil {
			return nil, err
		}
		if err := actorOf(ctx).MayWrite(in.Body.To); err != nil {
			return nil, err
		}
	}
	info, err := a.Files.Restore(ctx, fileUser(ctx), in.Number, to)
	return answer(fileOf(in.Project, info, nil), err)
}

func (a *API) discard(ctx context.Context, in *InTrashed) (*none, error) {
	return done(a.Files.Discard(ctx, fileUser(ctx), in.Number))
}
