package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
)

// SetACL is the body of PUT acls/{path}: the entries of the access list, of the
// default list of a directory, or of both. One of which there is no entry stays.
type SetACL struct {
	Entries []bine.ACLEntry `json:"entries" minItems:"1" maxItems:"64"`
}

// The operations of ChangeACL.
const (
	ACLModify = "modify"
	ACLRemove = "remove"
)

// ChangeACL is the body of PATCH acls/{path}.
type ChangeACL struct {
	Op string `json:"op" enum:"modify,remove" doc:"modify adds entries, or replaces those of the same type and name"`
	// Entries to remove are named by type and name alone.
	Entries []bine.ACLEntry `json:"entries" minItems:"1" maxItems:"64" doc:"of remove: perm is not looked at"`
}

// ACL gives the access list of a file or directory.
func (c *Client) ACL(ctx context.Context, p bine.ProjectName, path string) (bine.ACL, error) {
	return get[bine.ACL](ctx, c, nil, filePath(p, "acls", path)...)
}

// SetACL replaces the access list, the default list or both.
func (c *Client) SetACL(ctx context.Context, p bine.ProjectName, path string, entries []bine.ACLEntry) (bine.ACL, error) {
	return call[bine.ACL](ctx, c, request{method: http.MethodPut, path: filePath(p, "acls", path), body: SetACL{entries}, safe: true})
}

// ChangeACL adds, replaces or removes entries.
func (c *Client) ChangeACL(ctx context.Context, p bine.ProjectName, path string, change ChangeACL) (bine.ACL, error) {
	return call[bine.ACL](ctx, c, request{method: http.MethodPatch, path: filePath(p, "acls", path), body: change, safe: true})
}

// RemoveACL removes the access list, or the default list of a directory only.
func (c *Client) RemoveACL(ctx context.Context, p bine.ProjectName, path string, onlyDefault bool) (bine.ACL, error) {
	return call[bine.ACL](ctx, c, request{method: http.MethodDelete, path: filePath(p, "acls", path),
		query: url.Values{"default": {strconv.FormatBool(onlyDefault)}}, safe: true})
}
