package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
)

// world is an engine on a real store and ledger, with the project p and the host h1.
type world struct {
	t        *testing.T
	engine   *run.Engine
	attempts run.Attempts
	store    *store.Store
	ledger   *lease.Ledger
	launcher *fakeLauncher
	files    *fakeFiles
	poster   *fakePoster
	project  fakeProjectFiles
}

func newWorld(t *testing.T, change ...func(*run.Config)) *world {
	t.Helper()
	return newWorldOn(t, databasetest.SQLite(t), change...)
}

// onEach runs check in a world on every kind of database.
func onEach(t *testing.T, check func(w *world)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *database.DB) { check(newWorldOn(t, db)) })
}

func newWorldOn(t *testing.T, db *database.DB, change ...func(*run.Config)) *world {
	t.Helper()
	w := &world{t: t, store: store.New(db), ledger: lease.New(db), launcher: &fakeLauncher{}, files: &fakeFiles{blobs: map[bine.Hash]string{}}, poster: &fakePoster{}, project: fakeProjectFiles{}}
	w.ok(w.store.CreateUser(t.Context(), bine.User{Name: "ann"}, "hash"))
	w.ok(w.store.CreateProject(t.Context(), bine.Project{Name: "p", CreatedBy: "ann"}))
	w.host("h1", 2)
	c := run.Config{
		Store: w.store, Ledger: w.ledger, Launcher: w.launcher, Artifacts: w.files, Trees: w.files, Poster: w.poster, Files: w.project,
		Together: db.Together, URL: "http://bine", Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	w.engine = run.New(c)
	w.attempts = run.Attempts{Engine: w.engine}
	return w
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// is checks a value.
func (w *world) is(what string, got, want any) {
	w.t.Helper()
	if !reflect.DeepEqual(got, want) {
		w.t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// kind checks the kind of an error and a part of its text.
func (w *world) kind(what string, err error, want bine.Kind, text string) {
	w.t.Helper()
	if !bine.IsKind(err, want) || !strings.Contains(err.Error(), text) {
		w.t.Errorf("%s: got %v, want an error of kind %s that says %q", what, err, want, text)
	}
}

func (w *world) host(name bine.HostName, cpu float64) {
	w.t.Helper()
	_, err := w.ledger.SetHost(w.ctx(), name, bine.Resources{CPU: cpu, Memory: 8 << 30}, true)
	w.ok(err)
}

// pipeline stores a version of a pipeline, with code of that hash.
func (w *world) pipeline(yaml string, code ...string) bine.PipelineName {
	w.t.Helper()
	dag, err := dags.Parse([]byte(yaml))
	w.ok(err)
	var hash bine.Hash
	if len(code) > 0 {
		hash = bine.HashOf([]byte(code[0]))
	}
	_, err = w.store.StorePipeline(w.ctx(), "p", store.NewVersion{
		Name: dag.Name, Kind: bine.KindPipeline, Hash: bine.HashOf(append(dag.JSON(), hash...)), Code: hash, Source: yaml, DAG: dag.JSON(), By: "ann",
	})
	w.ok(err)
	return dag.Name
}

// begin accepts a run of a pipeline and begins it.
func (w *world) begin(name bine.PipelineName, change ...func(*store.NewRun)) activities.StepRef {
	w.t.Helper()
	v, err := w.store.PipelineVersion(w.ctx(), "p", name, 0)
	w.ok(err)
	dag, err := dags.Decode(v.DAG)
	w.ok(err)
	params, err := dag.ResolveParams(nil)
	w.ok(err)
	n := store.NewRun{Pipeline: name, Params: params, By: "ann"}
	for _, f := range change {
		f(&n)
	}
	accepted, _, err := w.store.AcceptRun(w.ctx(), "p", n)
	w.ok(err)
	ref := activities.RunRef{Project: "p", Run: accepted.ID}
	begun, err := w.engine.Begin(w.ctx(), ref)
	w.ok(err)
	return activities.StepRef{RunRef: ref, Environment: begun.Environment}
}

// at names a step of a run, or an item.
func at(ref activities.StepRef, step bine.StepName, item ...string) activities.StepRef {
	ref.Step = step
	if len(item) > 0 {
		ref.Item = item[0]
	}
	return ref
}

// resolve resolves a step twice, as after a crash: both have to answer the same
// and to leave the same row.
func (w *world) resolve(ref activities.StepRef) activities.Resolved {
	w.t.Helper()
	first, err := w.engine.Resolve(w.ctx(), ref)
	w.ok(err)
	if len(ref.Items) > 0 {
		return first
	}
	before := w.row(ref)
	again, err := w.engine.Resolve(w.ctx(), ref)
	w.ok(err)
	if first.Reason == "" {
		again.Reason = "" // of one that ended, the row has it
	}
	w.is("resolved again", again, first)
	w.is("row after resolving again", w.row(ref), before)
	return first
}

func storeRef(ref activities.StepRef) store.StepRef {
	return store.StepRef{Run: ref.Run, Step: ref.Step, Item: ref.Item}
}

func (w *world) row(ref activities.StepRef) bine.Step {
	w.t.Helper()
	row, err := w.store.Step(w.ctx(), "p", storeRef(ref))
	w.ok(err)
	return row
}

func (w *world) process(ref activities.StepRef) bine.Process {
	w.t.Helper()
	p, err := w.store.Process(w.ctx(), "p", storeRef(ref))
	w.ok(err)
	return p
}

func ownerOf(ref activities.StepRef) bine.Owner {
	return bine.Owner{Project: ref.Project, Kind: bine.OwnerRun, Name: string(ref.Run), Step: ref.Step, Item: ref.Item}
}

// ask starts an attempt twice, as after a crash.
func (w *world) ask(owner bine.Owner, number int) activities.Granted {
	w.t.Helper()
	in := activities.StartAttemptInput{Owner: owner, Number: number, Workflow: "w/" + owner.Name + "/" + string(owner.Step)}
	first, err := w.attempts.Start(w.ctx(), in)
	w.ok(err)
	again, err := w.attempts.Start(w.ctx(), in)
	w.ok(err)
	w.is("asked again", again, first)
	return first
}

// succeed resolves a step and lets its process give outputs.
func (w *world) succeed(ref activities.StepRef, values map[string]string, files ...string) {
	w.t.Helper()
	if out := w.resolve(ref); out.State != bine.Pending {
		w.t.Fatalf("%s is %s, want it pending", ref.Step, out.State)
	}
	result := bine.AttemptResult{State: bine.Succeeded, Values: map[string]json.RawMessage{}, Artifacts: map[string]bine.ArtifactRef{}}
	for name, v := range values {
		result.Values[name] = json.RawMessage(v)
	}
	for _, name := range files {
		content := fmt.Sprintf("%s of %s %s", name, ref.Step, ref.Item)
		result.Artifacts[name] = bine.ArtifactRef{Hash: bine.HashOf([]byte(content)), Kind: bine.ArtifactFile, Size: int64(len(content)), Name: name}
	}
	w.report(ref, result)
}

func (w *world) report(ref activities.StepRef, result bine.AttemptResult) {
	w.t.Helper()
	granted := w.ask(ownerOf(ref), 1)
	_, err := w.store.EndAttempt(w.ctx(), granted.Attempt, result)
	w.ok(err)
	_, err = w.ledger.Release(w.ctx(), granted.Attempt)
	w.ok(err)
}

// fakeLauncher notes what it was asked to do.
type fakeLauncher struct {
	mu      sync.Mutex
	calls   []string
	granted []lease.Grant
	deploy  func(name bine.DeploymentName, version int) error
	going   bool  // whether builds go on
	fault   error // of starting and cancelling runs
}

func (f *fakeLauncher) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return nil
}

func (f *fakeLauncher) Deploy(_ context.Context, _ bine.ProjectName, name bine.DeploymentName, version int) error {
	if f.deploy != nil {
		if err := f.deploy(name, version); err != nil {
			return err
		}
	}
	return f.note("deploy %s %d", name, version)
}

func (f *fakeLauncher) StopDeployment(_ context.Context, _ bine.ProjectName, name bine.DeploymentName, forget bool) error {
	return f.note("stop %s %v", name, forget)
}

func (f *fakeLauncher) StopBuilding(_ context.Context, _ bine.ProjectName, version int) (bool, error) {
	return f.going, f.note("stop building %d", version)
}

func (f *fakeLauncher) CancelRun(_ context.Context, _ bine.ProjectName, id bine.RunID) error {
	return errors.Join(f.fault, f.note("cancel %s", id))
}

func (f *fakeLauncher) DeleteSchedule(_ context.Context, _ bine.ProjectName, name bine.ScheduleName) error {
	return f.note("delete schedule %s", name)
}

func (f *fakeLauncher) Granted(_ context.Context, grants []lease.Grant) error {
	f.granted = append(f.granted, grants...)
	return nil
}

// fakeFiles keeps artifacts by content in memory.
type fakeFiles struct {
	blobs map[bine.Hash]string
	made  int
}

// put keeps a directory and gives the artifact that it is.
func (f *fakeFiles) put(files map[string]string) bine.ArtifactRef {
	var entries []bine.ArtifactEntry
	for _, path := range slices.Sorted(maps.Keys(files)) {
		text := files[path]
		hash := bine.HashOf([]byte(text))
		f.blobs[hash] = text
		entries = append(entries, bine.ArtifactEntry{Path: path, Hash: hash, Size: int64(len(text))})
	}
	manifest, _ := json.Marshal(entries)
	hash := bine.HashOf(manifest)
	f.blobs[hash] = string(manifest)
	return bine.ArtifactRef{Hash: hash, Kind: bine.ArtifactDir}
}

func (f *fakeFiles) Manifest(_ context.Context, _ bine.ProjectName, hash bine.Hash) (entries []bine.ArtifactEntry, err error) {
	return entries, json.Unmarshal([]byte(f.blobs[hash]), &entries)
}

func (f *fakeFiles) Keep(_ context.Context, _ bine.ProjectName, r io.Reader) (bine.ArtifactRef, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	hash := bine.HashOf(text)
	f.blobs[hash] = string(text)
	return bine.ArtifactRef{Hash: hash, Kind: bine.ArtifactFile, Size: int64(len(text))}, nil
}

func (f *fakeFiles) Open(_ context.Context, _ bine.ProjectName, hash bine.Hash) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(f.blobs[hash])), nil
}

func (f *fakeFiles) MakeProjectTree(context.Context, bine.ProjectName) error {
	f.made++
	return nil
}

func (f *fakeFiles) RemoveProject(context.Context, bine.ProjectName) error {
	f.made = 0
	return nil
}

// fakePoster notes what was posted, and fails as often as it is told to.
type fakePoster struct {
	posts  []string
	fails  int
	answer func(method, url string) (int, string, error) // of Do
}

func (f *fakePoster) PostSigned(ctx context.Context, url string, body []byte, _ string) error {
	return f.Post(ctx, url, body)
}

func (f *fakePoster) Do(_ context.Context, method, url string, _ http.Header, body []byte, _ int64) (int, []byte, error) {
	f.posts = append(f.posts, method+" "+url+" "+string(body))
	status, text, err := f.answer(method, url)
	return status, []byte(text), err
}

// fakeProjectFiles are files of projects in memory.
type fakeProjectFiles map[string]string

func (f fakeProjectFiles) Exists(_ context.Context, _ bine.ProjectName, path string) (bool, error) {
	_, found := f[path]
	return found, nil
}

func (f fakeProjectFiles) Write(_ context.Context, _ bine.ProjectName, as bine.UserName, _ bine.Role, path string, r io.Reader) error {
	text, err := io.ReadAll(r)
	f[path] = string(as) + ": " + string(text)
	return err
}

func (f fakeProjectFiles) Copy(_ context.Context, _ bine.ProjectName, as bine.UserName, _ bine.Role, from, to string) error {
	text, found := f[from]
	if !found {
		return bine.Errorf(bine.NotFound, "there is no %s", from)
	}
	f[to] = string(as) + ": " + text
	return nil
}

func (f *fakePoster) Post(_ context.Context, url string, body []byte) error {
	if f.fails > 0 {
		f.fails--
		return errors.New("no route to host")
	}
	f.posts = append(f.posts, url+" "+string(body))
	return nil
}

func (f *fakeLauncher) StartRun(_ context.Context, run bine.Run) error {
	return errors.Join(f.fault, f.note("start run %s", run.ID))
}

func (f *fakeLauncher) StartTransfer(_ context.Context, _ bine.ProjectName, id bine.TransferID) error {
	return errors.Join(f.fault, f.note("start %s", id))
}

func (f *fakeLauncher) Wake(_ context.Context, workflow string) error {
	return f.note("wake %s", workflow)
}
