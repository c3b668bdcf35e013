package uv

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// python is an interpreter of the host.
type python struct {
	Executable string // resolved, and that of the base where it was a virtual environment's
	Prefix     string // where its library is
	Version    string
}

const describePython = `import json, os, sys
print(json.dumps({
    "Executable": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
    "Prefix": os.path.realpath(sys.base_prefix),
    "Version": "%d.%d.%d" % sys.version_info[:3],
}))`

const oldestPython = 9 // of the 3 series

// describe asks a program whether it is a Python, and which.
func describe(ctx context.Context, program string) (python, error) {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, program, "-I", "-c", describePython).Output()
	if err != nil {
		return python{}, err
	}
	var p python
	return p, json.Unmarshal(out, &p)
}

// minor gives 3.11 of 3.11.7.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// findPython finds an interpreter of the wanted version; empty is the host's own.
func (b *Builder) findPython(ctx context.Context, want string) (python, error) {
	var seen []string
	for _, program := range b.candidates(minor(want)) {
		p, err := describe(ctx, program)
		if err != nil {
			continue
		}
		if want == "" && oldEnough(p.Version) || want != "" && minor(p.Version) == minor(want) {
			return p, nil
		}
		if !slices.Contains(seen, p.Version) {
			seen = append(seen, p.Version)
		}
	}
	if want == "" {
		want = "3." + strconv.Itoa(oldestPython) + " or newer"
	}
	found := "there is none at all"
	if len(seen) > 0 {
		found = "there is " + strings.Join(seen, ", ")
	}
	return python{}, bine.Errorf(bine.Invalid, "this host has no Python %s (%s): install it (Debian: apt-get install python3), or ask for another version", want, found)
}

func oldEnough(version string) bool {
	parts := strings.Split(version, ".")
	if len(parts) < 2 || parts[0] != "3" {
		return false
	}
	n, err := strconv.Atoi(parts[1])
	return err == nil && n >= oldestPython
}

// candidates lists programs that may be the wanted interpreter, best first.
func (b *Builder) candidates(want string) []string {
	var out []string
	add := func(path string) {
		if !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	if b.config.Python != "" {
		add(b.config.Python)
	}
	names := []string{"python3", "python"}
	if want != "" {
		names = append([]string{"python" + want}, names...)
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			add(path)
		}
		for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				add(path)
			}
		}
	}
	return out
}
