package run

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/store"
)

// Feed is the part of the file system that dataset triggers follow.
type Feed interface {
	Changes(ctx context.Context, q dfs.ChangesQuery) (list []dfs.Change, next int64, err error)
	ChangesSince(ctx context.Context, project bine.ProjectName, since time.Time) (int64, error)
}

// datasets follows the changes of files at and below paths. Its position is
// that in the feed. Changes count together when the path has been quiet for the
// trigger's settle time; until then what was seen is kept with the trigger, so
// that another process can go on waiting.
type datasets struct {
	feed Feed
	now  func() time.Time
}

const (
	// changesAtOnce is how many changes are read at a time, and pagesAtOnce how
	// often in one reading.
	changesAtOnce = 1000
	pagesAtOnce   = 20
	// mostPaths is how many of the changed paths an event names.
	mostPaths = 100
	// defaultSettle is how long a path must be quiet where the trigger does not say.
	defaultSettle = 10 * time.Second
)

// settling is what was seen since the position of a trigger.
type settling struct {
	Upto    int64     `json:"upto"`    // the place in the feed
	Changes int       `json:"changes"` // that touched the path
	Last    time.Time `json:"last"`    // when the last of them was
	Paths   []string  `json:"paths"`   // below the project, each once, the first of them
}

// Read gives an event when the path has changed and been quiet since.
func (d *datasets) Read(ctx context.Context, v store.TriggerAt) (Reading, error) {
	same := Reading{Position: v.Position, Seen: v.Seen}
	after, err := d.start(ctx, v)
	if err != nil {
		return same, err
	}
	seen := settling{Upto: after}
	if len(v.Seen) > 0 {
		if err := json.Unmarshal(v.Seen, &seen); err != nil {
			return same, err
		}
	}
	had := seen
	if err := d.follow(ctx, v, &seen); err != nil {
		return same, err
	}
	position := strconv.FormatInt(seen.Upto, 10)
	switch {
	case seen.Changes == 0:
		if strconv.FormatInt(after, 10) == v.Position && seen.Upto-after < eventsBehind {
			position = v.Position
		}
		return Reading{Position: position}, nil
	case d.now().Sub(seen.Last) < d.settle(v):
		if seen.Changes > had.Changes || seen.Upto-had.Upto >= eventsBehind {
			same.Seen, err = json.Marshal(seen)
		}
		return same, err
	}
	data, err := json.Marshal(struct {
		Path    string   `json:"path"`
		Changes int      `json:"changes"`
		Paths   []string `json:"paths"`
	}{v.Source, seen.Changes, seen.Paths})
	return Reading{Events: []TriggerEvent{{What: "dataset " + v.Source, Data: data, Position: position}}, Position: position}, err
}

func (d *datasets) settle(v store.TriggerAt) time.Duration {
	if v.Settle > 0 {
		return time.Duration(v.Settle * float64(time.Second))
	}
	return defaultSettle
}

// start gives the place in the feed that a position means.
func (d *datasets) start(ctx context.Context, v store.TriggerAt) (int64, error) {
	if at, timed := strings.CutPrefix(v.Position, store.SinceTime); timed {
		micros, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return 0, bine.Errorf(bine.Invalid, "%q is no time in microseconds", at)
		}
		return d.feed.ChangesSince(ctx, v.Project, time.UnixMicro(micros))
	}
	after, err := strconv.ParseInt(v.Position, 10, 64)
	if err != nil {
		return 0, bine.Errorf(bine.Invalid, "%q is no place in the feed of changes", v.Position)
	}
	return after, nil
}

// follow adds what the feed tells behind seen.
func (d *datasets) follow(ctx context.Context, v store.TriggerAt, seen *settling) error {
	root := dfs.ProjectPath(v.Project, v.Source)
	for range pagesAtOnce {
		list, next, err := d.feed.Changes(ctx, dfs.ChangesQuery{Project: v.Project, After: seen.Upto, Limit: changesAtOnce})
		if errors.Is(err, dfs.ErrForgotten) { // nobody can say whether the path changed: rather once too often
			if seen.Upto, err = d.feed.ChangesSince(ctx, v.Project, time.Time{}); err == nil {
				seen.Changes, seen.Last = seen.Changes+1, d.now().UTC()
				continue
			}
		}
		if err != nil {
			return err
		}
		seen.Upto = next
		for i := range list {
			if list[i].Touches(root) {
				seen.add(&list[i])
			}
		}
		if len(list) < changesAtOnce {
			break
		}
	}
	return nil
}

func (s *settling) add(c *dfs.Change) {
	s.Changes++
	if c.At.After(s.Last) {
		s.Last = c.At.UTC()
	}
	path := strings.TrimPrefix(c.Path, dfs.ProjectPath(c.Project)+"/")
	if len(s.Paths) < mostPaths && !slices.Contains(s.Paths, path) {
		s.Paths = append(s.Paths, path)
	}
}
