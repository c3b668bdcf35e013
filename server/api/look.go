package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// Looking is the part of the file system that tells of paths what is not in them.
type Looking interface {
	History(ctx context.Context, user dfs.User, path string, from dfs.PathHistory, limit int) ([]dfs.Change, *dfs.PathHistory, error)
	UsageByChild(ctx context.Context, user dfs.User, dir string, limit int) ([]dfs.ChildUsage, dfs.Usage, error)
}

// lookingRoutes are those that tell of paths what has become of them and what
// uses their space.
func (a *API) lookingRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	add(a, route{id: "list-changes", method: http.MethodGet, path: "projects/{project}/changes", tag: "files",
		summary: "The changes of a file, or of what is below a directory, of the last 7 days, in pages, the last first", access: see}, a.changes)
	add(a, route{id: "measure-entries", method: http.MethodGet, path: "projects/{project}/usage-by-entry", tag: "files",
		summary: "What uses the space of a directory: its largest entries, and the sum of all", access: see}, a.usageByEntry)
}

const changesPage = 100

func (a *API) changes(ctx context.Context, in *struct {
	InPath
	InPage
}) (*body[client.Page[client.PathChange]], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	var from dfs.PathHistory
	if in.After != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.After)
		if err != nil || json.Unmarshal(text, &from) != nil {
			return nil, bine.Errorf(bine.Invalid, "after is not a cursor: use next of the page before")
		}
	}
	limit := in.Limit
	if limit <= 0 {
		limit = changesPage
	}
	found, next, err := a.Files.History(ctx, fileUser(ctx), full, from, limit)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if next != nil {
		text, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		cursor = base64.RawURLEncoding.EncodeToString(text)
	}
	var shown []client.PathChange
	for _, c := range found {
		v := client.PathChange{ID: c.ID, At: c.At, Op: string(c.Op), Path: dfs.Relative(in.Project, c.Path), Dir: c.Dir, Size: c.Size, By: c.By}
		if c.From != "" {
			v.From = dfs.Relative(in.Project, c.From)
		}
		shown = append(shown, v)
	}
	return page(shown, cursor, nil)
}

const entriesShown = 30

func (a *API) usageByEntry(ctx context.Context, in *struct {
	InPath
	Limit int `query:"limit" minimum:"0" maximum:"1000" doc:"how many entries; 30 by default"`
}) (*body[client.UsageByEntry], error) {
	full, err := projectPath(in.Project, in.Path)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = entriesShown
	}
	found, total, err := a.Files.UsageByChild(ctx, fileUser(ctx), full, limit)
	if err != nil {
		return nil, err
	}
	out := client.UsageByEntry{FileUsage: client.FileUsage{Bytes: total.Bytes, Files: total.Files, Directories: total.Directories, Quota: total.Quota.Bytes}, Entries: []client.EntryUsage{}}
	for _, e := range found {
		out.Entries = append(out.Entries, client.EntryUsage{Name: e.Name, Dir: e.Dir, Bytes: e.Bytes, Files: e.Files, Directories: e.Directories})
	}
	return answer(out, nil)
}
