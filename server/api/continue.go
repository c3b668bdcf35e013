package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/continuation"
	"github.com/bine-ml/bine/internal/store"
)

// continueRoutes are those of runs that go on from others, and of what differs
// between runs and between versions.
func (a *API) continueRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows}
	run := auth.Access{Role: bine.DataScientist, Scopes: runs}
	const one = "projects/{project}/runs/{run}"
	add(a, route{id: "plan-continuation", method: http.MethodPost, path: one + "/continuation", tag: "runs", summary: "What a continuation of a run would run, and what it would keep; none is started", access: see, silent: true}, a.planContinuation)
	add(a, route{id: "continue-run", method: http.MethodPost, path: one + "/continue", tag: "runs", summary: "Start a run that keeps what a run that ended made, as far as it still holds", access: run, status: http.StatusCreated}, a.continueRun)
	add(a, route{id: "retry-run", method: http.MethodPost, path: one + "/retry", tag: "runs", summary: "Continue a run with what did not succeed; asked twice, it answers the same run", access: run}, a.retryRun)
	add(a, route{id: "compare-runs", method: http.MethodGet, path: one + "/comparison", tag: "runs", summary: "How a run differs from another of its pipeline", access: see}, a.compareRuns)
	add(a, route{id: "compare-versions", method: http.MethodGet, path: "projects/{project}/pipelines/{pipeline}/diff", tag: "pipelines", summary: "The difference of two versions, in unified form", access: see}, a.pipelineDiff)
}

// continued is a continuation that is thought through and not begun.
type continued struct {
	old    bine.Run
	was    bine.PipelineVersion
	is     bine.PipelineVersion
	dag    dags.DAG
	params json.RawMessage
	steps  []continuation.Step
}

// runs reports whether anything runs.
func (c continued) runs() bool { return continuation.Runs(c.steps, c.dag) }

// newRun is the run that it would be.
func (c continued) newRun(body client.Continue, by bine.UserName) store.NewRun {
	return store.NewRun{Pipeline: c.old.Pipeline, Version: c.is.Version, Params: c.params, Continues: c.old.ID, From: body.From, Priority: c.old.Priority,
		Schedule: c.old.Schedule, Tick: c.old.Tick, By: by}
}

// goOn says what a continuation of a run that has ended does.
func (a *API) goOn(ctx context.Context, p bine.ProjectName, run bine.RunID, body client.Continue) (c continued, err error) {
	if c.old, err = a.Store.Run(ctx, p, run); err != nil {
		return c, err
	}
	if !c.old.State.Ended() {
		return c, bine.Errorf(bine.Conflict, "run %s has not ended: cancel it first, or wait", c.old.ID)
	}
	was, err := a.side(ctx, p, c.old.Pipeline, c.old.Version, &c.was)
	if err != nil {
		return c, err
	}
	version := body.Version
	if version == 0 {
		version = c.old.Version
	}
	is, err := a.side(ctx, p, c.old.Pipeline, version, &c.is)
	if err != nil {
		return c, err
	}
	was.Params, c.dag = c.old.Params, is.DAG
	if c.params, err = continuation.Params(is.DAG, c.old.Params, body.Params); err != nil {
		return c, err
	}
	is.Params = c.params
	rows, err := a.Store.Steps(ctx, p, run)
	if err != nil {
		return c, err
	}
	c.steps, err = continuation.Plan(was, is, rows, body.From)
	return c, err
}

// side gives a version as a run executes it.
func (a *API) side(ctx context.Context, p bine.ProjectName, name bine.PipelineName, number int, version *bine.PipelineVersion) (side continuation.Side, err error) {
	if *version, err = a.Store.PipelineVersion(ctx, p, name, number); err != nil {
		return side, err
	}
	if side.DAG, err = dags.Decode(version.DAG); err != nil {
		return side, fmt.Errorf("decode version %d of %s: %w", version.Version, name, err)
	}
	if version.Code != "" {
		side.Code, err = a.Artifacts.Manifest(ctx, p, version.Code)
	}
	return side, err
}

func (a *API) planContinuation(ctx context.Context, in *struct {
	InRun
	Body client.Continue
}) (*body[bine.Continuation], error) {
	c, err := a.goOn(ctx, in.Project, in.Run, in.Body)
	if err != nil {
		return nil, err
	}
	out := bine.Continuation{Of: c.old.ID, Version: c.is.Version, Steps: []bine.ContinuationStep{}}
	for _, s := range c.steps {
		out.Steps = append(out.Steps, s.ContinuationStep)
	}
	out.Diff, err = a.versionDiff(ctx, in.Project, c.was, c.is)
	return answer(out, err)
}

func (a *API) continueRun(ctx context.Context, in *struct {
	InRun
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"the same key answers the same run"`
	Body client.Continue
}) (*body[bine.Run], error) {
	key, err := InStart{Key: in.Key, Body: client.NewRun{Key: in.Body.Key}}.key()
	if err != nil {
		return nil, err
	}
	if key != "" {
		old, err := a.Store.Run(ctx, in.Project, in.Run)
		if err != nil {
			return nil, err
		}
		if run, found, err := a.Store.RunOfKey(ctx, in.Project, old.Pipeline, key); found || err != nil {
			return a.accepted(ctx, run, false, err)
		}
	}
	c, err := a.goOn(ctx, in.Project, in.Run, in.Body)
	if err != nil {
		return nil, err
	}
	if !c.runs() {
		return nil, bine.Errorf(bine.Conflict, "nothing of run %s would run again: every step keeps its outputs; name those that are to run in from", c.old.ID)
	}
	run := c.newRun(in.Body, callOf(ctx).User)
	run.Key = key
	return a.accept(ctx, in.Project, run)
}

// retryRun continues a run with what did not succeed. Of a run that succeeded
// all is run again, as far as the cache does not hold it.
func (a *API) retryRun(ctx context.Context, in *InRun) (*body[bine.Run], error) {
	c, err := a.goOn(ctx, in.Project, in.Run, client.Continue{})
	if err != nil {
		return nil, err
	}
	run := c.newRun(client.Continue{}, callOf(ctx).User)
	run.Key = retryKeys + string(c.old.ID)
	if !c.runs() {
		run.Continues = ""
	}
	return a.accept(ctx, in.Project, run)
}

// versionDiff shows what differs between the texts of two versions, and between
// the files of their steps.
func (a *API) versionDiff(ctx context.Context, p bine.ProjectName, from, to bine.PipelineVersion) (string, error) {
	if from.Hash == to.Hash {
		return "", nil
	}
	name := func(v bine.PipelineVersion, file string) string {
		return fmt.Sprintf("%s/%d/%s", v.Pipeline, v.Version, file)
	}
	text, err := continuation.Diff(name(from, definitionFile), name(to, definitionFile), from.Source, to.Source)
	if err != nil || from.Code == to.Code {
		return text, err
	}
	was, err := a.codeFiles(ctx, p, from.Code)
	if err != nil {
		return "", err
	}
	is, err := a.codeFiles(ctx, p, to.Code)
	if err != nil {
		return "", err
	}
	for _, path := range namesOf(was, is) {
		if was[path].Hash == is[path].Hash {
			continue
		}
		left, err := a.textOf(ctx, p, was[path])
		if err != nil {
			return "", err
		}
		right, err := a.textOf(ctx, p, is[path])
		if err != nil {
			return "", err
		}
		more, err := continuation.Diff(name(from, path), name(to, path), left, right)
		if err != nil {
			return "", err
		}
		if text += more; len(text) > mostDiff {
			return text[:mostDiff] + "\n… and more\n", nil
		}
	}
	return text, nil
}

// definitionFile is how the text of a pipeline is called in differences.
const definitionFile = "pipeline.yml"

// The bounds of a difference, in bytes: of all of it, and of a file that is looked into.
const (
	mostDiff     = 1 << 20
	mostDiffFile = 256 << 10
)

func (a *API) codeFiles(ctx context.Context, p bine.ProjectName, code bine.Hash) (map[string]bine.ArtifactEntry, error) {
	files := map[string]bine.ArtifactEntry{}
	if code == "" {
		return files, nil
	}
	entries, err := a.Artifacts.Manifest(ctx, p, code)
	for _, e := range entries {
		files[e.Path] = e
	}
	return files, err
}

// textOf reads a file of the code. One that is no text, or long, is its hash.
func (a *API) textOf(ctx context.Context, p bine.ProjectName, e bine.ArtifactEntry) (string, error) {
	if e.Hash == "" {
		return "", nil
	}
	short := fmt.Sprintf("(%d bytes, %.12s)\n", e.Size, e.Hash)
	if e.Size > mostDiffFile {
		return short, nil
	}
	content, err := a.Artifacts.OpenAt(ctx, p, e.Hash, 0, 0)
	if err != nil {
		return "", err
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, mostDiffFile))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", e.Path, err)
	}
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return short, nil
	}
	return string(text), nil
}

func (a *API) pipelineDiff(ctx context.Context, in *struct {
	InPipeline
	From int `query:"from" minimum:"0" doc:"version; 0 is the one before to"`
	To   int `query:"to" minimum:"0" doc:"version; 0 is the newest"`
}) (*body[client.VersionDiff], error) {
	to, err := a.Store.PipelineVersion(ctx, in.Project, in.Pipeline, in.To)
	if err != nil {
		return nil, err
	}
	if in.From == 0 {
		in.From = max(1, to.Version-1)
	}
	from, err := a.Store.PipelineVersion(ctx, in.Project, in.Pipeline, in.From)
	if err != nil {
		return nil, err
	}
	diff, err := a.versionDiff(ctx, in.Project, from, to)
	return answer(client.VersionDiff{From: from.Version, To: to.Version, Diff: diff}, err)
}

// namesOf lists the keys of both maps, each once, in order.
func namesOf[V any](a, b map[string]V) []string {
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(names)
	return slices.Compact(names)
}
