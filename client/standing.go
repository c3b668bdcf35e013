package client

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// SetPriority is the body of PUT projects/{project}/requests/{attempt}/priority.
type SetPriority struct {
	Priority bine.Priority `json:"priority" enum:"low,normal,high" doc:"which of the project's requests are served first"`
	Reason   string        `json:"reason,omitempty" maxLength:"1000" doc:"why; kept in the audit log"`
}

// Standings says what projects hold, have borrowed, are owed and have had: the
// caller's, or all for an administrator.
func (c *Client) Standings(ctx context.Context) ([]bine.Standing, error) {
	return get[[]bine.Standing](ctx, c, nil, "standings")
}

// Standing says it of one project.
func (c *Client) Standing(ctx context.Context, p bine.ProjectName) (bine.Standing, error) {
	return get[bine.Standing](ctx, c, nil, "projects", string(p), "standing")
}

// SetLeasePriority changes the priority of a request that waits; Data Owners of
// its project and administrators may.
func (c *Client) SetLeasePriority(ctx context.Context, p bine.ProjectName, id bine.AttemptID, body SetPriority) error {
	_, err := call[none](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "requests", string(id), "priority"}, body: body, safe: true})
	return err
}
