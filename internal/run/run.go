// Package run is the engine behind the activities of runs, steps, attempts,
// projects, environments and deployments: it evaluates expressions, resolves
// inputs, looks into the cache, and keeps the ledger. It decides nothing about
// order: that is the workflows'.
//
// Every method is safe to call again: it looks first whether its effect stands.
package run

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/trial"
)

// Launcher is what the engine asks of the workflow engine.
type Launcher interface {
	Deploy(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, version int) error
	StopDeployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, forget bool) error
	// StopBuilding asks the build of an environment to end, and says whether it is still going on.
	StopBuilding(ctx context.Context, project bine.ProjectName, version int) (going bool, err error)
	CancelRun(ctx context.Context, project bine.ProjectName, run bine.RunID) error
	DeleteSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error
	Granted(ctx context.Context, grants []lease.Grant) error
	StartRun(ctx context.Context, run bine.Run) error
	StartTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) error
	// Wake tells a workflow that waits to look again.
	Wake(ctx context.Context, workflow string) error
}

// Artifacts keeps files that are addressed by content.
type Artifacts interface {
	// Keep stores what r gives; the same bytes are stored once.
	Keep(ctx context.Context, project bine.ProjectName, r io.Reader) (bine.ArtifactRef, error)
	Manifest(ctx context.Context, project bine.ProjectName, hash bine.Hash) ([]bine.ArtifactEntry, error)
	Open(ctx context.Context, project bine.ProjectName, hash bine.Hash) (io.ReadCloser, error)
}

// Trees makes and removes the directories of projects.
type Trees interface {
	MakeProjectTree(ctx context.Context, project bine.ProjectName) error
	RemoveProject(ctx context.Context, project bine.ProjectName) error
}

// Poster talks to addresses outside that users name.
type Poster interface {
	Post(ctx context.Context, url string, body []byte) error
	// PostSigned is Post with a signature that the receiver can check; an empty secret signs nothing.
	PostSigned(ctx context.Context, url string, body []byte, secret string) error
	// Do makes a request and reads at most some bytes of the answer: a longer one is TooLarge, and with 0 none is read.
	Do(ctx context.Context, method, url string, headers http.Header, body []byte, most int64) (status int, answer []byte, err error)
}

// Engine is the engine.
type Engine struct {
	store     *store.Store
	ledger    *lease.Ledger
	launcher  Launcher
	artifacts Artifacts
	trees     Trees
	poster    Poster
	together  func(ctx context.Context, f func(ctx context.Context) error) error
	url       string // of the pages, for links in messages
	log       *slog.Logger
	dags      *definitions
	sweeps    *trial.Keeper

	files      Files
	mailer     Mailer // nil where no mail is configured
	sign       func(bine.ApprovalToken) string
	openSecret func(ctx context.Context, project bine.ProjectName) (string, error)
}

// Config is what an engine is made of.
type Config struct {
	Store     *store.Store
	Ledger    *lease.Ledger
	Launcher  Launcher
	Artifacts Artifacts
	Trees     Trees
	Poster    Poster
	// Together makes one transaction of the calls of f.
	Together func(ctx context.Context, f func(ctx context.Context) error) error
	URL      string
	Log      *slog.Logger
	Files    Files
	Mailer   Mailer // nil where no mail is configured
	// Sign makes the token of a link that answers an approval; nil makes none.
	Sign func(bine.ApprovalToken) string
	// Secret gives what the webhooks of a project are signed with; nil signs nothing.
	Secret func(ctx context.Context, project bine.ProjectName) (string, error)
	// Sweeps keeps searches; nil makes one that nobody else shares.
	Sweeps *trial.Keeper
}

// New makes an engine.
func New(c Config) *Engine {
	if c.Sweeps == nil {
		c.Sweeps = trial.New(c.Store)
	}
	return &Engine{
		store: c.Store, ledger: c.Ledger, launcher: c.Launcher, artifacts: c.Artifacts, trees: c.Trees,
		poster: c.Poster, together: c.Together, url: c.URL, log: c.Log, dags: newDefinitions(),
		files: c.Files, mailer: c.Mailer, sign: c.Sign, openSecret: c.Secret, sweeps: c.Sweeps,
	}
}

// Begin moves a run from pending to running, or to waiting while it is not its turn.
func (e *Engine) Begin(ctx context.Context, in activities.RunRef) (activities.Begun, error) {
	run, err := e.store.RunOnly(ctx, in.Project, in.Run)
	if err != nil {
		return activities.Begun{}, err
	}
	if run.State.Ended() {
		return activities.Begun{State: run.State}, nil
	}
	dag, err := e.dag(ctx, run)
	if err != nil {
		return activities.Begun{}, err
	}
	environment, err := e.store.CurrentEnvironment(ctx, in.Project)
	if err != nil {
		return activities.Begun{}, err
	}
	begun := activities.Begun{State: bine.Running, Environment: environment}
	if at, limited := deadlineOf(run, dag); limited {
		if begun.DeadlineAt = at.UnixMicro(); run.DeadlineAt == nil {
			if err := e.store.SetRunDeadline(ctx, in.Project, in.Run, at); err != nil {
				return begun, err
			}
		}
	}
	kept, err := e.goingOn(ctx, run)
	if err != nil {
		return begun, err
	}
	err = e.together(ctx, func(ctx context.Context) error {
		if err := e.keep(ctx, run, dag, kept); err != nil {
			return err
		}
		for i, s := range dag.Steps {
			row := bine.Step{Run: run.ID, Name: s.Name, Kind: s.Kind(), State: bine.Pending}
			if err := e.store.PutStep(ctx, in.Project, row, i); err != nil {
				return err
			}
		}
		granted, reason, err := e.runTurn(ctx, run, dag)
		if err != nil {
			return err
		}
		if begun.State, begun.Reason = bine.Running, ""; !granted && run.State != bine.Running {
			begun.State, begun.Reason = bine.Waiting, reason
		}
		return e.store.MoveRun(ctx, in.Project, in.Run, []bine.State{bine.Pending, bine.Waiting}, begun.State, begun.Reason)
	})
	return begun, err
}

// deadlineOf gives when a run is late: so long after its planned time, or after
// it was accepted.
func deadlineOf(run bine.Run, dag dags.DAG) (at time.Time, limited bool) {
	switch {
	case run.DeadlineAt != nil:
		return *run.DeadlineAt, true
	case dag.Deadline == 0:
		return at, false
	case run.Tick != nil && run.Backfill == "":
		return run.Tick.Add(activities.Seconds(dag.Deadline)), true
	}
	return run.CreatedAt.Add(activities.Seconds(dag.Deadline)), true
}

// unfinished are the states of what has not ended.
func unfinished() []bine.State { return []bine.State{bine.Pending, bine.Waiting, bine.Running} }

// Finish moves a run to its end, and what of it has none; the messages about
// it are put into the outbox in the same transaction. Who waits for the end is
// told.
func (e *Engine) Finish(ctx context.Context, in activities.RunRef, end activities.Outcome) (activities.Finished, error) {
	run, err := e.store.RunOnly(ctx, in.Project, in.Run)
	if err != nil {
		return activities.Finished{}, err
	}
	out := activities.Finished{Outcome: end}
	err = e.together(ctx, func(ctx context.Context) error {
		if _, err := e.store.EndSteps(ctx, in.Project, in.Run, bine.Cancelled, "the run ended before"); err != nil {
			return err
		}
		if err := e.store.ReleaseClaims(ctx, in.Project, store.StepRef{Run: in.Run}); err != nil {
			return err
		}
		if err := e.store.WithdrawApprovals(ctx, in.Project, store.StepRef{Run: in.Run}); err != nil {
			return err
		}
		out, err = e.finish(ctx, run, end)
		return err
	})
	if err != nil {
		return out, err
	}
	if err := e.finishRun(ctx, in); err != nil {
		return out, err
	}
	if run.Backfill != "" {
		e.wakeBackfill(ctx, run.Project, run.Backfill)
	}
	e.wakeParent(ctx, run)
	return out, nil
}

// finish writes how a run ended, what it gives, and whom that is told. One that
// has ended already keeps its end.
func (e *Engine) finish(ctx context.Context, run bine.Run, end activities.Outcome) (activities.Finished, error) {
	if run.State.Ended() {
		unsent, err := e.store.UnsentNotices(ctx, run.Project, run.ID)
		return activities.Finished{Outcome: activities.Outcome{State: run.State, Reason: run.Reason}, Notify: len(unsent) > 0}, err
	}
	dag, err := e.dag(ctx, run)
	if err != nil {
		return activities.Finished{}, err
	}
	run.State, run.Reason = end.State, end.Reason
	if run.Outputs, err = e.runOutputs(ctx, run, dag); err != nil {
		if ctx.Err() != nil || bine.KindOf(err) == bine.Internal || bine.KindOf(err) == bine.Unavailable {
			return activities.Finished{}, err
		}
		if end.State == bine.Succeeded {
			end = activities.Outcome{State: bine.Failed, Failure: bine.FailureOutput, Reason: err.Error()}
			run.State, run.Reason = end.State, end.Reason
		}
	}
	if err := e.store.EndRun(ctx, run.Project, run.ID, end.State, end.Reason, run.Outputs); err != nil {
		return activities.Finished{}, err
	}
	notify, err := e.endNotices(ctx, run, dag)
	return activities.Finished{Outcome: end, Notify: notify}, err
}

// runOutputs evaluates the outputs of a run that is about to end.
func (e *Engine) runOutputs(ctx context.Context, run bine.Run, dag dags.DAG) (map[string]json.RawMessage, error) {
	if len(dag.Outputs) == 0 {
		return nil, nil
	}
	rows, err := e.rows(ctx, activities.StepRef{RunRef: activities.RunRef{Project: run.Project, Run: run.ID}}, dag, dag.OutputReferences())
	if err != nil {
		return nil, err
	}
	scope, err := dag.Scope(run.Project, run, rows)
	if err != nil {
		return nil, err
	}
	return dag.EvaluateOutputs(ctx, scope)
}

// Settle moves a step that did not succeed to its end, and gives back its turn.
func (e *Engine) Settle(ctx context.Context, in activities.StepRef, end activities.Outcome) (activities.Outcome, error) {
	end, err := e.settle(ctx, in, end)
	if err == nil {
		err = e.giveBack(ctx, stepOwner(in))
	}
	return end, err
}

func (e *Engine) settle(ctx context.Context, in activities.StepRef, end activities.Outcome) (activities.Outcome, error) {
	for _, item := range itemsOf(in) {
		ref := store.StepRef{Run: in.Run, Step: in.Step, Item: item}
		row, err := e.store.Step(ctx, in.Project, ref)
		if err != nil {
			return end, err
		}
		if row.State.Ended() {
			if len(in.Items) == 0 {
				return activities.Outcome{State: row.State, Reason: row.Reason}, nil
			}
			continue
		}
		if err := e.store.MoveStep(ctx, in.Project, ref, unfinished(), end.State, end.Reason); err != nil {
			return end, err
		}
	}
	return end, nil
}

// itemsOf lists the keys that a reference stands for; a step that is no fan-out
// has the one empty key.
func itemsOf(in activities.StepRef) []string {
	if len(in.Items) > 0 {
		return in.Items
	}
	return []string{in.Item}
}

// ItemKeys lists some items of a fan-out.
func (e *Engine) ItemKeys(ctx context.Context, in activities.StepRef, from, count int) ([]string, error) {
	return e.store.ItemKeys(ctx, in.Project, in.Run, in.Step, from, count)
}

// Gather sums the items of a fan-out up.
func (e *Engine) Gather(ctx context.Context, in activities.StepRef) (activities.Outcome, error) {
	states, err := e.store.ItemStates(ctx, in.Project, in.Run, in.Step)
	if err != nil {
		return activities.Outcome{}, err
	}
	all, bad := 0, 0
	for state, n := range states {
		all += n
		if !state.OK() && state != bine.Skipped {
			bad += n
		}
	}
	end := activities.Outcome{State: bine.Succeeded}
	if bad > 0 {
		end = activities.Outcome{State: bine.Failed, Reason: fmt.Sprintf("%d of %d items did not succeed%s", bad, all, e.firstReason(ctx, in))}
	}
	if all > 0 && states[bine.Cached] == all {
		end.State = bine.Cached
	}
	ref := store.StepRef{Run: in.Run, Step: in.Step}
	return end, e.store.MoveStep(ctx, in.Project, ref, unfinished(), end.State, end.Reason)
}

// firstReason says why the first failed item failed.
func (e *Engine) firstReason(ctx context.Context, in activities.StepRef) string {
	items, _, err := e.store.Items(ctx, in.Project, in.Run, in.Step, "", 1)
	if err != nil || len(items) == 0 || items[0].Reason == "" {
		return ""
	}
	return fmt.Sprintf("; %s: %s", items[0].Item, items[0].Reason)
}

// Accept makes the run of a tick.
func (e *Engine) Accept(ctx context.Context, in activities.TickInput) (activities.Accepted, error) {
	s, err := e.store.Schedule(ctx, in.Project, in.Schedule)
	if err != nil {
		return activities.Accepted{}, err
	}
	version, err := e.store.PipelineVersion(ctx, in.Project, s.Pipeline, s.Version)
	if err != nil {
		return activities.Accepted{}, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return activities.Accepted{}, err
	}
	given := map[string]json.RawMessage{}
	if len(s.Params) > 0 {
		if err := json.Unmarshal(s.Params, &given); err != nil {
			return activities.Accepted{}, bine.Errorf(bine.Invalid, "the params of schedule %s are not readable: %w", s.Name, err)
		}
	}
	params, err := dag.ResolveParams(given)
	if err != nil {
		return activities.Accepted{}, err
	}
	at := time.UnixMicro(in.At).UTC()
	run, _, err := e.store.AcceptRun(ctx, in.Project, store.NewRun{
		Pipeline: s.Pipeline, Version: version.Version, Params: params, Schedule: s.Name, Tick: &at, By: s.CreatedBy,
		Key: fmt.Sprintf("schedule/%s/%s", s.Name, at.Format(time.RFC3339Nano)),
	})
	if err != nil {
		return activities.Accepted{}, err
	}
	return activities.Accepted{RunRef: activities.RunRef{Project: in.Project, Run: run.ID}, Plan: dag.Plan(), Priority: priorityOf(run, dag)}, nil
}
