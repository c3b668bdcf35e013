package uv

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
)

// Install puts the lock in place at dir, complete or not at all: it is built
// under another name beside dir and moved.
func (b *Builder) Install(ctx context.Context, lock environment.Lock, dir string, log io.Writer) error {
	packages, err := packagesOf(lock.Text)
	if err != nil {
		return err
	}
	if b.Installed(dir) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return onDisk(err)
	}
	unlock, err := lockPath(ctx, dir+".lock")
	if err != nil {
		return onDisk(err)
	}
	defer unlock()
	if b.Installed(dir) { // by whoever held the lock before
		return nil
	}
	if err := clear(dir); err != nil {
		return onDisk(err)
	}
	// A name of its own: a uv that outlived its killed parent may still write
	// to the directory of the attempt before.
	partial, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".partial-")
	if err != nil {
		return onDisk(err)
	}
	defer func() { _ = os.RemoveAll(partial) }()
	if err := b.build(ctx, lock, packages, partial, log); err != nil {
		return err
	}
	if err := flush(partial); err != nil {
		return onDisk(err)
	}
	if err := os.Rename(partial, dir); err != nil {
		return onDisk(err)
	}
	return nil
}

// build makes a whole environment at dir, an empty directory.
func (b *Builder) build(ctx context.Context, lock environment.Lock, packages []bine.Package, dir string, log io.Writer) error {
	want := lock.Python
	if made := header(lock.Text, pythonHeader); want == "" && len(made) > 0 {
		want = made[0]
	}
	py, err := b.findPython(ctx, want)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.uv(ctx, b.cacheOf(dir), log, "venv", dir, "--allow-existing", "--relocatable", "--no-project", "--python", py.Executable); err != nil {
		return err
	}
	if len(packages) > 0 {
		if err := b.sync(ctx, lock.Text, dir, log); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil { // MkdirTemp makes it 0700
		return onDisk(err)
	}
	fmt.Fprintf(log, "installed %d packages in %.1fs; importing them\n", len(packages), time.Since(began).Seconds())
	if err := b.verify(ctx, dir, header(lock.Text, requiresHeader), log); err != nil {
		return err
	}
	text, err := json.MarshalIndent(marker{py.Version, py.Executable, py.Prefix, bine.HashOf([]byte(lock.Text)), packages}, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, markerName), append(text, '\n'), 0o644)
	}
	if err != nil {
		return onDisk(err)
	}
	fmt.Fprintf(log, "ready after %.1fs\n", time.Since(began).Seconds())
	return nil
}

// cacheOf says where downloads for the environment at dir are kept.
func (b *Builder) cacheOf(dir string) string {
	if b.config.Cache != "" {
		return b.config.Cache
	}
	return filepath.Join(filepath.Dir(dir), cacheName)
}

// sync installs the packages of a lock into the virtual environment at dir.
func (b *Builder) sync(ctx context.Context, lock, dir string, log io.Writer) error {
	file, err := os.CreateTemp("", "bine-lock-*.txt")
	if err != nil {
		return onDisk(err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(lock)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return onDisk(err)
	}
	return b.uv(ctx, b.cacheOf(dir), log, "pip", "sync", file.Name(), "--require-hashes", "--compile-bytecode", "--python", b.PythonPath(dir))
}

// Remove takes dir away, and what an interrupted Install left beside it.
func (b *Builder) Remove(dir string) error {
	if _, err := os.Stat(filepath.Dir(dir)); os.IsNotExist(err) {
		return nil
	}
	unlock, err := lockPath(context.Background(), dir+".lock")
	if err != nil {
		return onDisk(err)
	}
	defer unlock()
	return onDisk(clear(dir))
}

// clear removes dir and all that was built for it. It moves dir out of its
// place first, so that nobody sees half of it.
func clear(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		gone, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".partial-")
		if err != nil {
			return err
		}
		if err := os.Rename(dir, filepath.Join(gone, "old")); err != nil {
			return err
		}
	}
	left, err := filepath.Glob(escapeGlob(dir) + ".partial-*")
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := removeAll(path); err != nil {
			return err
		}
	}
	return nil
}
