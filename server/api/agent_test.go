package api_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

func digits(n int64) string { return strconv.FormatInt(n, 10) }

func host(name bine.HostName) bine.Host {
	return bine.Host{Name: name, Address: "127.0.0.1", Capacity: bine.Resources{CPU: 2, Memory: 4 << 30}, Confine: "landlock-7", Version: "test"}
}

func TestAHostRegistersBeatsAndIsLost(t *testing.T) {
	w := newWorld(t)
	agent := w.as("root")
	_, err := agent.BeatHost(t.Context(), "h1", client.Heartbeat{})
	wants(t, "the beat of an unknown host", err, bine.NotFound)
	welcome, err := agent.RegisterHost(t.Context(), host("h1"))
	w.ok(err)
	same(t, "Welcome", welcome, client.Welcome{GraceSeconds: 60, HeartbeatSeconds: 20})
	_, err = agent.RegisterHost(t.Context(), host("Bad_Name"))
	wants(t, "a name that is none", err, bine.Invalid)
	hosts, err := w.as("sven").Hosts(t.Context())
	w.ok(err)
	same(t, "Hosts", []any{len(hosts), hosts[0].Name, hosts[0].State, hosts[0].Capacity.CPU}, []any{1, "h1", "up", 2})
	orders, err := agent.BeatHost(t.Context(), "h1", client.Heartbeat{Attempts: []bine.AttemptID{"gone"}})
	w.ok(err)
	same(t, "what is to stop", orders.Stop, "[gone]")
}

func TestAHostThatIsSilentForTheGracePeriodIsLost(t *testing.T) {
	w := newWorld(t)
	h := host("h1")
	h.SeenAt = time.Now().Add(-time.Hour)
	w.ok(w.store.PutHost(t.Context(), h))
	w.ok(w.server.API().CheckHosts(t.Context()))
	hosts, err := w.store.Hosts(t.Context())
	w.ok(err)
	same(t, "the state", hosts[0].State, bine.HostLost)
	_, err = w.as("root").BeatHost(t.Context(), "h1", client.Heartbeat{})
	w.ok(err)
	hosts, err = w.store.Hosts(t.Context())
	w.ok(err)
	same(t, "the state after a beat", hosts[0].State, bine.HostUp)
}

func TestTheLifeOfAnAttempt(t *testing.T) {
	w := newWorld(t)
	ctx, agent, sven := t.Context(), w.as("root"), w.as("sven")
	_, err := agent.RegisterHost(ctx, host("h1"))
	w.ok(err)
	a := w.attempt("sven")
	ledger := w.ledger
	_, _, err = ledger.Ask(ctx, lease.Request{Attempt: a.ID, Owner: a.Owner, Resources: bine.Resources{CPU: 2, Memory: 1 << 20}, Workflow: "demo/run/flights-1/ingest"})
	w.ok(err)
	w.ok(w.store.AttemptHost(ctx, a.ID, "h1"))

	got, err := agent.Assignment(ctx, a.ID)
	w.ok(err)
	same(t, "the assignment", []any{got.Attempt.ID, got.Process.Python, got.Context["BINE_PROJECT"], got.Context["BINE_RUN"], got.Context["BINE_STEP"], got.Context["BINE_ATTEMPT"]},
		[]any{a.ID, "ingest.py", "demo", "flights-1", "ingest", "1"})
	job := w.with(got.Token)
	me, err := job.Me(ctx)
	w.ok(err)
	same(t, "the job", []any{me.User, me.Via, me.Project}, []any{"sven", "job", "demo"})
	_, err = job.Keys(ctx)
	wants(t, "a job asking for keys", err, bine.Forbidden)
	_, err = job.Runs(ctx, "other", client.RunFilter{}, client.List{})
	wants(t, "a job looking elsewhere", err, bine.NotFound)

	w.ok(agent.AttemptStarted(ctx, a.ID, client.StartedAttempt{Host: "h1"}))
	size, err := agent.AppendLog(ctx, a.ID, 0, []byte("hello\n"))
	w.ok(err)
	again, err := agent.AppendLog(ctx, a.ID, 0, []byte("hello\n"))
	w.ok(err)
	same(t, "the size, sent twice", []any{size, again}, []any{6, 6})
	_, err = agent.AppendLog(ctx, a.ID, 9, []byte("gap"))
	wants(t, "a gap", err, bine.Conflict)

	ref := client.StepRef{Step: "ingest"}
	lines := make(chan string, 1)
	go func() {
		r, err := sven.Logs(ctx, "demo", "flights-1", ref, 0, true)
		if err != nil {
			lines <- err.Error()
			return
		}
		lines <- read(t, r, nil)
	}()
	_, err = agent.AppendLog(ctx, a.ID, 6, []byte("world\n"))
	w.ok(err)
	result := bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{"rows": json.RawMessage("3")}, Metrics: []bine.Metric{{Name: "auc", Value: 0.7, At: time.Now()}}}
	w.ok(agent.AttemptEnded(ctx, a.ID, result))
	w.ok(agent.AttemptEnded(ctx, a.ID, result))
	same(t, "the followed log", <-lines, "hello\nworld\n")
	other := result
	other.State, other.Failure = bine.Failed, bine.FailureError
	wants(t, "another end", agent.AttemptEnded(ctx, a.ID, other), bine.Fenced)
	_, err = agent.Assignment(ctx, a.ID)
	wants(t, "an attempt that has ended", err, bine.Fenced)
	_, err = job.Me(ctx)
	wants(t, "the token of an attempt that has ended", err, bine.Fenced)
	leases, err := w.as("sven").Leases(ctx)
	w.ok(err)
	same(t, "leases left", len(leases), 0)

	r, err := sven.Logs(ctx, "demo", "flights-1", ref, 6, false)
	same(t, "the log from an offset on", read(t, r, err), "world\n")
	attempts, err := sven.Attempts(ctx, "demo", "flights-1", ref)
	w.ok(err)
	same(t, "Attempts", []any{len(attempts), attempts[0].State, attempts[0].LogSize, attempts[0].Host}, []any{1, "succeeded", 12, "h1"})
	metrics, err := sven.Metrics(ctx, "demo", "flights-1", ref)
	w.ok(err)
	same(t, "Metrics", []any{metrics[0].Name, metrics[0].Value}, []any{"auc", 0.7})
	steps, err := sven.Steps(ctx, "demo", "flights-1")
	w.ok(err)
	same(t, "the step", []any{steps[0].State, string(steps[0].Values["rows"])}, []any{"succeeded", "3"})
	orders, err := agent.BeatHost(ctx, "h1", client.Heartbeat{Attempts: []bine.AttemptID{a.ID}})
	w.ok(err)
	same(t, "what is to stop", orders.Stop, []bine.AttemptID{a.ID})
}

func TestItemsOfAFanOut(t *testing.T) {
	w := newWorld(t)
	run := w.run("sven")
	w.ok(w.store.PutStep(t.Context(), "demo", bine.Step{Run: run.ID, Name: "ingest", Kind: "python", State: bine.Running, Items: 2}, 0))
	page, err := w.as("sven").Items(t.Context(), "demo", run.ID, "ingest", client.List{})
	w.ok(err)
	if page.Items == nil {
		t.Error("no items come as null")
	}
}
