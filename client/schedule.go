package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// ScheduleTick is one planned time of a schedule, or one at which somebody
// triggered it, and what became of it.
type ScheduleTick struct {
	At     time.Time  `json:"at"`
	State  TickState  `json:"state"`
	Run    bine.RunID `json:"run,omitempty"`
	End    bine.State `json:"run_state,omitempty" doc:"how its run stands"`
	Reason string     `json:"reason,omitempty" doc:"why it was missed, or what it waits for"`
}

// TickState says whether a tick has had its run.
type TickState string

// The states of a tick.
const (
	TickPlanned TickState = "planned"
	TickRun     TickState = "run"
	TickMissed  TickState = "missed"
)

// ScheduleTicks gives the last ticks of a schedule and the next ones, in order
// of time: so many at most; 0 is as many as the server likes.
func (c *Client) ScheduleTicks(ctx context.Context, p bine.ProjectName, name bine.ScheduleName, last, next int) ([]ScheduleTick, error) {
	q := url.Values{}
	if last > 0 {
		q.Set("last", strconv.Itoa(last))
	}
	if next > 0 {
		q.Set("next", strconv.Itoa(next))
	}
	return get[[]ScheduleTick](ctx, c, q, "projects", string(p), "schedules", string(name), "ticks")
}
