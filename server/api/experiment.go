package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/filter"
	"github.com/bine-ml/bine/internal/store"
)

// experimentRoutes are those of experiments and tracked runs.
func (a *API) experimentRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	log := auth.Access{Role: bine.DataScientist, Scopes: runs, Job: true}
	const all, one = "projects/{project}/experiments", "projects/{project}/experiments/{experiment}"
	const tracked, run = "projects/{project}/tracked-runs", "projects/{project}/tracked-runs/{tracked}"
	get := func(id, path, summary string) route {
		return route{id: id, method: http.MethodGet, path: path, tag: "experiments", summary: summary, access: see}
	}
	change := func(id, method, path, summary string) route {
		return route{id: id, method: method, path: path, tag: "experiments", summary: summary, access: log}
	}
	ask := func(id, path, summary string) route {
		return route{id: id, method: http.MethodPost, path: path, tag: "experiments", summary: summary, access: see, silent: true}
	}
	add(a, get("list-experiments", all, "The experiments, newest first"), a.experiments)
	create := change("create-experiment", http.MethodPost, all, "Make an experiment")
	create.status = http.StatusCreated
	add(a, create, a.createExperiment)
	add(a, get("describe-experiment", one, "One experiment"), a.experiment)
	add(a, change("change-experiment", http.MethodPatch, one, "Rename, remove, restore or tag an experiment"), a.changeExperiment)
	add(a, ask("search-tracked-runs", tracked+"/search", "The tracked runs that fit a filter"), a.searchTracked)
	own := change("track-step", http.MethodPost, tracked, "The tracked run of the step whose job token is presented; it is made where there is none")
	own.silent = true
	add(a, own, a.trackStep)
	add(a, change("start-tracked-run", http.MethodPut, run, "Make a tracked run under an id of your own; one that is there is answered as it is"), a.startTracked)
	add(a, get("describe-tracked-run", run, "A tracked run with its params, tags and the last of its metrics"), a.tracked)
	add(a, change("change-tracked-run", http.MethodPatch, run, "End, rename, remove or direct a tracked run"), a.changeTracked)
	report := change("report", http.MethodPost, run+"/reports", "Tell what was measured; an empty report says that the run lives")
	report.silent, report.limit = true, 8<<20
	add(a, report, a.report)
	curves := ask("curves", "projects/{project}/curves", "Metrics of tracked runs by step, thinned out for a picture")
	add(a, curves, a.curves)
}

// trackedStore keeps experiments and tracked runs.
type trackedStore interface {
	CreateExperiment(ctx context.Context, project bine.ProjectName, name string, tags map[string]string, by bine.UserName) (bine.Experiment, error)
	Experiment(ctx context.Context, project bine.ProjectName, id int) (bine.Experiment, error)
	ExperimentNamed(ctx context.Context, project bine.ProjectName, name string) (bine.Experiment, error)
	Experiments(ctx context.Context, project bine.ProjectName) ([]bine.Experiment, error)
	ChangeExperiment(ctx context.Context, project bine.ProjectName, id int, c store.ExperimentChange) error
	StartTracked(ctx context.Context, project bine.ProjectName, r bine.TrackedRun) (bine.TrackedRun, error)
	TrackStep(ctx context.Context, attempt bine.AttemptID) (bine.TrackedRun, error)
	Tracked(ctx context.Context, project bine.ProjectName, id bine.TrackedID) (bine.TrackedRun, error)
	ChangeTracked(ctx context.Context, project bine.ProjectName, id bine.TrackedID, c store.TrackedChange) (bine.TrackedRun, error)
	SearchTracked(ctx context.Context, project bine.ProjectName, q store.TrackedSearch) ([]bine.TrackedRun, bool, error)
	Report(ctx context.Context, project bine.ProjectName, id bine.TrackedID, r bine.Report) (bine.ReportAnswer, error)
	Document(ctx context.Context, project bine.ProjectName, kind, name string) (json.RawMessage, error)
	Documents(ctx context.Context, project bine.ProjectName, kind string) ([]json.RawMessage, error)
	ChangeDocument(ctx context.Context, project bine.ProjectName, kind, name string, experiment int, change func(old json.RawMessage) (json.RawMessage, error)) error
	Curves(ctx context.Context, project bine.ProjectName, runs []bine.TrackedID, metrics []string, most int) ([]bine.Curve, error)
}

// number is the schema of bine.Number.
type number struct{}

// Schema says that it is a number, or one of three words.
func (number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeNumber}, {Type: huma.TypeString, Enum: []any{"NaN", "Infinity", "-Infinity"}}}}
}

// InExperiment names an experiment in the path.
type InExperiment struct {
	InProject
	Experiment int `path:"experiment" minimum:"0" doc:"number of the experiment"`
}

// InTracked names a tracked run in the path.
type InTracked struct {
	InProject
	Tracked bine.TrackedID `path:"tracked" doc:"id of the tracked run, 32 hexadecimal digits"`
}

func (a *API) experiments(ctx context.Context, in *InProject) (*body[[]bine.Experiment], error) {
	return list(a.Store.Experiments(ctx, in.Project))
}

func (a *API) experiment(ctx context.Context, in *InExperiment) (*body[bine.Experiment], error) {
	return answer(a.Store.Experiment(ctx, in.Project, in.Experiment))
}

func (a *API) createExperiment(ctx context.Context, in *struct {
	InProject
	Body client.NewExperiment
}) (*body[bine.Experiment], error) {
	e, err := a.Store.CreateExperiment(ctx, in.Project, in.Body.Name, in.Body.Tags, callOf(ctx).User)
	named(ctx, fmt.Sprintf("projects/%s/experiments/%s", in.Project, in.Body.Name))
	return answer(e, err)
}

func (a *API) changeExperiment(ctx context.Context, in *struct {
	InExperiment
	Body client.ExperimentChange
}) (*body[bine.Experiment], error) {
	if err := a.Store.ChangeExperiment(ctx, in.Project, in.Experiment, store.ExperimentChange(in.Body)); err != nil {
		return nil, err
	}
	return answer(a.Store.Experiment(ctx, in.Project, in.Experiment))
}

// TrackedPatience is how long a tracked run that says nothing of it may be silent.
const TrackedPatience = time.Minute

func (a *API) startTracked(ctx context.Context, in *struct {
	InTracked
	Body client.NewTracked
}) (*body[bine.TrackedRun], error) {
	b := in.Body
	r := bine.TrackedRun{ID: in.Tracked, Name: b.Name, Kind: b.Kind, State: bine.Running, Fence: 1, Patience: b.Patience, CreatedBy: callOf(ctx).User}
	if r.Name == "" {
		r.Name = "run-" + string(in.Tracked[:min(len(in.Tracked), 8)])
	}
	if r.Kind == "" {
		r.Kind = bine.TrackedClient
	}
	if r.Patience == 0 {
		r.Patience = TrackedPatience.Seconds()
	}
	if b.StartedAt != nil {
		r.StartedAt = *b.StartedAt
	}
	var err error
	if r.Experiment, err = a.experimentFor(ctx, in.Project, b.Experiment); err != nil {
		return nil, err
	}
	if r, err = a.Store.StartTracked(ctx, in.Project, r); err != nil {
		return nil, err
	}
	if len(b.Params)+len(b.Tags) > 0 {
		if _, err := a.Store.Report(ctx, in.Project, in.Tracked, bine.Report{Params: b.Params, Tags: b.Tags}); err != nil {
			return nil, err
		}
		r, err = a.Store.Tracked(ctx, in.Project, in.Tracked)
	}
	return answer(r, err)
}

// experimentFor gives the number of an experiment, which is made where there is none.
func (a *API) experimentFor(ctx context.Context, p bine.ProjectName, name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	e, err := a.Store.ExperimentNamed(ctx, p, name)
	if bine.IsKind(err, bine.NotFound) {
		e, err = a.Store.CreateExperiment(ctx, p, name, nil, callOf(ctx).User)
		if bine.IsKind(err, bine.Conflict) { // somebody else made it
			e, err = a.Store.ExperimentNamed(ctx, p, name)
		}
	}
	return e.ID, err
}

func (a *API) trackStep(ctx context.Context, in *InProject) (*body[bine.TrackedRun], error) {
	attempt := callOf(ctx).Attempt
	if attempt == "" {
		return nil, bine.Errorf(bine.Invalid, "this is for processes of steps, which have the token of a job: PUT tracked-runs/{id} makes a tracked run for others")
	}
	return answer(a.Store.TrackStep(ctx, attempt))
}

func (a *API) tracked(ctx context.Context, in *InTracked) (*body[bine.TrackedRun], error) {
	return answer(a.Store.Tracked(ctx, in.Project, in.Tracked))
}

func (a *API) changeTracked(ctx context.Context, in *struct {
	InTracked
	Body client.TrackedChange
}) (*body[bine.TrackedRun], error) {
	b := in.Body
	return answer(a.Store.ChangeTracked(ctx, in.Project, in.Tracked, store.TrackedChange{Name: b.Name, State: b.State, Reason: b.Reason, EndedAt: b.EndedAt,
		Removed: b.Removed, Order: b.Order, Claim: b.Claim, Without: b.Without}))
}

func (a *API) report(ctx context.Context, in *struct {
	InTracked
	Body bine.Report
}) (*body[bine.ReportAnswer], error) {
	return answer(a.Store.Report(ctx, in.Project, in.Tracked, in.Body))
}

const defaultTracked = 100

func (a *API) searchTracked(ctx context.Context, in *struct {
	InProject
	Body client.TrackedSearch
}) (*body[client.TrackedPage], error) {
	b := in.Body
	q := store.TrackedSearch{Experiments: b.Experiments, Removed: &b.Removed, Limit: b.Limit}
	if q.Limit == 0 {
		q.Limit = defaultTracked
	}
	var err error
	if q.Where, err = filter.Parse(b.Filter); err != nil {
		return nil, err
	}
	for _, text := range b.OrderBy {
		o, err := filter.ParseOrder(text)
		if err != nil {
			return nil, err
		}
		q.Order = append(q.Order, o)
	}
	if b.After != "" {
		if q.Offset, err = strconv.Atoi(b.After); err != nil || q.Offset < 0 {
			return nil, bine.Errorf(bine.Invalid, "after is %q: give the next of the page before", b.After)
		}
	}
	found, more, err := a.Store.SearchTracked(ctx, in.Project, q)
	page := client.TrackedPage{Runs: found}
	if more {
		page.Next = strconv.Itoa(q.Offset + len(found))
	}
	if page.Runs == nil {
		page.Runs = []bine.TrackedRun{}
	}
	return answer(page, err)
}

// defaultPoints is how many points of a curve a picture needs.
const defaultPoints = 400

func (a *API) curves(ctx context.Context, in *struct {
	InProject
	Body client.CurvesWanted
}) (*body[[]bine.Curve], error) {
	most := in.Body.Points
	if most == 0 {
		most = defaultPoints
	}
	return list(a.Store.Curves(ctx, in.Project, in.Body.Runs, in.Body.Metrics, most))
}
