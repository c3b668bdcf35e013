// Package lake is the contract for files that are kept elsewhere, in a data
// lake, and read through a connector of a project: s3 is a bucket, webhdfs a
// directory of another file system, directory one of the server's host. The
// package front puts them beside the files of the project.
//
// A lake promises less than the file system of projects (package dfs): what
// others change there at the same moment may be seen or not, and nothing is
// renamed, appended to or given attributes through it.
package lake

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// Lake is a tree of files that is kept elsewhere. Paths are relative to its
// root, "" is that, and in the form of Clean. Errors that a caller can act on
// are *bine.Error: NotFound, Conflict (a directory where a file is needed or the
// other way round, already there, not empty), Forbidden and Unauthenticated
// (what is signed in with does not do), Invalid, NoQuota, Unavailable (try
// again). None of them holds a secret.
type Lake interface {
	// Stat describes what is at path.
	Stat(ctx context.Context, path string) (Entry, error)
	// List gives up to limit entries of a directory, from behind the one that
	// after says (Entry.After; "" is the beginning). The order is the lake's own
	// and stays: a walk over the pages meets what stays where it is exactly once.
	List(ctx context.Context, dir, after string, limit int) (Page, error)
	// Open reads length bytes from offset on, or fewer where the file ends;
	// length 0 is to the end. An offset behind the end is Invalid.
	Open(ctx context.Context, path string, offset, length int64) (io.ReadCloser, Entry, error)
	// Create makes a file of what r yields, and the directories above it. Nobody
	// sees a part of it; when it fails, what was there stays.
	Create(ctx context.Context, path string, r io.Reader, o CreateOptions) (Entry, error)
	// Mkdir makes a directory, and those above it. One that is there is no error.
	Mkdir(ctx context.Context, path string) error
	// Remove removes a file or an empty directory.
	Remove(ctx context.Context, path string) error
	// Close gives back what is held.
	Close() error
}

// Entry describes a file or directory of a lake.
type Entry struct {
	Name     string // last component; empty for the root
	Dir      bool
	Size     int64     // bytes; of a directory 0
	Modified time.Time // zero where the lake does not know
	Tag      string    // of a file: another one when its content is another
}

// After is what List goes on behind the entry with. A bucket may have a file
// and a directory of one name, so the directory's has a slash at its end.
func (e Entry) After() string {
	if e.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// Page is a part of the listing of a directory.
type Page struct {
	Entries []Entry
	More    bool
	// Omitted counts entries that are left out: their names are no names of
	// files here, or they are neither files nor directories.
	Omitted int64
}

// CreateOptions says how a file is made.
type CreateOptions struct {
	Overwrite bool  // replace a file that is there; without it that is a Conflict
	Size      int64 // bytes that r yields; -1 where that is not known
}

// Most is how many entries a page has at most.
const Most = 1000

// Limit gives how many entries a page of a limit has.
func Limit(limit int) int {
	if limit <= 0 || limit > Most {
		return Most
	}
	return limit
}

// CheckName reports whether a name can be a component of a path here.
func CheckName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= dfs.MaxName && utf8.ValidString(name) &&
		!strings.ContainsAny(name, "/\\\x00") && !strings.HasPrefix(name, partPrefix)
}

// partPrefix begins the names under which files are written until they are whole.
const partPrefix = ".bine-part-"

// PartName gives a name under which a file is written until it is whole. It is in no listing.
func PartName() string { return partPrefix + rand.Text() }

// NotFound says that nothing is at path.
func NotFound(path string) error {
	return bine.Errorf(bine.NotFound, "%s: there is no such file or directory", shown(path))
}

// IsDirectory says that a directory is where a file is needed.
func IsDirectory(path string) error {
	return bine.Errorf(bine.Conflict, "%s is a directory", shown(path))
}

// IsFile says that a file is where a directory is needed.
func IsFile(path string) error { return bine.Errorf(bine.Conflict, "%s is a file", shown(path)) }

// Exists says that something is there already.
func Exists(path string) error {
	return bine.Errorf(bine.Conflict, "%s is there already", shown(path))
}

// NotEmpty says that a directory cannot be removed as it is.
func NotEmpty(path string) error {
	return bine.Errorf(bine.Conflict, "%s is not empty: remove what is in it first", shown(path))
}

// BehindEnd says that a file is shorter than an offset.
func BehindEnd(path string, offset, size int64) error {
	return bine.Errorf(bine.Invalid, "%s has %d bytes: there is no offset %d", shown(path), size, offset)
}

// shown is a path as messages have it.
func shown(path string) string {
	if path == "" {
		return "the connector's root"
	}
	return path
}
