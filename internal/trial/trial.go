// Package trial keeps the searches of sweeps: it appends what happened to
// their logs, lets the engine of package sweep decide, and writes what that decided, in
// one transaction. The engine's state is in memory only as long as the log has
// not gone on without it: whoever finds it elsewhere reads it again.
package trial

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep"
)

const (
	// mostLive is how many engines stay in memory.
	mostLive = 200
	// snapAfter is how many events there are at least between two snapshots.
	snapAfter = 256
	// eventsAtOnce is how many events of a log are read at a time.
	eventsAtOnce = 1000
	// mostTries is how often a change is tried of a sweep that others change too.
	mostTries = 20
)

// Keeper keeps sweeps. It can be used by several goroutines at once, and beside
// others in other processes.
type Keeper struct {
	store *store.Store
	mu    sync.Mutex
	live  map[bine.SweepRef]*search
}

// New makes a keeper of the sweeps in a store.
func New(s *store.Store) *Keeper { return &Keeper{store: s, live: map[bine.SweepRef]*search{}} }

// search is the engine of a sweep at a place of its log.
type search struct {
	mu     sync.Mutex
	engine *sweep.Engine // nil where it has to be read
	at     store.SweepAt
	snap   int64 // the event after which the last snapshot was taken
}

// Event is something that happened to a sweep. The same key is taken once.
type Event struct {
	Key string
	sweep.Event
	Drop []string // segments whose checkpoints are not needed after it
}

// Create makes a sweep and begins it. One that is there stays as it is.
func (k *Keeper) Create(ctx context.Context, ref bine.SweepRef, spec json.RawMessage, settings sweep.Settings) error {
	if err := settings.Check(); err != nil {
		return err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode the settings of sweep %s: %w", ref, err)
	}
	v := bine.Sweep{SweepRef: ref, State: bine.SweepRunning, Spec: spec, Seed: int64(settings.Seed), Metric: settings.Metrics[0].Name, Goal: string(settings.Metrics[0].Goal), Parallel: settings.Parallel}
	if err := k.store.PutSweep(ctx, v, text); err != nil {
		return err
	}
	return k.Apply(ctx, ref, func(*sweep.Engine) ([]Event, error) {
		return []Event{{Key: "start", Event: sweep.Event{Kind: sweep.Start}}}, nil
	})
}

// Apply appends to the log of a sweep what next gives, and what is decided
// after it. Next is called again where the sweep went on meanwhile. Events whose keys are
// in the log already, or of jobs that have ended, are left out; others that can't be are an error.
func (k *Keeper) Apply(ctx context.Context, ref bine.SweepRef, next func(e *sweep.Engine) ([]Event, error)) error {
	s := k.of(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	for range mostTries {
		if _, err := k.refresh(ctx, ref, s); err != nil {
			return err
		}
		changed, err := k.apply(ctx, s, next)
		if err == nil {
			return nil
		}
		if changed {
			s.engine = nil // it is ahead of its log
		}
		if !changed || !bine.IsKind(err, bine.Fenced) {
			return err
		}
	}
	return bine.Errorf(bine.Unavailable, "sweep %s is changed by too many at once: try again", ref)
}

// apply is one try; changed says whether the engine has gone on.
func (k *Keeper) apply(ctx context.Context, s *search, next func(e *sweep.Engine) ([]Event, error)) (changed bool, err error) {
	events, err := next(s.engine)
	if err != nil || len(events) == 0 {
		return false, err
	}
	if events, err = k.news(ctx, s.at.SweepRef, events); err != nil {
		return false, err
	}
	c := newChange(s)
	for _, event := range events {
		if err := s.engine.Accepts(event.Event); bine.IsKind(err, bine.Fenced) {
			continue
		} else if err != nil {
			return len(c.Events) > 0, err
		}
		if err := c.decide(event); err != nil {
			return true, err
		}
	}
	if len(c.Events) == 0 {
		return false, nil
	}
	at, err := c.finish()
	if err != nil {
		return true, err
	}
	if err := k.store.AppendSweep(ctx, s.at, c.SweepChange); err != nil {
		return true, err
	}
	s.at = at
	if c.Snapshot != nil {
		s.snap = at.Events
	}
	return false, nil
}

// news leaves out events that are in the log.
func (k *Keeper) news(ctx context.Context, ref bine.SweepRef, events []Event) ([]Event, error) {
	keys := make([]string, len(events))
	for i, e := range events {
		keys[i] = e.Key
	}
	fresh, err := k.store.NewSweepEvents(ctx, ref, keys)
	if err != nil {
		return nil, err
	}
	want := make(map[string]bool, len(fresh))
	for _, key := range fresh {
		want[key] = true
	}
	var list []Event
	for _, e := range events {
		if want[e.Key] {
			list = append(list, e)
			want[e.Key] = false
		}
	}
	return list, nil
}

// Look calls f with the engine of a sweep as it stands in its log, and where
// that is. It must change nothing.
func (k *Keeper) Look(ctx context.Context, ref bine.SweepRef, f func(e *sweep.Engine, at store.SweepAt) error) error {
	s := k.of(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := k.refresh(ctx, ref, s)
	if err != nil {
		return err
	}
	return f(s.engine, at)
}

// refresh reads the engine of a sweep unless it stands where the log does.
func (k *Keeper) refresh(ctx context.Context, ref bine.SweepRef, s *search) (store.SweepAt, error) {
	at, err := k.store.SweepAt(ctx, ref)
	if err != nil || s.engine != nil && at.Events == s.at.Events && at.Mark == s.at.Mark {
		return at, err
	}
	err = k.load(ctx, ref, s)
	return s.at, err
}

// of gives the search of a sweep; there are not too many in memory.
func (k *Keeper) of(ref bine.SweepRef) *search {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.live[ref]; s != nil {
		return s
	}
	for old := range k.live {
		if len(k.live) < mostLive {
			break
		}
		delete(k.live, old)
	}
	s := &search{}
	k.live[ref] = s
	return s
}

// load reads an engine: from its last snapshot, and the events after that.
func (k *Keeper) load(ctx context.Context, ref bine.SweepRef, s *search) error {
	at, err := k.store.SweepAt(ctx, ref)
	if err != nil {
		return err
	}
	snapshot, seq, err := k.store.SweepSnapshot(ctx, ref)
	if err != nil {
		return err
	}
	engine, seq, err := restore(at.Settings, snapshot, seq)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", ref, err)
	}
	s.snap = seq
	if err := k.recall(ctx, at, seq, engine); err != nil {
		return err
	}
	for seq < at.Events {
		events, err := k.store.SweepEvents(ctx, ref, seq, eventsAtOnce)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Seq > at.Events {
				break
			}
			var v sweep.Event
			if err := json.Unmarshal(e.Body, &v); err != nil {
				return fmt.Errorf("event %d of sweep %s: %w", e.Seq, ref, err)
			}
			if _, err := engine.Decide(v); err != nil {
				return fmt.Errorf("event %d of sweep %s: %w", e.Seq, ref, err)
			}
			seq = e.Seq
		}
		if len(events) == 0 {
			return bine.Errorf(bine.Internal, "the log of sweep %s ends at event %d, not %d", ref, seq, at.Events)
		}
	}
	s.engine, s.at = engine, at
	return nil
}

// recall lets an engine that takes the events after one in again draw what it
// drew then, whichever release of Bine that was.
func (k *Keeper) recall(ctx context.Context, at store.SweepAt, seq int64, engine *sweep.Engine) error {
	if seq == at.Events {
		return nil
	}
	list, err := k.store.SweepDecisions(ctx, at.SweepRef, 0, 0, int(at.Decisions))
	if err != nil {
		return err
	}
	var decisions []sweep.Decision
	for _, d := range list {
		if d.Kind != string(sweep.Run) || d.Event <= seq {
			continue
		}
		var v sweep.Decision
		if err := json.Unmarshal(d.Body, &v); err != nil {
			return fmt.Errorf("decision %d of sweep %s: %w", d.Seq, at.SweepRef, err)
		}
		decisions = append(decisions, v)
	}
	engine.Recall(decisions)
	return nil
}

// restore makes an engine of a snapshot that it can read, or a new one.
func restore(text, snapshot json.RawMessage, seq int64) (*sweep.Engine, int64, error) {
	var settings sweep.Settings
	if err := json.Unmarshal(text, &settings); err != nil {
		return nil, 0, fmt.Errorf("read its settings: %w", err)
	}
	if snapshot != nil {
		if engine, err := sweep.Restore(settings, snapshot); err == nil {
			return engine, seq, nil
		}
	}
	engine, err := sweep.New(settings)
	return engine, 0, err
}

// markAfter is the hash of a log with one more event.
func markAfter(mark string, event []byte) string {
	sum := sha256.Sum256(append([]byte(mark+"\n"), event...))
	return hex.EncodeToString(sum[:])
}
