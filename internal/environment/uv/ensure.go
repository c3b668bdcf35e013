package uv

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// Ensure gives the path of a uv of a version that is known to work: one on the
// PATH, or one that it puts into dir with the pip of a Python of the host. It
// needs no root and no virtual environment.
func Ensure(ctx context.Context, dir string, log io.Writer) (string, error) {
	if path, err := exec.LookPath("uv"); err == nil && works(ctx, path) {
		return path, nil
	}
	home := filepath.Join(dir, "uv-"+Version)
	program := filepath.Join(home, "bin", "uv")
	if works(ctx, program) {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", onDisk(err)
	}
	unlock, err := lockPath(ctx, home+".lock")
	if err != nil {
		return "", onDisk(err)
	}
	defer unlock()
	if works(ctx, program) {
		return program, nil
	}
	if err := fetch(ctx, home, log); err != nil {
		return "", err
	}
	if !works(ctx, program) {
		return "", bine.Errorf(bine.Internal, "uv %s was installed at %s, but does not run on this host", Version, program)
	}
	return program, nil
}

// works reports whether the program is a uv that this package knows: of the
// same minor version, and not older.
func works(ctx context.Context, program string) bool {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	fields := strings.Fields(string(out))
	if err != nil || len(fields) < 2 || fields[0] != "uv" {
		return false
	}
	got, known := strings.Split(fields[1], "."), strings.Split(Version, ".")
	if len(got) != 3 || got[0] != known[0] || got[1] != known[1] {
		return false
	}
	a, errA := strconv.Atoi(got[2])
	b, errB := strconv.Atoi(known[2])
	return errA == nil && errB == nil && a >= b
}

// fetch installs uv into home with the first Python that has a pip.
func fetch(ctx context.Context, home string, log io.Writer) error {
	b := New(Config{})
	programs := b.candidates("")
	if len(programs) == 0 {
		return bine.Errorf(bine.Unavailable, "this host has no Python: install 3.9 or newer (Debian: apt-get install python3 python3-pip)")
	}
	var failure error
	for _, program := range programs {
		if err := exec.CommandContext(ctx, program, "-m", "pip", "--version").Run(); err != nil {
			continue
		}
		failure = b.pip(ctx, program, home, log)
		if failure == nil || ctx.Err() != nil {
			return failure
		}
	}
	if failure != nil {
		return failure
	}
	return bine.Errorf(bine.Unavailable, "uv, which builds Python environments, is not on this host, and neither is pip to get it: "+
		"install pip (Debian: apt-get install python3-pip), or put uv %s on the PATH", Version)
}

// pip installs uv into home, complete or not at all.
func (b *Builder) pip(ctx context.Context, program, home string, log io.Writer) error {
	if err := clear(home); err != nil {
		return onDisk(err)
	}
	partial, err := os.MkdirTemp(filepath.Dir(home), filepath.Base(home)+".partial-")
	if err != nil {
		return onDisk(err)
	}
	defer func() { _ = os.RemoveAll(partial) }()
	fmt.Fprintf(log, "installing uv %s with the pip of %s\n", Version, program)
	cmd := exec.CommandContext(ctx, program, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
		"--no-deps", "--only-binary=:all:", "--target", partial, "uv=="+Version)
	cmd.Env = append(passed(b.config.Environ), "PIP_ROOT_USER_ACTION=ignore")
	cmd.Dir = partial
	said, err := b.run(cmd, log, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return explainPip(said, err)
	}
	if err := os.Chmod(partial, 0o755); err != nil {
		return onDisk(err)
	}
	return onDisk(os.Rename(partial, home))
}

// explainPip makes an error for people of what pip said.
func explainPip(said string, err error) error {
	switch {
	case containsAny(said, "No space left on device"):
		return bine.Errorf(bine.NoQuota, "the disk of this host is full: free some space, then try again")
	case containsAny(said, "NewConnectionError", "ConnectTimeout", "ReadTimeout", "Temporary failure", "ProxyError", "SSLError",
		"Network is unreachable", "ConnectionError"):
		return bine.Errorf(bine.Unavailable, "the package index does not answer, so uv cannot be installed: %s. Check the network; "+
			"a mirror is set by PIP_INDEX_URL or pip config, a proxy by HTTPS_PROXY", lastOf(said))
	case containsAny(said, "No matching distribution"):
		return bine.Errorf(bine.Unavailable, "the package index of this host does not carry uv %s for it: put it on the PATH, or set PIP_INDEX_URL to an index that does", Version)
	}
	return bine.Errorf(bine.Unavailable, "pip could not install uv %s (%w): %s", Version, err, lastOf(said))
}
