package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// ACLs is the part of the file system that keeps access lists.
type ACLs interface {
	ACL(ctx context.Context, user dfs.User, path string) (bine.ACL, error)
	SetACL(ctx context.Context, user dfs.User, path string, entries []bine.ACLEntry) (bine.ACL, error)
	ModifyACL(ctx context.Context, user dfs.User, path string, entries []bine.ACLEntry) (bine.ACL, error)
	RemoveACLEntries(ctx context.Context, user dfs.User, path string, entries []bine.ACLEntry) (bine.ACL, error)
	RemoveDefaultACL(ctx context.Context, user dfs.User, path string) (bine.ACL, error)
	RemoveACL(ctx context.Context, user dfs.User, path string) (bine.ACL, error)
}

// fileACLRoutes are those of the access lists of files and directories. Each
// answers the list as it then is.
func (a *API) fileACLRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: reads, Job: true}
	write := auth.Access{Role: bine.DataScientist, Job: true} // where, the handlers say
	const acls = "projects/{project}/acls/{path}"
	add(a, route{id: "get-acl", method: http.MethodGet, path: acls, tag: "files", summary: "The access list of a file or directory", access: see}, a.acl)
	add(a, route{id: "set-acl", method: http.MethodPut, path: acls, tag: "files", summary: "Replace the access list, the default list of a directory, or both", access: write}, a.setACL)
	add(a, route{id: "change-acl", method: http.MethodPatch, path: acls, tag: "files", summary: "Add, replace or remove entries of an access list", access: write}, a.changeACL)
	add(a, route{id: "remove-acl", method: http.MethodDelete, path: acls, tag: "files", summary: "Remove the access list; what the mode says remains", access: write}, a.removeACL)
}

func (a *API) acl(ctx context.Context, in *InFile) (*body[bine.ACL], error) {
	full, err := in.full()
	if err != nil {
		return nil, err
	}
	return answer(a.Files.ACL(ctx, fileUser(ctx), full))
}

func (a *API) setACL(ctx context.Context, in *struct {
	InFile
	Body client.SetACL
}) (*body[bine.ACL], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	return answer(a.Files.SetACL(ctx, fileUser(ctx), full, in.Body.Entries))
}

func (a *API) changeACL(ctx context.Context, in *struct {
	InFile
	Body client.ChangeACL
}) (*body[bine.ACL], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	if in.Body.Op == client.ACLRemove {
		return answer(a.Files.RemoveACLEntries(ctx, fileUser(ctx), full, in.Body.Entries))
	}
	return answer(a.Files.ModifyACL(ctx, fileUser(ctx), full, in.Body.Entries))
}

func (a *API) removeACL(ctx context.Context, in *struct {
	InFile
	Default bool `query:"default" doc:"the default list of a directory only"`
}) (*body[bine.ACL], error) {
	full, err := in.writable(ctx)
	if err != nil {
		return nil, err
	}
	if in.Default {
		return answer(a.Files.RemoveDefaultACL(ctx, fileUser(ctx), full))
	}
	return answer(a.Files.RemoveACL(ctx, fileUser(ctx), full))
}
