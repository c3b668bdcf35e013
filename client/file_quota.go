package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/bine-ml/bine"
)

// FileQuota limits what is below a directory.
type FileQuota struct {
	Bytes int64 `json:"bytes,omitempty" minimum:"0" doc:"bytes of files; 0 is no limit"`
	Names int64 `json:"names,omitempty" minimum:"0" doc:"files and directories, with the directory itself; 0 is no limit"`
}

// FileLimit is the quota of a directory with what counts towards it.
type FileLimit struct {
	Path     string    `json:"path" doc:"of the directory; empty is the project's"`
	Quota    FileQuota `json:"quota"`
	Bytes    int64     `json:"bytes" doc:"in use"`
	Names    int64     `json:"names" doc:"in use"`
	Counting bool      `json:"counting,omitempty" doc:"what was there before is being counted, and nothing refused until that is done"`
}

// FilePolicy says how what is written below a directory is kept.
type FilePolicy struct {
	Name      string `json:"name" doc:"HOT, DB or BLOCKS, or that of a tier, as COLD"`
	Tier      string `json:"tier,omitempty" doc:"the tier that blocks come into; empty is the first"`
	Inline    int64  `json:"inline" doc:"up to how many bytes of a file lie in the database"`
	BlockSize int64  `json:"block_size,omitempty" doc:"of how many bytes blocks are at most; 0 is that of the installation"`
	Path      string `json:"path" doc:"of the directory that has the policy; empty is the project's"`
	Installed bool   `json:"installed,omitempty" doc:"no directory has one: it is that of the installation"`
}

// SetFilePolicy gives a directory a policy, or without a name takes it away.
type SetFilePolicy struct {
	Name      string `json:"name,omitempty" doc:"HOT, DB or BLOCKS, or that of a tier, as COLD; none to do as the directories above"`
	Inline    *int64 `json:"inline,omitempty" doc:"up to how many bytes of a file lie in the database, at most 1048576; without it what goes with the name"`
	BlockSize int64  `json:"block_size,omitempty" doc:"of how many bytes blocks are at most, from 1048576 to 1073741824; 0 is that of the installation"`
}

func atPath(path string) url.Values { return url.Values{"path": {strings.Trim(path, "/")}} }

// FileQuotas gives the quotas that a path counts towards, from the project's down.
func (c *Client) FileQuotas(ctx context.Context, p bine.ProjectName, path string) ([]FileLimit, error) {
	return get[[]FileLimit](ctx, c, atPath(path), "projects", string(p), "file-quotas")
}

// SetFileQuota limits what is below a directory of a project and answers its
// limits; the zero quota takes that back. Data Owners may.
func (c *Client) SetFileQuota(ctx context.Context, p bine.ProjectName, path string, q FileQuota) ([]FileLimit, error) {
	return call[[]FileLimit](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "file-quotas"}, query: atPath(path), body: q, safe: true})
}

// SetSpace limits what is below the directory of a project; only administrators may.
func (c *Client) SetSpace(ctx context.Context, p bine.ProjectName, q FileQuota) ([]FileLimit, error) {
	return call[[]FileLimit](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "space"}, body: q, safe: true})
}

// FilePolicy gives how a path is kept.
func (c *Client) FilePolicy(ctx context.Context, p bine.ProjectName, path string) (FilePolicy, error) {
	return get[FilePolicy](ctx, c, atPath(path), "projects", string(p), "file-policy")
}

// SetFilePolicy says how what is written below a directory is kept from now on. Data Owners may.
func (c *Client) SetFilePolicy(ctx context.Context, p bine.ProjectName, path string, body SetFilePolicy) (FilePolicy, error) {
	return call[FilePolicy](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "file-policy"}, query: atPath(path), body: body, safe: true})
}
