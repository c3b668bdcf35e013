package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

// runEnds reads the ends of runs. Its position is an event of the project: the
// end of a run and its event are one transaction, whoever ended it.
type runEnds struct{ store *store.Store }

const (
	// eventsAtOnce is how many events one reading looks at.
	eventsAtOnce = 1000
	// eventsBehind is how far a position may stay behind where nothing of
	// interest happens, so that not every event of a project is a write.
	eventsBehind = 500
)

// Read gives the ends of the pipeline's runs in the state that is waited for.
func (s runEnds) Read(ctx context.Context, v store.TriggerAt) (Reading, error) {
	out := Reading{Position: v.Position}
	position, err := strconv.ParseInt(v.Position, 10, 64)
	if err != nil {
		return out, bine.Errorf(bine.Invalid, "%q is no position among the events of a project", v.Position)
	}
	ends, last, err := s.store.EndedRuns(ctx, v.Project, position, eventsAtOnce)
	if err != nil {
		return out, err
	}
	on := v.On
	if on == "" {
		on = bine.Succeeded
	}
	for _, e := range ends {
		if bine.State(e.State) != on || !strings.HasPrefix(e.Name, v.Source+"-") {
			continue
		}
		run, err := s.store.RunOnly(ctx, v.Project, bine.RunID(e.Name))
		if bine.IsKind(err, bine.NotFound) || err == nil && run.Pipeline != bine.PipelineName(v.Source) {
			continue
		}
		if err != nil {
			return out, err
		}
		event, err := endEvent(run, e.ID)
		if err != nil {
			return out, err
		}
		out.Events = append(out.Events, event)
	}
	if len(out.Events) > 0 || last-position >= eventsBehind {
		out.Position = fmt.Sprint(last)
	}
	return out, nil
}

func endEvent(run bine.Run, position int64) (TriggerEvent, error) {
	data, err := json.Marshal(struct {
		Run      bine.RunID                 `json:"run"`
		Pipeline bine.PipelineName          `json:"pipeline"`
		State    bine.State                 `json:"state"`
		Params   json.RawMessage            `json:"params,omitempty"`
		Outputs  map[string]json.RawMessage `json:"outputs"`
		Tick     *time.Time                 `json:"tick,omitempty"`
	}{run.ID, run.Pipeline, run.State, run.Params, run.Outputs, run.Tick})
	return TriggerEvent{What: runTrigger + string(run.ID), Data: data, Position: fmt.Sprint(position)}, err
}

// noTopics stands where topics will be read: no broker can be named yet.
type noTopics struct{}

// Read says why nothing is read.
func (noTopics) Read(_ context.Context, v store.TriggerAt) (Reading, error) {
	return Reading{Position: v.Position, Seen: v.Seen, Reason: "topics are not read: no Kafka broker is configured"}, nil
}
