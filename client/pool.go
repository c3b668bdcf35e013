package client

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// SetPool is the body of PUT pools/{pool}.
type SetPool struct {
	Slots       int    `json:"slots" minimum:"0" maximum:"1000000" doc:"0 stops whoever asks next"`
	Description string `json:"description,omitempty"`
}

// Pools lists the pools of a project.
func (c *Client) Pools(ctx context.Context, p bine.ProjectName) ([]bine.Pool, error) {
	return get[[]bine.Pool](ctx, c, nil, "projects", string(p), "pools")
}

// SetPool makes a pool or changes how many slots it has. What is held stays held.
func (c *Client) SetPool(ctx context.Context, p bine.ProjectName, name bine.PoolName, body SetPool) (bine.Pool, error) {
	return call[bine.Pool](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "pools", string(name)}, body: body, safe: true})
}

// DeletePool removes a pool that nobody holds or waits for.
func (c *Client) DeletePool(ctx context.Context, p bine.ProjectName, name bine.PoolName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "pools", string(name))
}

// Quota gives what a project may have in progress at once.
func (c *Client) Quota(ctx context.Context, p bine.ProjectName) (bine.Quota, error) {
	return get[bine.Quota](ctx, c, nil, "projects", string(p), "quota")
}

// SetQuota sets it; only administrators may.
func (c *Client) SetQuota(ctx context.Context, p bine.ProjectName, q bine.Quota) (bine.Quota, error) {
	return call[bine.Quota](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "quota"}, body: q, safe: true})
}
