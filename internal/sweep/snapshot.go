package sweep

import (
	"encoding/json"

	"github.com/bine-ml/bine"
)

// snapshot is an engine as JSON.
type snapshot struct {
	Version   int             `json:"version"`
	State     state           `json:"state"`
	Scheduler json.RawMessage `json:"scheduler"`
	Sampler   json.RawMessage `json:"sampler"`
}

// version is that of snapshots: others are of no use, but the log is.
const version = 1

// Snapshot writes the whole state as JSON.
func (e *Engine) Snapshot() ([]byte, error) {
	s := snapshot{Version: version, State: e.state}
	var err error
	if s.Scheduler, err = e.scheduler.MarshalJSON(); err != nil {
		return nil, err
	}
	if s.Sampler, err = e.sampler.MarshalJSON(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// Restore makes an engine of a snapshot and of the settings that the sweep had.
// The error is of kind Invalid where the snapshot is of another version of Bine: then the
// log is to be replayed.
func Restore(s Settings, text []byte) (*Engine, error) {
	e, err := New(s)
	if err != nil {
		return nil, err
	}
	var from snapshot
	if err := json.Unmarshal(text, &from); err != nil {
		return nil, bine.Errorf(bine.Invalid, "a snapshot can't be read: %w", err)
	}
	if from.Version != version {
		return nil, bine.Errorf(bine.Invalid, "the snapshot is of version %d, not %d: replay the log instead", from.Version, version)
	}
	if err := e.scheduler.UnmarshalJSON(from.Scheduler); err != nil {
		return nil, bine.Errorf(bine.Invalid, "a snapshot can't be read: %w", err)
	}
	if err := e.sampler.UnmarshalJSON(from.Sampler); err != nil {
		return nil, bine.Errorf(bine.Invalid, "a snapshot can't be read: %w", err)
	}
	e.state = from.State
	return e, nil
}
