package main

import (
	"context"
	"io"
	"path/filepath"
	"sync"

	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/environment"
	"github.com/bine-ml/bine/internal/environment/uv"
)

// environments gives an agent its builder. uv is fetched when the first
// environment is built, so that a host without a network still runs what it has.
type environments struct {
	dir string

	mu      sync.Mutex
	builder *uv.Builder
}

// ready fetches uv where that was not done yet.
func (e *environments) ready(ctx context.Context, log io.Writer) (*uv.Builder, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.builder != nil {
		return e.builder, nil
	}
	program, err := uv.Ensure(ctx, filepath.Join(e.dir, "uv"), log)
	if err != nil {
		return nil, err
	}
	e.builder = e.with(program)
	return e.builder, nil
}

func (e *environments) with(program string) *uv.Builder {
	return uv.New(uv.Config{Program: program})
}

// Lock resolves requirements to exact versions.
func (e *environments) Lock(ctx context.Context, python string, requires []string, log io.Writer) (activities.LockEnvironmentResult, error) {
	b, err := e.ready(ctx, log)
	if err != nil {
		return activities.LockEnvironmentResult{}, err
	}
	lock, err := b.Lock(ctx, environment.Spec{Python: python, Requires: requires}, log)
	return activities.LockEnvironmentResult{Lock: lock.Text, Packages: lock.Packages, Python: lock.Python}, err
}

// Install puts a lock in place at dir.
func (e *environments) Install(ctx context.Context, lock, python, dir string, log io.Writer) error {
	b, err := e.ready(ctx, log)
	if err != nil {
		return err
	}
	return b.Install(ctx, environment.Lock{Text: lock, Python: python}, dir, log)
}

// What follows looks at what is installed and needs no uv.

func (e *environments) Installed(dir string) bool     { return e.with("").Installed(dir) }
func (e *environments) Remove(dir string) error       { return e.with("").Remove(dir) }
func (e *environments) PythonPath(dir string) string  { return e.with("").PythonPath(dir) }
func (e *environments) ReadPaths(dir string) []string { return e.with("").ReadPaths(dir) }
