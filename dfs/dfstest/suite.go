// Package dfstest holds the tests that every implementation of dfs.FS must pass.
package dfstest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// The projects whose trees the file system under test holds, as
// dfs.Tree.MakeProjectTree makes them.
const (
	Project = bine.ProjectName("demo")
	Other   = bine.ProjectName("other")
)

// The users that the suite acts as.
var (
	owner     = dfs.User{Project: Project, Name: "ada", Role: bine.DataOwner}
	scientist = dfs.User{Project: Project, Name: "bob", Role: bine.DataScientist}
	colleague = dfs.User{Project: Project, Name: "cid", Role: bine.DataScientist}
	stranger  = dfs.User{Project: Other, Name: "eve", Role: bine.DataOwner}
)

// Run checks the promises of dfs.FS against file systems made by newFS, each
// with the trees of Project and Other and nothing else. They should keep no more
// than 4 KiB of a file in the database and make blocks of at most 1 MiB, so
// that a file of some MiB takes every path that a large one does.
func Run(t *testing.T, newFS func(*testing.T) dfs.FS) {
	for _, part := range []struct {
		name   string
		checks map[string]func(*testing.T, dfs.FS)
	}{
		{"Names", names}, {"Content", contents}, {"Append", appends}, {"Rename", renames},
		{"Truncate", truncates}, {"Remove", removes}, {"Access", accesses}, {"Lists", lists}, {"Links", links}, {"About", abouts}, {"Together", togethers}, {"Clone", clones}, {"Snapshots", snapshots}, {"Leases", leases},
	} {
		t.Run(part.name, func(t *testing.T) {
			for name, check := range part.checks {
				t.Run(name, func(t *testing.T) { check(t, newFS(t)) })
			}
		})
	}
}

// at gives a path in the project.
func at(parts ...string) string { return dfs.ProjectPath(Project, parts...) }

// noise gives n bytes that do not repeat, the same for the same n.
func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	data := make([]byte, n)
	source.Read(data)
	return data
}

func put(t *testing.T, fs dfs.FS, path string, data []byte) dfs.Info {
	t.Helper()
	info, err := fs.Create(t.Context(), owner, path, bytes.NewReader(data), dfs.CreateOptions{Overwrite: true, Parents: true})
	if err != nil {
		t.Fatalf("Create(%s) of %d bytes: %v", path, len(data), err)
	}
	return info
}

func mkdir(t *testing.T, fs dfs.FS, path string) dfs.Info {
	t.Helper()
	info, err := fs.Mkdir(t.Context(), owner, path, dfs.MkdirOptions{Parents: true})
	if err != nil {
		t.Fatalf("Mkdir(%s): %v", path, err)
	}
	return info
}

func get(t *testing.T, fs dfs.FS, path string) []byte {
	t.Helper()
	return getRange(t, fs, path, 0, 0)
}

func getRange(t *testing.T, fs dfs.FS, path string, offset, length int64) []byte {
	t.Helper()
	r, _, err := fs.Open(t.Context(), owner, path, offset, length)
	if err != nil {
		t.Fatalf("Open(%s, %d, %d): %v", path, offset, length, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return data
}

func wantContent(t *testing.T, fs dfs.FS, path string, want []byte) {
	t.Helper()
	if got := get(t, fs, path); !bytes.Equal(got, want) {
		t.Errorf("%s has %d other bytes than the %d expected", path, len(got), len(want))
	}
	if info := stat(t, fs, path); info.Size != int64(len(want)) {
		t.Errorf("%s: Stat says %d bytes, want %d", path, info.Size, len(want))
	}
}

func stat(t *testing.T, fs dfs.FS, path string) dfs.Info {
	t.Helper()
	info, err := fs.Stat(t.Context(), owner, path)
	if err != nil {
		t.Fatalf("Stat(%s): %v", path, err)
	}
	return info
}

// wantKind checks the kind of an error, and that its message names the path.
func wantKind(t *testing.T, what string, err error, kind bine.Kind, path string) {
	t.Helper()
	if !bine.IsKind(err, kind) {
		t.Errorf("%s: got %v, want an error of kind %s", what, err, kind)
		return
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("%s: the message %q does not name %s", what, err, path)
	}
}

func wantMissing(t *testing.T, fs dfs.FS, path string) {
	t.Helper()
	_, err := fs.Stat(t.Context(), owner, path)
	wantKind(t, "Stat", err, bine.NotFound, path)
}

func wantUsage(t *testing.T, fs dfs.FS, path string, bytes, files, directories int64) {
	t.Helper()
	u, err := fs.Usage(t.Context(), owner, path)
	if err != nil {
		t.Fatalf("Usage(%s): %v", path, err)
	}
	if u.Bytes != bytes || u.Files != files || u.Directories != directories {
		t.Errorf("Usage(%s): got %+v, want %d bytes, %d files, %d directories", path, u, bytes, files, directories)
	}
}

func baseNames(infos []dfs.Info) []string {
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names
}
