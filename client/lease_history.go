package client

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
)

// LeaseHistory is what became of one request for resources.
type LeaseHistory struct {
	Owner      bine.Owner         `json:"owner"`
	Live       *bine.Lease        `json:"live,omitempty" doc:"as it stands in the queue, while it waits or has something"`
	Attempt    bine.Attempt       `json:"attempt,omitzero" doc:"its process; absent of what is no process"`
	Asked      time.Time          `json:"asked_at,omitzero"`
	Granted    *time.Time         `json:"granted_at,omitempty"`
	AskedBack  *time.Time         `json:"asked_back,omitempty" doc:"when it was asked to make room"`
	Ended      *time.Time         `json:"ended_at,omitempty" doc:"when its accelerators were given back"`
	Grants     []bine.GrantRecord `json:"grants" doc:"its accelerators, those of its gang among them, and how they were used"`
	Resumed    *bine.ArtifactRef  `json:"resumed,omitempty" doc:"the checkpoint that it went on from"`
	Checkpoint *bine.ArtifactRef  `json:"checkpoint,omitempty" doc:"the checkpoint that it left"`
	Attempts   []bine.Attempt     `json:"attempts" doc:"all attempts of the same"`
}

// LeaseHistory says what became of a request; it is found as long as its
// accelerators or its attempt are known.
func (c *Client) LeaseHistory(ctx context.Context, id bine.AttemptID) (LeaseHistory, error) {
	return get[LeaseHistory](ctx, c, nil, "leases", string(id))
}
