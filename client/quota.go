package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/bine-ml/bine"
)

// SetQuotaBecause is SetQuota with a reason, which the audit log keeps.
func (c *Client) SetQuotaBecause(ctx context.Context, p bine.ProjectName, q bine.Quota, reason string) (bine.Quota, error) {
	return call[bine.Quota](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "quota"}, query: url.Values{"reason": {reason}}, body: q, safe: true})
}
