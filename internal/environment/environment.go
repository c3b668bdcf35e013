// Package environment makes a project's Python environment: an immutable,
// numbered version of it is a directory that one Builder put there, complete or
// not at all.
//
// Making a version has two halves. Lock resolves what was asked for to exact
// versions with hashes, once; Install puts that lock in place, on every host.
// Implementations live in the packages below; package environmenttest holds the
// tests that they must all pass. What a change of the requirements means is
// decided by the pure functions here (Apply, Diff).
package environment

import (
	"context"
	"io"

	"github.com/bine-ml/bine"
)

// Spec is what an environment is to consist of.
type Spec struct {
	Python   string   // minor version, for example 3.11; empty is the host's own
	Requires []string // requirements as pip writes them, see CheckRequirement
}

// Lock is an environment with every version decided.
type Lock struct {
	// Text holds the exact versions with the hashes of their files, in the form
	// that the builder's Install reads, with comments on top that say what was
	// asked for. It is all that Install needs.
	Text     string
	Packages []bine.Package // what will be installed, ordered by name
	Python   string         // exact version of the interpreter that it was made for
}

// Builder makes environments. Its methods may be called by several goroutines
// and processes at once; log gets what the tools underneath say, line by line,
// without secrets.
type Builder interface {
	// Lock resolves the requirements. Unknown packages and requirements that
	// exclude each other are Invalid, an index that does not answer is
	// Unavailable.
	Lock(ctx context.Context, spec Spec, log io.Writer) (Lock, error)
	// Install puts the lock in place at dir, whose parent it makes. Afterwards
	// dir is complete, or it is not there; an Install that was killed is taken
	// up by the next. Where dir is installed already nothing happens. What was
	// asked for is imported before it counts as installed; what does not import
	// is Invalid, a full disk NoQuota, an index that does not answer Unavailable.
	Install(ctx context.Context, lock Lock, dir string, log io.Writer) error
	// Installed reports whether dir is complete and its interpreter still there.
	Installed(dir string) bool
	// Remove takes dir away, and what an interrupted Install left beside it.
	// Removing what is not there is no error.
	Remove(dir string) error
	// PythonPath is the interpreter of the environment at dir.
	PythonPath(dir string) string
	// ReadPaths lists the directories that a process must be able to read and
	// execute from to use the environment, besides the system's libraries.
	ReadPaths(dir string) []string
}
