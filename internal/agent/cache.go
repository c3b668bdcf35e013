package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// cache keeps code and inputs, addressed by content, apart for each project: a
// hash that one project knows gives nothing of another. An entry is complete or
// absent, and nobody writes to it again. A file is named by its hash, with .x
// where it is executable, a directory by its hash and .d.
type cache struct {
	dir   string
	limit int64 // bytes

	mu   sync.Mutex
	busy map[string]chan struct{} // entries that are being made; closed when done
}

func newCache(dir string, limit int64) *cache {
	return &cache{dir: dir, limit: limit, busy: map[string]chan struct{}{}}
}

// artifacts are the artifacts of a project, as the token of one of its jobs
// reaches them.
type artifacts struct {
	api     *client.Client
	project bine.ProjectName
}

// artifacts gives those that the attempt with the token may reach. An agent's
// own key reaches no project's data.
func (a *Agent) artifacts(project bine.ProjectName, token string) (artifacts, error) {
	api, err := client.New(client.Options{URL: a.o.API.URL(), Key: token, HTTP: a.o.HTTP})
	return artifacts{api: api, project: project}, err
}

// downloads is how many files of a directory are fetched at once.
const downloads = 8

// File gives the path of a file artifact.
func (c *cache) File(ctx context.Context, from artifacts, hash bine.Hash, executable bool) (string, error) {
	if err := errors.Join(from.project.Check(), hash.Check()); err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, string(from.project), string(hash))
	mode := fs.FileMode(0o444)
	if executable {
		path, mode = path+".x", 0o555
	}
	return path, c.once(ctx, path, func() error { return c.fetch(ctx, from, hash, path, mode) })
}

// Dir gives the path of a directory artifact.
func (c *cache) Dir(ctx context.Context, from artifacts, hash bine.Hash) (string, error) {
	if err := errors.Join(from.project.Check(), hash.Check()); err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, string(from.project), string(hash)+".d")
	return path, c.once(ctx, path, func() error { return c.assemble(ctx, from, hash, path) })
}

// once makes the entry at path where it is not there, and marks it as used.
func (c *cache) once(ctx context.Context, path string, do func() error) error {
	for {
		now := time.Now()
		if os.Chtimes(path, now, now) == nil {
			return nil
		}
		c.mu.Lock()
		other, taken := c.busy[path]
		if !taken {
			c.busy[path] = make(chan struct{})
		}
		c.mu.Unlock()
		if taken {
			select {
			case <-other:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = do()
		}
		c.mu.Lock()
		close(c.busy[path])
		delete(c.busy, path)
		c.mu.Unlock()
		return err
	}
}

// fetch downloads a file and checks that it is the one asked for.
func (c *cache) fetch(ctx context.Context, from artifacts, hash bine.Hash, path string, mode fs.FileMode) error {
	body, err := from.api.OpenArtifact(ctx, from.project, hash)
	if err != nil {
		return fmt.Errorf("fetch %.12s: %w", hash, err)
	}
	defer body.Close()
	partial, err := os.CreateTemp(filepath.Dir(path), ".partial-*")
	if err != nil {
		return err
	}
	defer os.Remove(partial.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(partial, sum), body)
	if closed := partial.Close(); err == nil {
		err = closed
	}
	if err != nil {
		if local(err) {
			return fmt.Errorf("fetch %.12s: %w", hash, err)
		}
		return bine.Errorf(bine.Unavailable, "fetch %.12s: %w", hash, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != string(hash) {
		return bine.Errorf(bine.Unavailable, "what the server sent for %.12s has the hash %.12s", hash, got)
	}
	if err := os.Chmod(partial.Name(), mode); err != nil {
		return err
	}
	return os.Rename(partial.Name(), path)
}

// assemble makes a directory of its files.
func (c *cache) assemble(ctx context.Context, from artifacts, hash bine.Hash, path string) error {
	entries, err := from.api.Manifest(ctx, from.project, hash)
	if err != nil {
		return fmt.Errorf("fetch the list of files of %.12s: %w", hash, err)
	}
	partial, err := os.MkdirTemp(filepath.Dir(path), ".partial-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	for _, e := range entries {
		if !filepath.IsLocal(filepath.FromSlash(e.Path)) {
			return bine.Errorf(bine.Invalid, "the list of files of %.12s names %q, which leads out of it", hash, e.Path)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(partial, e.Path)), 0o755); err != nil {
			return err
		}
	}
	err = eachOf(ctx, downloads, entries, func(ctx context.Context, e bine.ArtifactEntry) error {
		file, err := c.File(ctx, from, e.Hash, e.Executable)
		if err != nil {
			return err
		}
		return link(file, filepath.Join(partial, e.Path))
	})
	if err != nil {
		return err
	}
	if err := os.Chmod(partial, 0o755); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// eachOf calls do for every one of all, at most n at once, until one fails.
func eachOf[T any](ctx context.Context, n int, all []T, do func(context.Context, T) error) error {
	if len(all) == 0 {
		return nil
	}
	next := make(chan T)
	workers := make([]func(context.Context) error, min(n, len(all)))
	for i := range workers {
		workers[i] = func(ctx context.Context) error {
			for one := range next {
				if err := do(ctx, one); err != nil {
					return err
				}
			}
			return nil
		}
	}
	feed := func(ctx context.Context) error {
		defer close(next)
		for _, one := range all {
			select {
			case next <- one:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	return together(ctx, append(workers, feed)...)
}
