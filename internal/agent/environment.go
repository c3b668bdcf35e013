package agent

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

func (a *Agent) environmentDir(project bine.ProjectName, version int) string {
	return filepath.Join(a.o.Dir, environmentsDir, string(project), strconv.Itoa(version))
}

func (a *Agent) builder() (environments, error) {
	if a.o.Environments == nil {
		return nil, bine.Errorf(bine.Invalid, "host %s cannot install Python environments", a.o.Host)
	}
	return a.o.Environments, nil
}

// installed gives an environment, installed now where it is not there.
func (a *Agent) installed(ctx context.Context, project bine.ProjectName, version int, lock, python string) (placed, error) {
	builder, err := a.builder()
	if err != nil {
		return placed{}, err
	}
	if err := project.Check(); err != nil {
		return placed{}, err
	}
	dir := a.environmentDir(project, version)
	if !builder.Installed(dir) {
		in := activities.EnvironmentInput{Project: project, Version: version, Lock: lock, Python: python}
		if err := a.InstallEnvironment(ctx, in); err != nil {
			if ctx.Err() != nil {
				return placed{}, ctx.Err()
			}
			// Not Unavailable, even where an index is away: the attempt fails
			// and its step says whether it is tried again.
			return placed{}, bine.Errorf(bine.Invalid, "environment v%d could not be installed: %w", version, err)
		}
	}
	path := builder.PythonPath(dir)
	return placed{python: path, path: []string{filepath.Dir(path)}, read: builder.ReadPaths(dir)}, nil
}

// InstallEnvironment puts an environment in place, see activities.Supervisor.
func (a *Agent) InstallEnvironment(ctx context.Context, in activities.EnvironmentInput) error {
	builder, err := a.builder()
	if err != nil {
		return err
	}
	if err := in.Project.Check(); err != nil {
		return err
	}
	log := a.environmentLog(in.Project, in.Version)
	defer log.Close()
	return builder.Install(ctx, in.Lock, in.Python, a.environmentDir(in.Project, in.Version), log)
}

// LockEnvironment resolves requirements, see activities.Supervisor.
func (a *Agent) LockEnvironment(ctx context.Context, in activities.LockEnvironmentInput) (activities.LockEnvironmentResult, error) {
	builder, err := a.builder()
	if err != nil {
		return activities.LockEnvironmentResult{}, err
	}
	log := a.environmentLog(in.Project, in.Version)
	defer log.Close()
	return builder.Lock(ctx, in.Python, in.Requires, log)
}

// RemoveEnvironments removes all of a project's environments, and what is
// cached for it, see activities.Supervisor.
func (a *Agent) RemoveEnvironments(ctx context.Context, in activities.ProjectInput) error {
	if err := in.Project.Check(); err != nil {
		return err
	}
	base := filepath.Join(a.o.Dir, environmentsDir, string(in.Project))
	versions, err := filepath.Glob(filepath.Join(base, "[0-9]*"))
	if err != nil {
		return err
	}
	if a.o.Environments != nil {
		for _, dir := range versions {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := a.o.Environments.Remove(dir); err != nil {
				return err
			}
		}
	}
	discard(base)
	discard(filepath.Join(a.o.Dir, cacheDir, string(in.Project)))
	return nil
}

// environmentLog sends what is written to it to the log of an environment on
// this host, a few times a second.
func (a *Agent) environmentLog(project bine.ProjectName, version int) io.WriteCloser {
	l := &environmentLog{send: func(text []byte) error {
		ctx, done := context.WithTimeout(a.ctx, callWithin)
		defer done()
		return a.o.API.AppendEnvironmentLog(ctx, project, version, a.o.Host, text)
	}, ended: make(chan struct{}), flushed: make(chan struct{})}
	go l.run(func(err error) {
		a.log.Warn("log of an environment is not sent", "project", project, "version", version, "error", err)
	})
	return l
}

// environmentLog collects text and sends it in pieces. A server that is away
// costs lines, not the installation.
type environmentLog struct {
	send    func([]byte) error
	mu      sync.Mutex
	text    bytes.Buffer
	ended   chan struct{}
	flushed chan struct{}
}

// Write takes text to be sent.
func (l *environmentLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Close sends what is left.
func (l *environmentLog) Close() error {
	close(l.ended)
	<-l.flushed
	return nil
}

func (l *environmentLog) run(complain func(error)) {
	defer close(l.flushed)
	for done := false; !done; {
		select {
		case <-l.ended:
			done = true
		case <-time.After(shipAfter):
		}
		l.mu.Lock()
		whole := l.text.Len()
		if !done { // whole lines only, until the end
			whole = bytes.LastIndexByte(l.text.Bytes(), '\n') + 1
		}
		text := bytes.Clone(l.text.Next(whole))
		l.mu.Unlock()
		if len(text) == 0 {
			continue
		}
		if err := l.send(text); err != nil {
			complain(err)
		}
	}
}
