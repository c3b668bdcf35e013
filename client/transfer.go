package client

import (
	"context"

	"github.com/bine-ml/bine"
)

// NewTransfer is the body of POST transfers.
type NewTransfer struct {
	Direction bine.TransferDirection `json:"direction" enum:"import,export,relocate"`
	Connector bine.ConnectorName     `json:"connector,omitempty" doc:"of an import or export"`
	Path      string                 `json:"path,omitempty" doc:"in the connector: of an import the file or directory, of an export the directory"`
	Files     string                 `json:"files,omitempty" doc:"in the project: of an import the directory, of others the file or directory; empty is all of a project that is relocated"`
	Key       string                 `json:"key,omitempty" doc:"makes repeated requests one"`
}

// StartTransfer starts to copy between a connector and the project's files. What
// is below a directory is put below the other; a file is put into the directory.
func (c *Client) StartTransfer(ctx context.Context, p bine.ProjectName, body NewTransfer) (bine.Transfer, error) {
	return post[bine.Transfer](ctx, c, body, "projects", string(p), "transfers")
}

// Transfers lists the transfers of a project, newest first.
func (c *Client) Transfers(ctx context.Context, p bine.ProjectName, l List) (Page[bine.Transfer], error) {
	return get[Page[bine.Transfer]](ctx, c, l.query(), "projects", string(p), "transfers")
}

// Transfer describes one, with how far it is.
func (c *Client) Transfer(ctx context.Context, p bine.ProjectName, id bine.TransferID) (bine.Transfer, error) {
	return get[bine.Transfer](ctx, c, nil, "projects", string(p), "transfers", string(id))
}

// TransferFaults lists the files that a transfer did not copy, at most the first 1,000.
func (c *Client) TransferFaults(ctx context.Context, p bine.ProjectName, id bine.TransferID) ([]bine.TransferFault, error) {
	return get[[]bine.TransferFault](ctx, c, nil, "projects", string(p), "transfers", string(id), "faults")
}

// CancelTransfer stops a transfer; what was copied stays.
func (c *Client) CancelTransfer(ctx context.Context, p bine.ProjectName, id bine.TransferID) (bine.Transfer, error) {
	return post[bine.Transfer](ctx, c, nil, "projects", string(p), "transfers", string(id), "cancel")
}

// RetryTransfer begins a transfer that failed or was cancelled again; files that
// were copied are passed over.
func (c *Client) RetryTransfer(ctx context.Context, p bine.ProjectName, id bine.TransferID) (bine.Transfer, error) {
	return post[bine.Transfer](ctx, c, nil, "projects", string(p), "transfers", string(id), "retry")
}
