package client

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// IdleRule gives the rule by which idle accelerators come back: the one that
// holds for a project, or where none is named that of the installation.
func (c *Client) IdleRule(ctx context.Context, p bine.ProjectName) (bine.IdleRule, error) {
	return get[bine.IdleRule](ctx, c, nil, idlePath(p)...)
}

// SetIdleRule sets it; only administrators may.
func (c *Client) SetIdleRule(ctx context.Context, p bine.ProjectName, r bine.IdleRule) (bine.IdleRule, error) {
	return call[bine.IdleRule](ctx, c, request{method: http.MethodPut, path: idlePath(p), body: r, safe: true})
}

func idlePath(p bine.ProjectName) []string {
	if p == "" {
		return []string{"idle-rule"}
	}
	return []string{"projects", string(p), "idle-rule"}
}
