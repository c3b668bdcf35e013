package store

import (
	"context"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// pollEvery is how soon an event of another process is seen.
const pollEvery = 500 * time.Millisecond

// hub wakes those who wait for events. While somebody does, it also looks
// whether another process left any.
type hub struct {
	db *database.DB

	mu      sync.Mutex
	waiting map[bine.ProjectName]map[chan struct{}]bool
	seen    map[bine.ProjectName]int64
	stop    context.CancelFunc // of the poll; nil while nobody waits
}

func newHub(db *database.DB) *hub {
	return &hub{db: db, waiting: map[bine.ProjectName]map[chan struct{}]bool{}, seen: map[bine.ProjectName]int64{}}
}

func (h *hub) watch(project bine.ProjectName) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting[project] == nil {
		h.waiting[project] = map[chan struct{}]bool{}
	}
	h.waiting[project][c] = true
	if h.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		h.stop = cancel
		go h.poll(ctx)
	}
	return c, func() { h.leave(project, c) }
}

func (h *hub) leave(project bine.ProjectName, c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting[project], c)
	if len(h.waiting[project]) == 0 {
		delete(h.waiting, project)
		delete(h.seen, project)
	}
	if len(h.waiting) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// wake wakes who waits for these events.
func (h *hub) wake(events []bine.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, e := range events {
		if i == 0 || e.Project != events[i-1].Project {
			h.call(e.Project)
		}
	}
}

// call wakes a project's watchers; the lock is held.
func (h *hub) call(project bine.ProjectName) {
	for c := range h.waiting[project] {
		select {
		case c <- struct{}{}:
		default: // it is to look anyway
		}
	}
}

func (h *hub) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if last, err := h.counters(ctx); err == nil {
			h.compare(last)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// compare wakes where a counter moved since the last look.
func (h *hub) compare(last map[bine.ProjectName]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for project := range h.waiting {
		if seen, known := h.seen[project]; !known || seen != last[project] {
			h.seen[project] = last[project]
			h.call(project)
		}
	}
}

// counters reads the newest event of each project that is watched.
func (h *hub) counters(ctx context.Context) (map[bine.ProjectName]int64, error) {
	h.mu.Lock()
	var names []bine.ProjectName
	for project := range h.waiting {
		names = append(names, project)
	}
	h.mu.Unlock()
	last := map[bine.ProjectName]int64{}
	if len(names) == 0 {
		return last, nil
	}
	found, err := h.db.Read().QueryContext(ctx, "SELECT project, last FROM event_counters WHERE project IN "+in(len(names)), values(names)...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var project bine.ProjectName
		var n int64
		if err := found.Scan(&project, &n); err != nil {
			return nil, err
		}
		last[project] = n
	}
	return last, found.Err()
}
