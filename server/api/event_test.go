package api_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// follow gives the changes that a caller who follows demo hears of.
func (w *world) follow(ctx context.Context, object, name string, after int64) <-chan bine.Event {
	out := make(chan bine.Event, 100)
	c := w.as("sven")
	go func() {
		defer close(out)
		c.Events(ctx, "demo", object, name, after, func(e bine.Event) bool {
			out <- e
			return true
		})
	}()
	return out
}

func next(t *testing.T, events <-chan bine.Event) bine.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream ended")
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event within 10 s")
	}
	return bine.Event{}
}

func TestAStreamGoesOnWhereItBrokeOff(t *testing.T) {
	w := newWorld(t)
	run := w.run("sven")
	last, err := w.store.LastEvent(t.Context(), "demo")
	w.ok(err)
	ctx, stop := context.WithCancel(t.Context())
	events := w.follow(ctx, "run", string(run.ID), last)
	w.ok(w.store.MoveRun(t.Context(), "demo", run.ID, []bine.State{bine.Pending}, bine.Running, ""))
	first := next(t, events)
	same(t, "the first change", []any{first.Object, first.Name, first.State}, []any{"run", "flights-1", "running"})
	stop()
	w.ok(w.store.MoveRun(t.Context(), "demo", run.ID, []bine.State{bine.Running}, bine.Failed, "")) // nobody reads along
	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	missed := next(t, w.follow(ctx, "run", string(run.ID), first.ID))
	same(t, "what was missed", []any{missed.State, missed.ID > first.ID}, []any{"failed", true})
}

func TestAStreamShowsThatItLives(t *testing.T) {
	w := newWorld(t)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", w.url+"/api/v1/projects/demo/events", nil)
	r.Header.Set("Authorization", "Bearer "+w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeRead}}))
	res, err := http.DefaultClient.Do(r)
	w.ok(err)
	defer res.Body.Close()
	same(t, "the head", []any{res.Header.Get("Content-Type"), res.Header.Get("X-Accel-Buffering"), res.Header.Get("Cache-Control")}, []any{"text/event-stream", "no", "no-store"})
	lines := bufio.NewScanner(res.Body)
	beats := 0
	for beats < 2 && lines.Scan() {
		if strings.HasPrefix(lines.Text(), ": beat") {
			beats++
		}
	}
	same(t, "beats", beats, 2)
}

func TestAStreamEndsWithTheMembershipAndWithTheServer(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"membership": func(w *world) { w.ok(w.as("olga").RemoveMember(w.t.Context(), "demo", "sven")) },
		"server":     func(w *world) { w.server.API().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			events := w.follow(ctx, "", "", 0)
			end(w)
			for range events { // until it is closed
			}
			if ctx.Err() != nil {
				t.Error("the stream did not end")
			}
		})
	}
}

func TestTheStreamOfARunHoldsThatRunAlone(t *testing.T) {
	w := newWorld(t)
	run := w.run("sven")
	other := w.run("sven")
	last, err := w.store.LastEvent(t.Context(), "demo")
	w.ok(err)
	w.ok(w.store.MoveRun(t.Context(), "demo", other.ID, []bine.State{bine.Pending}, bine.Running, ""))
	w.ok(w.store.PutStep(t.Context(), "demo", bine.Step{Run: run.ID, Name: "ingest", Kind: "python", State: bine.Running}, 0))
	r, _ := http.NewRequestWithContext(t.Context(), "GET", w.url+"/api/v1/projects/demo/runs/"+string(run.ID)+"/events", nil)
	r.Header.Set("Authorization", "Bearer "+w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeRun}}))
	r.Header.Set("Last-Event-ID", digits(last))
	res, err := http.DefaultClient.Do(r)
	w.ok(err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if !strings.Contains(data, `"object":"step"`) || !strings.Contains(data, string(run.ID)+"/ingest") {
				t.Errorf("the first event is %s, want the step of %s", data, run.ID)
			}
			return
		}
	}
	t.Error("the stream ended without an event")
}
