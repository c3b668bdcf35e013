package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

// logRoutes show what processes print.
func (a *API) logRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	add(a, route{id: "read-log", method: http.MethodGet, path: "projects/{project}/runs/{run}/logs", tag: "runs", summary: "The log of a step's attempt from an offset on; with follow until the attempt has ended",
		access: see, stream: true, gives: "text/plain"}, a.runLog)
	add(a, route{id: "read-server-log", method: http.MethodGet, path: "projects/{project}/deployments/{deployment}/logs", tag: "deployments", summary: "The log of the model server that answers now",
		access: see, stream: true, gives: "text/plain"}, a.serverLog)
}

const logsDir = "Logs"

// logPath is where the log of an attempt is kept.
func logPath(t bine.Attempt) string {
	var parts []string
	for _, part := range []string{string(t.Owner.Step), t.Owner.Item} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	name := strings.Join(append(parts, fmt.Sprint(t.Number), "log"), ".")
	return dfs.ProjectPath(t.Owner.Project, logsDir, t.Owner.Name, name)
}

// removeLogs removes the logs of everything that a run or server printed.
func (a *API) removeLogs(ctx context.Context, p bine.ProjectName, owner string) error {
	err := a.Files.Remove(ctx, dfs.Platform(), dfs.ProjectPath(p, logsDir, owner), dfs.RemoveOptions{Recursive: true})
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// InLog says which part of a log is wanted.
type InLog struct {
	Offset int64 `query:"offset" minimum:"0" doc:"bytes to leave out"`
	Follow bool  `query:"follow" doc:"go on until the attempt has ended"`
}

func (a *API) runLog(ctx context.Context, in *struct {
	InStep
	InLog
}) (*huma.StreamResponse, error) {
	run, err := a.Store.Run(ctx, in.Project, in.Run)
	if err != nil {
		return nil, err
	}
	find := func(ctx context.Context) (bine.Attempt, bool, error) {
		t, err := a.attempt(ctx, in.owner(), in.Attempt)
		if !bine.IsKind(err, bine.NotFound) {
			return t, true, err
		}
		if run, err = a.Store.Run(ctx, in.Project, in.Run); err != nil {
			return t, false, err
		}
		return t, !run.State.Ended(), nil // none yet: one may come while the run goes on
	}
	return a.log(ctx, find, in.InLog)
}

func (a *API) serverLog(ctx context.Context, in *struct {
	InDeployment
	InLog
}) (*huma.StreamResponse, error) {
	d, err := a.Store.Deployment(ctx, in.Project, in.Deployment)
	if err != nil {
		return nil, err
	}
	if d.Attempt == "" {
		return nil, bine.Errorf(bine.NotFound, "no server of deployment %s has answered yet", in.Deployment)
	}
	find := func(ctx context.Context) (bine.Attempt, bool, error) {
		t, err := a.Store.Attempt(ctx, d.Attempt)
		return t, true, err
	}
	return a.log(ctx, find, in.InLog)
}

// log streams the log of the attempt that find gives. find also says whether
// one may still come.
func (a *API) log(ctx context.Context, find func(context.Context) (bine.Attempt, bool, error), in InLog) (*huma.StreamResponse, error) {
	attempt, _, err := find(ctx)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ctx, cancel := a.until(hc.Context())
		defer cancel()
		hc.SetHeader("Content-Type", "text/plain; charset=utf-8")
		hc.SetHeader("X-Content-Type-Options", "nosniff")
		hc.SetHeader("Cache-Control", "no-store")
		hc.SetHeader("X-Accel-Buffering", "no")
		t := &tail{api: a, w: callOf(ctx).writer, offset: in.Offset}
		if err := t.run(ctx, attempt, find, in.Follow); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "log broke off", "attempt", attempt.ID, "error", err)
			panic(http.ErrAbortHandler) // the caller must not take it for the end
		}
	}}, nil
}

// tail sends a log as it grows.
type tail struct {
	api    *API
	w      http.ResponseWriter
	offset int64
}

func (t *tail) run(ctx context.Context, attempt bine.Attempt, find func(context.Context) (bine.Attempt, bool, error), follow bool) error {
	if follow {
		http.NewResponseController(t.w).Flush() // the head is out before the first line is
	}
	poll := time.NewTicker(t.api.LogPoll)
	defer poll.Stop()
	for {
		// The state is read before the bytes: what was written before the end is sent.
		ended := attempt.ID != "" && attempt.State.Ended()
		if attempt.ID != "" {
			if err := t.rest(ctx, attempt); err != nil {
				return err
			}
		}
		if ended || !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
		var err error
		more := true
		if attempt.ID == "" {
			attempt, more, err = find(ctx)
		} else {
			attempt, err = t.api.Store.Attempt(ctx, attempt.ID)
		}
		if err != nil || !more {
			return err
		}
	}
}

// rest sends what is there behind the offset.
func (t *tail) rest(ctx context.Context, attempt bine.Attempt) error {
	if attempt.LogSize <= t.offset && !attempt.State.Ended() {
		return nil
	}
	path := logPath(attempt)
	info, err := t.api.Files.Stat(ctx, dfs.Platform(), path)
	if bine.IsKind(err, bine.NotFound) || (err == nil && info.Size <= t.offset) {
		return nil
	}
	if err != nil {
		return err
	}
	r, _, err := t.api.Files.Open(ctx, dfs.Platform(), path, t.offset, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(t.w, r)
	t.offset += n
	if err != nil {
		return err
	}
	return http.NewResponseController(t.w).Flush()
}
