package uv

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
)

// A lock is a requirements file: comments on top that say what was asked for,
// then each package with the hashes of its files.
const (
	pythonHeader   = "# python: "
	requiresHeader = "# requires: "
)

var (
	lockedPackage = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.+!_-]*)(\s*;[^\\]*)?\s*\\?$`)
	lockedHash    = regexp.MustCompile(`^\s+--hash=sha(256|384|512):[0-9a-f]{64,128}\s*\\?$`)
)

// Lock resolves the requirements for the interpreter of this host.
func (b *Builder) Lock(ctx context.Context, spec environment.Spec, log io.Writer) (environment.Lock, error) {
	if err := spec.Check(); err != nil {
		return environment.Lock{}, err
	}
	py, err := b.findPython(ctx, spec.Python)
	if err != nil {
		return environment.Lock{}, err
	}
	requires := slices.Clone(spec.Requires)
	for i := range requires {
		requires[i] = strings.TrimSpace(requires[i])
	}
	slices.Sort(requires)
	resolved, err := b.resolve(ctx, py, requires, log)
	if err != nil {
		return environment.Lock{}, err
	}
	text := pythonHeader + py.Version + "\n"
	for _, r := range requires {
		text += requiresHeader + r + "\n"
	}
	text += resolved
	packages, err := packagesOf(text)
	return environment.Lock{Text: text, Packages: packages, Python: py.Version}, err
}

// resolve asks uv for exact versions with hashes.
func (b *Builder) resolve(ctx context.Context, py python, requires []string, log io.Writer) (string, error) {
	if len(requires) == 0 {
		return "", nil
	}
	dir, err := os.MkdirTemp("", "bine-lock-")
	if err != nil {
		return "", fmt.Errorf("lock: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	in, out := filepath.Join(dir, "requirements.in"), filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(in, []byte(strings.Join(requires, "\n")+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("lock: %w", err)
	}
	cache := b.config.Cache
	if cache == "" {
		cache = filepath.Join(dir, "cache")
	}
	if err := b.uv(ctx, cache, log, "pip", "compile", in, "--output-file", out, "--generate-hashes", "--no-header",
		"--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--python", py.Executable); err != nil {
		return "", err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return "", fmt.Errorf("lock: %w", err)
	}
	return string(text), nil
}

// packagesOf checks that a lock says nothing but exact packages and hashes, and
// lists the packages.
func packagesOf(text string) ([]bine.Package, error) {
	packages := []bine.Package{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch m := lockedPackage.FindStringSubmatch(line); {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") || lockedHash.MatchString(line):
		case m != nil:
			packages = append(packages, bine.Package{Name: environment.Name(m[1]), Version: m[2]})
		default:
			return nil, bine.Errorf(bine.Invalid, "the lock has a line that is neither an exact package nor a hash: %.80q", line)
		}
	}
	slices.SortFunc(packages, func(a, b bine.Package) int { return strings.Compare(a.Name, b.Name) })
	return packages, nil
}

// header gives the values of the comments of a lock that begin with prefix.
func header(text, prefix string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), prefix); found {
			out = append(out, value)
		}
	}
	return out
}
