package client

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// SetShare is the body of an offer and of a wish.
type SetShare struct {
	Access bine.ShareAccess `json:"access" enum:"read,write" doc:"what the other project may do with the dataset"`
}

// Shares lists what a project shares with others, what is asked of it, and what others offer it.
func (c *Client) Shares(ctx context.Context, p bine.ProjectName) ([]bine.Share, error) {
	return get[[]bine.Share](ctx, c, nil, "projects", string(p), "shares")
}

// PublicDatasets lists the datasets that are offered to everyone.
func (c *Client) PublicDatasets(ctx context.Context) ([]bine.Share, error) {
	return get[[]bine.Share](ctx, c, nil, "datasets")
}

// OfferDataset offers a dataset of the project to another one, or with bine.Everyone to read to all.
func (c *Client) OfferDataset(ctx context.Context, p bine.ProjectName, dataset string, to bine.ProjectName, access bine.ShareAccess) (bine.Share, error) {
	return call[bine.Share](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "offers", dataset, string(to)}, body: SetShare{access}, safe: true})
}

// WithdrawDataset takes an offer back; the dataset's use ends at once.
func (c *Client) WithdrawDataset(ctx context.Context, p bine.ProjectName, dataset string, to bine.ProjectName) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "offers", dataset, string(to))
}

// WantDataset accepts a dataset that another project offers, or asks for it.
// Access in the answer says what the project may do now.
func (c *Client) WantDataset(ctx context.Context, p bine.ProjectName, owner bine.ProjectName, dataset string, access bine.ShareAccess) (bine.Share, error) {
	return call[bine.Share](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "wishes", string(owner), dataset}, body: SetShare{access}, safe: true})
}

// LeaveDataset gives up a dataset of another project.
func (c *Client) LeaveDataset(ctx context.Context, p bine.ProjectName, owner bine.ProjectName, dataset string) error {
	return c.do(ctx, http.MethodDelete, nil, "projects", string(p), "wishes", string(owner), dataset)
}
