package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/trial"
	"github.com/bine-ml/bine/workflows"
)

// sweepRoutes are those of searches for the best configuration.
func (a *API) sweepRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	run := auth.Access{Role: bine.DataScientist, Scopes: runs}
	const one = "projects/{project}/runs/{run}/sweeps/{step}"
	add(a, route{id: "list-sweeps", method: http.MethodGet, path: "projects/{project}/sweeps", tag: "sweeps", summary: "The sweeps, newest first", access: see}, a.sweeps)
	add(a, route{id: "describe-sweep", method: http.MethodGet, path: one, tag: "sweeps", summary: "One sweep: a step of a run that searches", access: see}, a.sweep)
	add(a, route{id: "list-trials", method: http.MethodGet, path: one + "/trials", tag: "sweeps", summary: "Trials of a sweep: by number, or the best first", access: see}, a.trials)
	add(a, route{id: "list-sweep-decisions", method: http.MethodGet, path: one + "/decisions", tag: "sweeps", summary: "What a sweep decided and why, in order", access: see}, a.sweepDecisions)
	add(a, route{id: "list-sweep-events", method: http.MethodGet, path: one + "/events", tag: "sweeps", summary: "What happened to a sweep, in order: its decisions follow from it", access: see}, a.sweepEvents)
	add(a, route{id: "report-trial", method: http.MethodPost, path: "projects/{project}/trial-reports", tag: "sweeps", summary: "Tell what the trial whose job token is presented reached; answers whether it goes on",
		access: auth.Access{Role: bine.DataScientist, Scopes: runs, Job: true}, silent: true}, a.reportTrial)
	add(a, route{id: "change-sweep", method: http.MethodPost, path: one + "/changes", tag: "sweeps", summary: "Pause, resume, stop or extend a sweep, change how many run at once, or add a configuration", access: run}, a.changeSweep)
}

// InSweep names a sweep in the path.
type InSweep struct {
	InProject
	Run  bine.RunID    `path:"run" doc:"id of the run"`
	Step bine.StepName `path:"step" doc:"name of the step"`
}

func (in InSweep) ref() bine.SweepRef {
	return bine.SweepRef{Project: in.Project, Run: in.Run, Step: in.Step}
}

func (a *API) sweeps(ctx context.Context, in *struct {
	InProject
	InPage
}) (*body[client.Page[bine.Sweep]], error) {
	return page(a.Store.Sweeps(ctx, in.Project, in.After, in.Limit))
}

func (a *API) sweep(ctx context.Context, in *InSweep) (*body[bine.Sweep], error) {
	return answer(a.Store.Sweep(ctx, in.ref()))
}

func (a *API) trials(ctx context.Context, in *struct {
	InSweep
	InPage
	State bine.TrialState `query:"state" doc:"only those in this state"`
	Order string          `query:"order" enum:"trial,best" default:"trial" doc:"by number, or the best first"`
}) (*body[client.Page[bine.SweepTrial]], error) {
	skip, err := placeOf(in.After, "trials")
	if err != nil {
		return nil, err
	}
	order := store.TrialsByNumber
	if in.Order == "best" {
		s, err := a.Store.SweepAt(ctx, in.ref())
		if err != nil {
			return nil, err
		}
		if order = store.TrialsByLeast; s.Goal == string(sweep.Maximize) {
			order = store.TrialsByMost
		}
	}
	list, err := a.Store.SweepTrials(ctx, in.ref(), in.State, order, int(skip), in.Limit+1)
	next := ""
	if len(list) > in.Limit {
		list, next = list[:in.Limit], strconv.FormatInt(skip+int64(in.Limit), 10)
	}
	return page(list, next, err)
}

// placeOf reads what a page before gave as next, where that counts.
func placeOf(after, what string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil || n < 0 {
		return 0, bine.Errorf(bine.Invalid, "%q is no place in the list of %s: use what the page before gave as next", after, what)
	}
	return n, nil
}

func (a *API) sweepDecisions(ctx context.Context, in *struct {
	InSweep
	InPage
	Trial int `query:"trial" doc:"only those about this trial"`
}) (*body[client.Page[bine.SweepDecision]], error) {
	after, err := placeOf(in.After, "decisions")
	if err != nil {
		return nil, err
	}
	list, err := a.Store.SweepDecisions(ctx, in.ref(), in.Trial, after, in.Limit)
	next := ""
	if len(list) == in.Limit {
		next = strconv.FormatInt(list[len(list)-1].Seq, 10)
	}
	return page(list, next, err)
}

func (a *API) sweepEvents(ctx context.Context, in *struct {
	InSweep
	InPage
}) (*body[client.Page[bine.SweepEvent]], error) {
	after, err := placeOf(in.After, "events")
	if err != nil {
		return nil, err
	}
	list, err := a.Store.SweepEvents(ctx, in.ref(), after, in.Limit)
	next := ""
	if len(list) == in.Limit {
		next = strconv.FormatInt(list[len(list)-1].Seq, 10)
	}
	return page(list, next, err)
}

// changeSweep adds what somebody wants to the log of a sweep.
func (a *API) changeSweep(ctx context.Context, in *struct {
	InSweep
	Body client.SweepChange
}) (*body[bine.Sweep], error) {
	event, err := eventOf(in.Body, callOf(ctx).User)
	if err != nil {
		return nil, err
	}
	named(ctx, fmt.Sprintf("projects/%s/runs/%s/sweeps/%s", in.Project, in.Run, in.Step))
	now, err := a.Store.SweepAt(ctx, in.ref())
	if err != nil {
		return nil, err
	}
	if now.State.Ended() {
		return nil, bine.Errorf(bine.Conflict, "sweep %s is %s: start another run", in.ref(), now.State)
	}
	key := in.Body.Key
	if key == "" {
		key = fmt.Sprintf("%s-%d", event.Kind, a.now().UnixNano())
	}
	err = a.Sweeps.Apply(ctx, in.ref(), func(*sweep.Engine) ([]trial.Event, error) {
		return []trial.Event{{Key: requestKeys + key, Event: event}}, nil
	})
	if err != nil {
		return nil, err
	}
	a.launched(ctx, a.Launcher.Wake(ctx, workflows.StepWorkflowID(in.Project, in.Run, in.Step, "")))
	return a.sweep(ctx, &in.InSweep)
}

// eventOf says what a change is for the engine.
func eventOf(c client.SweepChange, by bine.UserName) (sweep.Event, error) {
	v := sweep.Event{Kind: sweep.EventKind(c.Do), Reason: fmt.Sprintf("%s by %s", map[string]string{"pause": "paused", "stop": "stopped"}[c.Do], by)}
	switch v.Kind {
	case sweep.Pause, sweep.Stop:
		return v, nil
	case sweep.Resume:
	case sweep.Extend:
		v.Count, v.Budget, v.Allow = c.Trials, c.Budget, c.Failures
		if c.Trials <= 0 && c.Budget <= 0 && c.Failures <= 0 {
			return v, bine.Errorf(bine.Invalid, "extend by how much? Give trials, budget or failures")
		}
	case sweep.Parallel:
		if v.Count = c.Parallel; v.Count > mostParallel {
			return v, bine.Errorf(bine.Invalid, "at most %d trials run at once", mostParallel)
		}
	case sweep.Add:
		if v.Config = c.Config; !json.Valid(c.Config) {
			return v, bine.Errorf(bine.Invalid, "which configuration is added? Give config, an object")
		}
	default:
		return v, bine.Errorf(bine.Invalid, "%q is no change of a sweep", c.Do)
	}
	v.Reason = ""
	return v, nil
}

// mostParallel is how many trials of one sweep run at once at most, below what
// one workflow can have children in progress.
const mostParallel = 1000

// reportTrial takes a report of the process of a segment. The token of an
// attempt that was replaced is refused before.
func (a *API) reportTrial(ctx context.Context, in *struct {
	InProject
	Body client.TrialReport
}) (*body[bine.TrialAnswer], error) {
	refused := bine.Errorf(bine.Invalid, "this is for processes of a sweep, which have the token of a job")
	id := callOf(ctx).Attempt
	if id == "" {
		return nil, refused
	}
	attempt, err := a.Store.Attempt(ctx, id)
	if err != nil {
		return nil, err
	}
	owner, _ := attempt.Owner.Rank()
	number, segment, err := bine.ParseSegment(owner.Item)
	if err != nil {
		return nil, refused
	}
	ref := bine.SweepRef{Project: in.Project, Run: bine.RunID(owner.Name), Step: owner.Step}
	out, changed, err := a.Sweeps.Report(ctx, ref, number, segment, in.Body.At, in.Body.Metrics)
	if err == nil && changed {
		a.launched(ctx, a.Launcher.Wake(ctx, workflows.StepWorkflowID(ref.Project, ref.Run, ref.Step, "")))
	}
	return answer(out, err)
}
