package artifact_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/artifact"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

const project = bine.ProjectName("demo")

// each runs check on every database.
func each(t *testing.T, check func(t *testing.T, s *artifact.Store, tree *dfs.Tree)) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tree := dfs.New(db, new(mem.Store), dfs.Options{})
		t.Cleanup(func() { tree.Close() })
		for _, name := range []bine.ProjectName{project, "other"} {
			if err := tree.MakeProjectTree(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		check(t, artifact.New(tree), tree)
	})
}

func put(t *testing.T, s *artifact.Store, data []byte) bine.ArtifactRef {
	t.Helper()
	ref, err := s.Put(t.Context(), project, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func get(t *testing.T, s *artifact.Store, hash bine.Hash, offset, length int64) []byte {
	t.Helper()
	r, _, err := s.Open(t.Context(), project, hash, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantKind(t *testing.T, what string, err error, kind bine.Kind, text string) {
	t.Helper()
	if !bine.IsKind(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, want an error of kind %s that says %q", what, err, kind, text)
	}
}

func TestAFileIsKeptUnderItsHash(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, tree *dfs.Tree) {
		for _, n := range []int{0, 100, 1 << 20} {
			data := bytes.Repeat([]byte("x"), n)
			want := bine.ArtifactRef{Hash: bine.HashOf(data), Kind: bine.ArtifactFile, Size: int64(n)}
			for range 2 { // the second time it is there already
				if got := put(t, s, data); got.Hash != want.Hash || got.Kind != want.Kind || got.Size != want.Size {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			if got := get(t, s, want.Hash, 0, 0); !bytes.Equal(got, data) {
				t.Errorf("%d bytes became %d", n, len(got))
			}
			if info, err := tree.Stat(t.Context(), dfs.Platform(), "/Projects/demo/.artifacts/"+string(want.Hash[:2])+"/"+string(want.Hash)); err != nil || info.Size != int64(n) {
				t.Errorf("its place: %+v, %v", info, err)
			}
		}
		if got := get(t, s, put(t, s, []byte("0123456789")).Hash, 3, 4); string(got) != "3456" {
			t.Errorf("a range: %q", got)
		}
	})
}

func TestContentThatHasAnotherHashIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, _ *dfs.Tree) {
		right := []byte("right")
		_, err := s.PutAs(t.Context(), project, bine.HashOf(right), strings.NewReader("wrong"))
		wantKind(t, "PutAs", err, bine.Invalid, string(bine.HashOf(right)))
		if missing, err := s.Has(t.Context(), project, []bine.Hash{bine.HashOf(right), bine.HashOf([]byte("wrong"))}); err != nil || len(missing) != 2 {
			t.Errorf("afterwards missing: %v, %v", missing, err)
		}
		if _, err := s.PutAs(t.Context(), project, bine.HashOf(right), bytes.NewReader(right)); err != nil {
			t.Error(err)
		}
		if _, err := s.PutAs(t.Context(), project, bine.HashOf(right), nil); err != nil {
			t.Errorf("what is there was read again: %v", err)
		}
		_, err = s.PutAs(t.Context(), project, "../../../etc/passwd", nil)
		wantKind(t, "a hash that is none", err, bine.Invalid, "hash")
	})
}

func TestHasNamesWhatIsMissingOnce(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, _ *dfs.Tree) {
		there, gone := put(t, s, []byte("there")).Hash, bine.HashOf([]byte("gone"))
		missing, err := s.Has(t.Context(), project, []bine.Hash{gone, there, gone})
		if err != nil || !slices.Equal(missing, []bine.Hash{gone}) {
			t.Errorf("got %v, %v", missing, err)
		}
		if missing, err := s.Has(t.Context(), "other", []bine.Hash{there}); err != nil || len(missing) != 1 {
			t.Errorf("another project has it, too: %v, %v", missing, err)
		}
		_, _, err = s.Open(t.Context(), "other", there, 0, 0)
		wantKind(t, "Open in another project", err, bine.NotFound, string(there))
	})
}

func TestADirectoryIsTheSameInAnyOrder(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, _ *dfs.Tree) {
		a, b := put(t, s, []byte("a")), put(t, s, []byte("bb"))
		entries := []bine.ArtifactEntry{
			{Path: "lib/b.py", Hash: b.Hash, Size: 2}, {Path: "a", Hash: a.Hash, Size: 1, Executable: true}, {Path: "lib/a.py", Hash: a.Hash, Size: 1},
		}
		first, err := s.PutManifest(t.Context(), project, entries)
		if err != nil || first.Kind != bine.ArtifactDir || first.Size != 4 {
			t.Fatalf("got %+v, %v", first, err)
		}
		slices.Reverse(entries)
		second, err := s.PutManifest(t.Context(), project, entries)
		if err != nil || second.Hash != first.Hash {
			t.Errorf("in another order: %+v, %v", second, err)
		}
		want := `[{"path":"a","hash":"` + string(a.Hash) + `","size":1,"executable":true},{"path":"lib/a.py","hash":"` + string(a.Hash) + `","size":1},{"path":"lib/b.py","hash":"` + string(b.Hash) + `","size":2}]`
		if got := get(t, s, first.Hash, 0, 0); string(got) != want || bine.HashOf([]byte(want)) != first.Hash {
			t.Errorf("the manifest is %s, want %s", got, want)
		}
		got, err := s.Manifest(t.Context(), project, first.Hash)
		if err != nil || len(got) != 3 || got[0].Path != "a" || !got[0].Executable || got[2] != entries[slices.IndexFunc(entries, func(e bine.ArtifactEntry) bool { return e.Path == "lib/b.py" })] {
			t.Errorf("got %+v, %v", got, err)
		}
		if ref, err := s.Stat(t.Context(), project, first.Hash); err != nil || ref.Kind != bine.ArtifactDir || ref.Size != 4 {
			t.Errorf("Stat: %+v, %v", ref, err)
		}
		_, err = s.Manifest(t.Context(), project, a.Hash)
		wantKind(t, "Manifest of a file", err, bine.Invalid, string(a.Hash))
		if empty, err := s.PutManifest(t.Context(), project, nil); err != nil || string(get(t, s, empty.Hash, 0, 0)) != "[]" {
			t.Errorf("an empty directory: %+v, %v", empty, err)
		}
	})
}

func TestAManifestNeedsItsFiles(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, _ *dfs.Tree) {
		there, gone := put(t, s, []byte("there")).Hash, bine.HashOf([]byte("gone"))
		_, err := s.PutManifest(t.Context(), project, []bine.ArtifactEntry{{Path: "a", Hash: there, Size: 5}, {Path: "b", Hash: gone, Size: 4}})
		wantKind(t, "a missing file", err, bine.Invalid, string(gone))
		if strings.Contains(err.Error(), string(there)) {
			t.Errorf("the message names a file that is there: %v", err)
		}
		_, err = s.PutManifest(t.Context(), project, []bine.ArtifactEntry{{Path: "a", Hash: there, Size: 6}})
		wantKind(t, "a wrong size", err, bine.Invalid, "5")
	})
}

func TestBadPathsOfAManifestAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, _ *dfs.Tree) {
		hash := put(t, s, nil).Hash
		for _, paths := range [][]string{{""}, {"/a"}, {"a/"}, {"a//b"}, {"."}, {"../a"}, {"a/../b"}, {"a/.."}, {"a\\..\\b"}, {"a\x00"}, {"\xff"}, {strings.Repeat("x", 256)}, {"a", "a"}, {"a", "a-b", "a/b"}} {
			var entries []bine.ArtifactEntry
			for _, path := range paths {
				entries = append(entries, bine.ArtifactEntry{Path: path, Hash: hash})
			}
			if _, err := s.PutManifest(t.Context(), project, entries); !bine.IsKind(err, bine.Invalid) {
				t.Errorf("%q: got %v, want an error of kind invalid", paths, err)
			}
		}
	})
}

func TestManyMayPutTheSame(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, tree *dfs.Tree) {
		data := bytes.Repeat([]byte("same"), 50_000)
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				if ref, err := s.Put(t.Context(), project, bytes.NewReader(data)); err != nil || ref.Hash != bine.HashOf(data) {
					t.Errorf("got %+v, %v", ref, err)
				}
			})
		}
		group.Wait()
		if u, err := tree.Usage(t.Context(), dfs.Platform(), "/Projects/demo/.artifacts"); err != nil || u.Files != 1 || u.Bytes != int64(len(data)) {
			t.Errorf("got %+v, %v", u, err)
		}
	})
}

func TestNothingIsKeptForAProjectThatIsGone(t *testing.T) {
	each(t, func(t *testing.T, s *artifact.Store, tree *dfs.Tree) {
		if err := tree.RemoveProject(t.Context(), project); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 100_000} {
			_, err := s.Put(t.Context(), project, bytes.NewReader(make([]byte, n)))
			wantKind(t, "Put", err, bine.NotFound, "/Projects/demo")
		}
		if _, err := tree.Stat(t.Context(), dfs.Platform(), "/Projects/demo"); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("the project came back: %v", err)
		}
	})
}
