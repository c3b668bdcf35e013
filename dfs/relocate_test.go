package dfs_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/tier"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

func twoTiers(t testing.TB, first, cold block.Store) *tier.Stores {
	t.Helper()
	s, err := tier.New(first, map[string]block.Store{"cold": cold})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tiered is a tree over two tiers.
type tiered struct {
	sealing
	cold *mem.Store
}

func eachTiered(t *testing.T, test func(s tiered)) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := tiered{sealing{T: t, db: db, blocks: new(mem.Store), clock: new(clock)}, new(mem.Store)}
		o := small
		o.Now, o.Keys = s.clock.Now, testKeys{}
		s.tree = newTree(t, db, twoTiers(t, s.blocks, s.cold), o)
		test(s)
		wantSound(t, s.tree)
	})
}

// lie fails unless as many blocks lie in the tiers.
func (s tiered) lie(first, cold int) {
	s.Helper()
	if a, b := countBlocks(s, s.blocks), countBlocks(s, s.cold); a != first || b != cold {
		s.Errorf("%d and %d blocks lie in the tiers, want %d and %d", a, b, first, cold)
	}
}

func (s tiered) policy(dir, name string) {
	s.Helper()
	if err := s.tree.SetPolicy(s.Context(), owner, dir, dfs.Policy{Name: name, Inline: -1}); err != nil {
		s.Fatal(err)
	}
}

func (s tiered) relocate(path string) dfs.Relocated {
	s.Helper()
	r, err := s.tree.Relocate(s.Context(), owner, path, nil)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// later lets what was given up go.
func (s tiered) later() {
	s.Helper()
	s.clock.forward(2 * time.Hour)
	reclaimAll(s, s.tree)
}

var twoBlocks = append(bytes.Repeat([]byte("0123456789abcdef"), 1<<16), secret...) // of 1 MiB, and a little in the database

func TestBlocksComeIntoTheTierOfThePolicy(t *testing.T) {
	eachTiered(t, func(s tiered) {
		put(s, s.tree, at("Resources", "hot", "a"), twoBlocks)
		if _, err := s.tree.Mkdir(s.Context(), owner, at("Resources", "cold"), dfs.MkdirOptions{}); err != nil {
			s.Fatal(err)
		}
		s.policy(at("Resources", "cold"), "cold")
		put(s, s.tree, at("Resources", "cold", "below", "a"), twoBlocks)
		s.lie(2, 2)
		if _, err := s.tree.Append(s.Context(), owner, at("Resources", "cold", "below", "b"), 0, twoBlocks); err != nil {
			s.Fatal(err)
		}
		s.lie(2, 4)
		if _, err := s.tree.Append(s.Context(), owner, at("Resources", "cold", "below", "b"), int64(len(twoBlocks)), twoBlocks); err != nil {
			s.Fatal(err)
		}
		if _, err := s.tree.Truncate(s.Context(), owner, at("Resources", "cold", "below", "b"), 1<<19); err != nil {
			s.Fatal(err)
		}
		s.later()
		s.lie(2, 3)
		key := dfs.UploadKey{Path: at("Resources", "cold", "parts"), Size: int64(len(twoBlocks))}
		if _, err := s.tree.AddPart(s.Context(), owner, key, 0, twoBlocks); err != nil {
			s.Fatal(err)
		}
		if _, err := s.tree.FinishUpload(s.Context(), owner, key, dfs.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
		s.lie(2, 5)
		for _, name := range []string{"WARM", "warm", "nonsense!", "@cold"} {
			if err := s.tree.SetPolicy(s.Context(), owner, at("Resources"), dfs.Policy{Name: name, Inline: -1}); !bine.IsKind(err, bine.Invalid) {
				s.Errorf("%s: got %v, want an error of kind invalid", name, err)
			}
		}
		if p, err := s.tree.Policy(s.Context(), owner, at("Resources", "cold", "below")); err != nil || p.Name != "COLD" || p.Tier != "cold" {
			s.Errorf("the policy is %+v, %v", p, err)
		}
		without := dfs.New(s.db, s.blocks, small) // whose configuration has lost the tier
		defer without.Close()
		if _, err := without.Create(s.Context(), owner, at("Resources", "cold", "c"), bytes.NewReader(twoBlocks), dfs.CreateOptions{}); !bine.IsKind(err, bine.Invalid) {
			s.Errorf("a tier that is gone: got %v, want an error of kind invalid", err)
		}
		if done, err := without.Check(s.Context(), dfs.CheckOptions{}); err != nil || len(done.Problems) == 0 {
			s.Errorf("check without the tier: %+v, %v", done.Problems, err)
		}
	})
}

func TestRelocateMovesAndSeals(t *testing.T) {
	eachTiered(t, func(s tiered) {
		path := at("Resources", "dir", "a")
		before := put(s, s.tree, path, twoBlocks)
		if r := s.relocate(path); r != (dfs.Relocated{}) {
			s.Errorf("where it should be: %+v", r)
		}
		s.policy(at("Resources", "dir"), "COLD")
		if r := s.relocate(path); r.Blocks == 0 || r.Bytes < 1<<20 {
			s.Errorf("moved: %+v", r)
		}
		s.lie(2, 2) // for who reads it now
		s.reads(path, twoBlocks)
		s.later()
		s.lie(0, 2)
		encrypt(s.T, s.tree, true)
		if r := s.relocate(path); r.Bytes != int64(len(twoBlocks)) {
			s.Errorf("sealed: %+v", r)
		}
		s.later()
		s.lie(0, 2)
		if s.stored(secret) > 0 {
			s.Error("it lies in the database as it is")
		}
		for stat := range s.cold.List(s.Context()) {
			if stat.ID.Key() == 0 {
				s.Errorf("block %s is not sealed", stat.ID)
			}
		}
		s.policy(at("Resources", "dir"), dfs.Hot)
		encrypt(s.T, s.tree, false)
		s.relocate(path)
		s.later()
		s.lie(2, 0)
		s.reads(path, twoBlocks)
		if after, err := s.tree.Stat(s.Context(), owner, path); err != nil || after.Version != before.Version || !after.Modified.Equal(before.Modified) {
			s.Errorf("it is said to have changed: %+v, %v", after, err)
		}
		if _, err := s.tree.Relocate(s.Context(), dfs.User{Project: dfstest.Project, Name: "sue", Role: bine.DataScientist}, path, nil); !bine.IsKind(err, bine.Forbidden) {
			s.Errorf("a Data Scientist: got %v, want forbidden", err)
		}
	})
}

func TestRelocateOfBlocksOfSeveralFiles(t *testing.T) {
	eachTiered(t, func(s tiered) {
		dir := at("Resources", "dir")
		put(s, s.tree, dir+"/a", twoBlocks)
		clone(s, s.tree, dir+"/a", dir+"/b")
		if err := s.tree.AllowSnapshots(s.Context(), owner, dir); err != nil {
			s.Fatal(err)
		}
		if _, err := s.tree.CreateSnapshot(s.Context(), owner, dir, "then"); err != nil {
			s.Fatal(err)
		}
		other := dfs.User{Project: dfstest.Other, Name: "olaf", Role: bine.DataOwner}
		if err := s.tree.OfferShare(s.Context(), owner, "Resources", dfstest.Other, bine.ShareRead); err != nil {
			s.Fatal(err)
		}
		if err := s.tree.WantShare(s.Context(), other, dfstest.Project, "Resources", bine.ShareRead); err != nil {
			s.Fatal(err)
		}
		theirs := dfs.ProjectPath(dfstest.Other, "Resources", "theirs")
		if _, err := s.tree.Clone(s.Context(), other, dir+"/a", theirs, dfs.CloneOptions{}); err != nil {
			s.Fatal(err)
		}
		s.lie(2, 0)
		s.policy(dir, "COLD")
		if r, err := s.tree.Relocate(s.Context(), dfs.Platform(), dir+"/.snapshot/then/a", nil); err != nil || r.Blocks != 0 {
			s.Errorf("a snapshot of what is there moves nothing: %+v, %v", r, err)
		}
		s.relocate(dir + "/b")
		s.later()
		s.lie(2, 2) // the other project keeps its blocks where they are
		for _, name := range []string{"a", "b", ".snapshot/then/a", ".snapshot/then/b"} {
			if r, err := s.tree.Relocate(s.Context(), dfs.Platform(), dir+"/"+name, nil); err != nil || r.Blocks != 0 {
				s.Errorf("%s has moved with it: %+v, %v", name, r, err)
			}
			s.reads(dir+"/"+name, twoBlocks)
		}
		wantSound(s, s.tree)
		for _, name := range []string{"a", "b"} {
			if err := s.tree.Remove(s.Context(), owner, dir+"/"+name, dfs.RemoveOptions{}); err != nil {
				s.Fatal(err)
			}
		}
		s.policy(dir, dfs.Hot)
		if r, err := s.tree.Relocate(s.Context(), dfs.Platform(), dir+"/.snapshot/then/a", nil); err != nil || r.Blocks != 2 {
			s.Errorf("what only snapshots have: %+v, %v", r, err)
		}
		s.later()
		s.lie(4, 0)
		if err := s.tree.Remove(s.Context(), other, theirs, dfs.RemoveOptions{}); err != nil {
			s.Fatal(err)
		}
		if err := s.tree.DeleteSnapshot(s.Context(), owner, dir, "then"); err != nil {
			s.Fatal(err)
		}
		reclaimAll(s, s.tree)
		s.later()
		s.lie(0, 0)
	})
}

// Nobody who reads, writes, copies or removes files notices that they move.
func TestRelocateBesideEverything(t *testing.T) {
	eachTiered(t, func(s tiered) {
		const files, rounds = 4, 12
		dir := at("Resources", "dir")
		path := func(i int) string { return fmt.Sprint(dir, "/", i%files) }
		for i := range files {
			put(s, s.tree, path(i), twoBlocks)
		}
		var all, movers sync.WaitGroup
		over := make(chan struct{})
		movers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				if err := s.tree.SetPolicy(s.Context(), owner, dir, dfs.Policy{Name: []string{"COLD", dfs.Hot}[i/files%2], Inline: -1}); err != nil {
					s.Errorf("policy: %v", err)
				}
				if _, err := s.tree.Encrypt(s.Context(), owner, dfstest.Project, i%3 > 0, i%3 == 2); err != nil {
					s.Errorf("encrypt: %v", err)
				}
				if _, err := s.tree.Relocate(s.Context(), owner, path(i), nil); err != nil && !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Unavailable) {
					s.Errorf("relocate: %v", err)
				}
			}
		})
		busy := func(what string, f func(i int) error) {
			all.Go(func() {
				for i := range rounds {
					if err := f(i); err != nil && !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Conflict) && !bine.IsKind(err, bine.Unavailable) {
						s.Errorf("%s: %v", what, err)
					}
				}
			})
		}
		busy("read", func(i int) error {
			r, info, err := s.tree.Open(s.Context(), owner, path(i), 0, 0)
			if err != nil {
				return err
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || int64(len(got)) != info.Size || !bytes.HasPrefix(got, twoBlocks[:len(twoBlocks)/2]) {
				return bine.Errorf(bine.Internal, "%d bytes of %d: %w", len(got), info.Size, err)
			}
			return nil
		})
		busy("overwrite", func(i int) error {
			_, err := s.tree.Create(s.Context(), owner, path(i+1), bytes.NewReader(twoBlocks), dfs.CreateOptions{Overwrite: true})
			return err
		})
		busy("append", func(i int) error {
			info, err := s.tree.Stat(s.Context(), owner, path(i+2))
			if err == nil {
				_, err = s.tree.Append(s.Context(), owner, path(i+2), info.Size, secret)
			}
			return err
		})
		busy("truncate", func(i int) error {
			_, err := s.tree.Truncate(s.Context(), owner, path(i+1), int64(len(twoBlocks))-100)
			return err
		})
		busy("copy", func(i int) error {
			to := dir + "/copy"
			if _, err := s.tree.Clone(s.Context(), owner, path(i), to, dfs.CloneOptions{Overwrite: true}); err != nil {
				return err
			}
			return s.tree.Remove(s.Context(), owner, to, dfs.RemoveOptions{})
		})
		busy("copy all", func(i int) error {
			to := at("Jupyter", fmt.Sprint("copy", i))
			_, err := s.tree.Clone(s.Context(), owner, dir, to, dfs.CloneOptions{})
			return err
		})
		all.Wait()
		close(over)
		movers.Wait()
		wantSound(s, s.tree)
		s.later()
		if stored, named := countBlocks(s, s.blocks)+countBlocks(s, s.cold), countNamed(s, s.db); stored != named {
			s.Errorf("%d blocks are stored and %d named", stored, named)
		}
	})
}
