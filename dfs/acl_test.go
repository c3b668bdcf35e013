package dfs_test

import (
	"sync/atomic"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

// TestListAndMaskBelongTogether changes a list to and fro between two states,
// neither of which lets bob write, while bob tries to.
func TestListAndMaskBelongTogether(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		bob := dfs.User{Project: "demo", Name: "bob", Role: bine.DataScientist}
		path := at("Resources/file")
		put(t, tree, path, []byte("x"))
		states := [2][]bine.ACLEntry{}
		for i, text := range []string{"user::rw-,user:demo__bob:rw-,group::---,mask::r--,other::---", "user::rw-,user:demo__bob:r--,group::---,mask::rw-,other::---"} {
			var err error
			if states[i], err = bine.ParseACL(text, true); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tree.SetACL(t.Context(), owner, path, states[0]); err != nil {
			t.Fatal(err)
		}
		var done atomic.Bool
		changed := make(chan error, 1)
		go func() {
			defer done.Store(true)
			var err error
			for i := 0; i < 200 && err == nil; i++ {
				_, err = tree.SetACL(t.Context(), owner, path, states[i%2])
			}
			changed <- err
		}()
		tried := 0
		for !done.Load() {
			tried++
			if _, err := tree.Truncate(t.Context(), bob, path, 1); !bine.IsKind(err, bine.Forbidden) {
				t.Errorf("bob may write: %v", err)
				break
			}
		}
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
		if tried == 0 {
			t.Error("bob never tried")
		}
	})
}

func TestListsDoNotBoundShares(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		s.offer(dfstest.Other, bine.ShareRead)
		s.want(bine.ShareRead)
		nothing, err := bine.ParseACL("user::---,user:demo__bob:---,group::---,other::---,default:user:demo__bob:---", true)
		s.ok(err)
		_, err = s.tree.SetACL(t.Context(), owner, at("weather"), nothing)
		s.ok(err)
		if _, _, err := s.tree.List(t.Context(), theirs, at("weather"), "", 0); err != nil {
			t.Errorf("what is shared is not listed: %v", err)
		}
		if _, err := s.tree.ACL(t.Context(), theirs, at("weather")); err != nil {
			t.Errorf("the list of what is shared: %v", err)
		}
		_, err = s.tree.ModifyACL(t.Context(), theirs, at("weather"), []bine.ACLEntry{{Type: bine.ACLUser, Name: "demo__bob", Perm: "rwx"}})
		wantErr(t, "a change of the list by another project", err, bine.Forbidden)
	})
}
