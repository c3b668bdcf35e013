// Package uv makes Python environments with uv, which PyPI carries.
//
// An environment is a relocatable virtual environment on an interpreter of the
// host, with compiled bytecode, because a process sees it read-only. It is
// built beside its place and moved there when everything asked for imports.
//
// What the host's pip is told about indexes, proxies and certificates holds
// for uv too. Where the index does not answer, what the cache holds is used.
//
// Source distributions run their own code while they are built, and may write
// to the cache; so a cache must not be shared by projects that do not trust
// each other. By default it lies beside the environments of each project.
package uv

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
)

// Version is the version of uv that is known to do what this package needs.
const Version = "0.13.8"

// Config says with what environments are made.
type Config struct {
	Program string // uv, see Ensure
	// Cache is the directory that keeps downloads and builds, on the file system
	// of the environments. Empty is one for each project: .cache beside the
	// environment that is installed; Lock then keeps nothing.
	Cache string
	// Python is the interpreter to start from where a Spec names no version;
	// empty is the first python3 on the PATH.
	Python string
	// Environ is what of the process's environment is looked at for settings of
	// uv, pip, proxies and compilers, as os.Environ gives it; nil is all of it.
	// Nothing else of it reaches the tools.
	Environ []string
	// Verify is how long importing may take; zero is five minutes.
	Verify time.Duration
	// Prepare, if set, changes each command before it is started, for example
	// to confine it. Commands read the system, the interpreter and the cache,
	// and write to the cache, to the environment's parent directory and to the
	// system's directory for temporary files.
	Prepare func(*exec.Cmd) error
}

// Builder makes environments with uv.
type Builder struct {
	config   Config
	settings func() settings // found once
}

var _ environment.Builder = (*Builder)(nil)

// New makes a builder. It starts nothing.
func New(c Config) *Builder {
	if c.Environ == nil {
		c.Environ = os.Environ()
	}
	if c.Verify == 0 {
		c.Verify = 5 * time.Minute
	}
	b := &Builder{config: c}
	b.settings = sync.OnceValue(b.findSettings)
	return b
}

// markerName is the file whose presence says that an environment is complete.
const markerName = "bine-environment.json"

// cacheName is the directory of downloads beside a project's environments.
const cacheName = ".cache"

// marker describes an environment in its own directory.
type marker struct {
	Python     string         `json:"python"`
	Executable string         `json:"executable"`
	Prefix     string         `json:"prefix"`
	Lock       bine.Hash      `json:"lock"`
	Packages   []bine.Package `json:"packages"`
}

func readMarker(dir string) (marker, error) {
	var m marker
	text, err := os.ReadFile(filepath.Join(dir, markerName))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// Installed reports whether dir is complete and its interpreter still there.
func (b *Builder) Installed(dir string) bool {
	if _, err := readMarker(dir); err != nil {
		return false
	}
	_, err := os.Stat(b.PythonPath(dir)) // follows the link to the host's interpreter
	return err == nil
}

// PythonPath is the interpreter of the environment at dir.
func (b *Builder) PythonPath(dir string) string { return filepath.Join(dir, "bin", "python") }

// ReadPaths lists what a process must be able to read to use the environment:
// the environment itself and the installation of the interpreter it is built on.
func (b *Builder) ReadPaths(dir string) []string {
	paths := []string{dir}
	m, err := readMarker(dir)
	if err != nil {
		return paths
	}
	paths = append(paths, m.Prefix)
	if bin := filepath.Dir(m.Executable); bin != m.Prefix && !strings.HasPrefix(bin, m.Prefix+string(filepath.Separator)) {
		paths = append(paths, bin)
	}
	return paths
}
