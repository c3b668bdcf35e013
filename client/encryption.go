package client

import (
	"context"
	"net/http"
	"time"

	"github.com/bine-ml/bine"
)

// Encryption says how what is written to a project is sealed.
type Encryption struct {
	On   bool         `json:"on" doc:"what is written now is sealed"`
	Keys []KeyVersion `json:"keys" doc:"the last first; those that were used before still open what they sealed"`
}

// KeyVersion is a key of a project. The key itself is never shown.
type KeyVersion struct {
	Version   int64     `json:"version" doc:"counts from 1"`
	Used      bool      `json:"used" doc:"what is written now is sealed with it"`
	CreatedAt time.Time `json:"created_at"`
}

// SetEncryption is the body of PUT encryption.
type SetEncryption struct {
	On     bool `json:"on" doc:"whether what is written from now on is sealed"`
	Rotate bool `json:"rotate,omitempty" doc:"with a new key"`
}

// Encryption tells how what is written to a project is sealed.
func (c *Client) Encryption(ctx context.Context, p bine.ProjectName) (Encryption, error) {
	return get[Encryption](ctx, c, nil, "projects", string(p), "encryption")
}

// SetEncryption says whether what is written to a project from now on is sealed,
// and with a new key if that is asked for. Data Owners and administrators may. What
// was written before is sealed, too, by a transfer that relocates it.
func (c *Client) SetEncryption(ctx context.Context, p bine.ProjectName, body SetEncryption) (Encryption, error) {
	return call[Encryption](ctx, c, request{method: http.MethodPut, path: []string{"projects", string(p), "encryption"}, body: body, safe: !body.Rotate})
}
