package client

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// SetConnector is the body of PUT connectors/{connector} and of its test.
type SetConnector struct {
	Kind        bine.ConnectorKind   `json:"kind" enum:"s3,webhdfs,directory"`
	Description string               `json:"description,omitempty"`
	Access      bine.ConnectorAccess `json:"access,omitempty" enum:"read,owners,members" doc:"who may write: nobody (read, where absent), Data Owners, or all members"`
	Endpoint    string               `json:"endpoint,omitempty" doc:"of s3 scheme, host and port, Amazon's where empty; of webhdfs with the path too, mostly /webhdfs/v1"`
	Region      string               `json:"region,omitempty" doc:"of s3"`
	Bucket      string               `json:"bucket,omitempty" doc:"of s3"`
	Root        string               `json:"root,omitempty" doc:"of s3 the prefix of the keys, of webhdfs the directory, of directory the one of the server's host"`
	AccessKey   string               `json:"access_key,omitempty" doc:"of s3"`
	User        string               `json:"user,omitempty" doc:"of webhdfs: user.name, where no token is given"`
	// Secret is the secret key, or the bearer token. It is never given out.
	Secret *string `json:"secret,omitempty" doc:"of s3 the secret key, of webhdfs a bearer token; absent: the one that is kept stays, empty: none is kept"`
}

// ConnectorTest says whether a connector works.
type ConnectorTest struct {
	OK     bool      `json:"ok"`
	Kind   bine.Kind `json:"kind,omitempty" doc:"of what is wrong"`
	Reason string    `json:"reason,omitempty" doc:"what is wrong, and what to do"`
	Wrote  bool      `json:"wrote" doc:"whether writing was tried and worked"`
}

// Connectors lists the connectors of a project by name.
func (c *Client) Connectors(ctx context.Context, p bine.ProjectName) ([]bine.Connector, error) {
	return get[[]bine.Connector](ctx, c, nil, "projects", string(p), "connectors")
}

// Connector describes one.
func (c *Client) Connector(ctx context.Context, p bine.ProjectName, name bine.ConnectorName) (bine.Connector, error) {
	return get[bine.Connector](ctx, c, nil, "projects", string(p), "connectors", string(name))
}

// SetConnector makes a connector or changes it.
func (c *Client) SetConnector(ctx context.Context, p bine.ProjectName, name bine.ConnectorName, body SetConnector) (bine.Connector, error) {
	return call[bine.Connector](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "connectors", string(name)}, body: body, safe: true})
}

// DeleteConnector removes a connector; what it leads to stays as it is.
func (c *Client) DeleteConnector(ctx context.Context, p bine.ProjectName, name bine.ConnectorName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "connectors", string(name))
}

// TestConnector tries the connector that is kept, or, with a body, one as it would become.
func (c *Client) TestConnector(ctx context.Context, p bine.ProjectName, name bine.ConnectorName, body *SetConnector) (ConnectorTest, error) {
	r := request{method: http.MethodPost, path: []string{"projects", string(p), "connectors", string(name), "test"}, safe: true}
	if body != nil {
		r.body = *body
	}
	return call[ConnectorTest](ctx, c, r)
}
