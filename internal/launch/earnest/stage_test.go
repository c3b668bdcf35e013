// Package earnest_test takes launch apart on a real workflow engine, with the
// real ledger, store and engine of runs: what one of them forgets while the others
// remember has to agree again after the reconciler has looked.
package earnest_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/workflows"
)

const grace = time.Minute

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// until waits until a condition holds.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("still not: %s", what)
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// dial starts a real workflow engine on a directory and connects to it. stop
// ends both; it may be called again.
func dial(t testing.TB, dir string) (c client.Client, stop func()) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Logger: quiet()})
	ok(t, err)
	var once sync.Once
	stop = func() {
		once.Do(func() {
			if c != nil {
				c.Close()
			}
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	c, err = client.DialContext(t.Context(), client.Options{
		HostPort: server.Address(), Namespace: server.Namespace(), Logger: log.NewStructuredLogger(quiet()),
		ConnectionOptions: client.ConnectionOptions{TLS: server.TLS()},
	})
	ok(t, err)
	return c, stop
}

// work runs a worker with all workflows and groups of activities until stop is called.
func work(t testing.TB, c client.Client, options worker.Options, groups ...any) (stop func()) {
	t.Helper()
	w := worker.New(c, activities.ControlQueue, options)
	workflows.Register(w)
	for _, group := range groups {
		w.RegisterActivity(group)
	}
	ok(t, w.Start())
	var once sync.Once
	stop = func() { once.Do(w.Stop) }
	t.Cleanup(stop)
	return stop
}

// stage is an installation without an API: project p, with its workers.
type stage struct {
	t        *testing.T
	db       *database.DB
	store    *store.Store
	ledger   *lease.Ledger
	poster   *poster
	dir      string // of the workflow engine
	client   client.Client
	launcher *launch.Launcher
	engine   *run.Engine
	rest     func() // ends the workers
	stop     func() // ends the workflow engine
}

func newStage(t *testing.T) *stage {
	t.Helper()
	db := databasetest.SQLite(t)
	s := &stage{t: t, db: db, store: store.New(db), ledger: lease.New(db), poster: &poster{}, dir: t.TempDir()}
	ok(t, s.store.CreateUser(t.Context(), bine.User{Name: "ann"}, "hash"))
	ok(t, s.store.CreateProject(t.Context(), bine.Project{Name: "p", CreatedBy: "ann"}))
	ok(t, s.store.MoveProject(t.Context(), "p", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
	s.start()
	return s
}

// start starts the workflow engine on what its directory holds, and workers.
func (s *stage) start() {
	s.t.Helper()
	s.client, s.stop = dial(s.t, s.dir)
	s.launcher = launch.New(s.client, s.store, grace)
	s.engine = run.New(run.Config{Store: s.store, Ledger: s.ledger, Launcher: s.launcher, Poster: s.poster, Together: s.db.Together, URL: "http://bine", Log: quiet()})
	s.work()
}

// work starts workers, which rest ends.
func (s *stage) work() {
	s.t.Helper()
	s.rest = work(s.t, s.client, temporal.WorkerOptions(temporal.ControlWorker), activities.NewRuns(s.engine),
		activities.NewAwaits(run.Awaits{Engine: s.engine}), activities.NewBackfills(run.Backfills{Engine: s.engine}))
}

// losePower ends everything at once and lets the workflow engine forget what it
// did since its directory was copied.
func (s *stage) losePower(copied string) {
	s.t.Helper()
	s.rest()
	s.stop()
	ok(s.t, os.RemoveAll(s.dir))
	s.dir = copied
	s.start()
}

// copyEngine gives a copy of the workflow engine's directory, for which it is
// stopped and started again.
func (s *stage) copyEngine() string {
	s.t.Helper()
	s.rest()
	s.stop()
	to := s.t.TempDir()
	ok(s.t, os.CopyFS(to, os.DirFS(s.dir)))
	s.start()
	return to
}

// reconcile lets the reconciler look once.
func (s *stage) reconcile() {
	s.t.Helper()
	ok(s.t, launch.NewReconciler(s.launcher, s.store, s.engine, quiet()).Reaping(s.ledger).Once(s.t.Context(), 0))
}

// pipeline stores a pipeline.
func (s *stage) pipeline(yaml string) {
	s.t.Helper()
	dag, err := dags.Parse([]byte(yaml))
	ok(s.t, err)
	_, err = s.store.StorePipeline(s.t.Context(), "p", store.NewVersion{Name: dag.Name, Kind: bine.KindPipeline, Hash: bine.HashOf(dag.JSON()), Source: yaml, DAG: dag.JSON(), By: "ann"})
	ok(s.t, err)
}

// accept makes a run of a pipeline, and starts it.
func (s *stage) accept(name bine.PipelineName) bine.Run {
	s.t.Helper()
	r, _, err := s.store.AcceptRun(s.t.Context(), "p", store.NewRun{Pipeline: name, Params: json.RawMessage("{}"), By: "ann"})
	ok(s.t, err)
	ok(s.t, s.launcher.StartRun(s.t.Context(), r))
	return r
}

// terminate ends workflows by hand.
func (s *stage) terminate(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		err := s.client.TerminateWorkflow(s.t.Context(), id, "", "by hand")
		if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
			s.t.Fatalf("terminate %s: %v", id, err)
		}
	}
}

// is gives how a run stands.
func (s *stage) is(id bine.RunID) bine.State {
	s.t.Helper()
	r, err := s.store.RunOnly(s.t.Context(), "p", id)
	if bine.IsKind(err, bine.NotFound) {
		return ""
	}
	ok(s.t, err)
	return r.State
}

// becomes waits until a run is in a state.
func (s *stage) becomes(id bine.RunID, state bine.State) {
	s.t.Helper()
	until(s.t, string(id)+" is "+string(state), func() bool { return s.is(id) == state })
}

// asked says how the approval of a step stands, empty where there is none.
func (s *stage) asked(id bine.RunID, step bine.StepName) bine.ApprovalState {
	s.t.Helper()
	a, err := s.store.Approval(s.t.Context(), "p", store.StepRef{Run: id, Step: step})
	if bine.IsKind(err, bine.NotFound) {
		return ""
	}
	ok(s.t, err)
	return a.State
}

// asks waits until a step of a run asks people.
func (s *stage) asks(id bine.RunID, step bine.StepName) {
	s.t.Helper()
	until(s.t, string(id)+"/"+string(step)+" asks", func() bool { return s.asked(id, step) == bine.ApprovalWaiting })
}

// approve answers everything that is asked.
func (s *stage) approve() {
	s.t.Helper()
	waiting, err := s.store.WaitingApprovals(s.t.Context(), "ann")
	ok(s.t, err)
	for _, a := range waiting {
		ref := store.StepRef{Run: a.Run, Step: a.Step, Item: a.Item}
		ok(s.t, s.store.AnswerApproval(s.t.Context(), "p", ref, store.ApprovalAnswer{State: bine.ApprovalApproved, By: "ann", Via: "user"}))
		ok(s.t, s.launcher.Wake(s.t.Context(), workflows.StepWorkflowID("p", a.Run, a.Step, a.Item)))
	}
}

// holders lists who holds or waits for slots.
func (s *stage) holders() []bine.AttemptID {
	s.t.Helper()
	leases, err := s.ledger.Leases(s.t.Context())
	ok(s.t, err)
	ids := []bine.AttemptID{}
	for _, l := range leases {
		ids = append(ids, l.Attempt)
	}
	return ids
}

// poster notes what was posted.
type poster struct {
	mu    sync.Mutex
	posts []string
}

func (p *poster) Post(_ context.Context, url string, _ []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posts = append(p.posts, url)
	return nil
}

func (p *poster) PostSigned(ctx context.Context, url string, body []byte, _ string) error {
	return p.Post(ctx, url, body)
}

func (p *poster) Do(context.Context, string, string, http.Header, []byte, int64) (int, []byte, error) {
	return http.StatusOK, nil, nil
}

func (p *poster) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.posts)
}
