package dfs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// leaseCall is what one client asks for about the file, under a lease or none.
type leaseCall struct {
	op     string // lease, renew, release, recover, write, overwrite
	holder string
	epoch  int64
}

type leaseAnswer struct {
	kind  bine.Kind
	epoch int64 // of lease and recover
}

// leaseHeld is the state: who writes to the file, if anybody does.
type leaseHeld struct {
	holder string
	epoch  int64
}

func (h leaseHeld) after(c leaseCall, a leaseAnswer) (bool, leaseHeld) {
	if a.kind == bine.Unavailable {
		return true, h
	}
	want, next := leaseAnswer{}, h
	fenced := c.epoch != 0 && c.epoch != h.epoch
	switch c.op {
	case "lease":
		switch {
		case h.epoch == 0: // whichever number it has
			return a.kind == "" && a.epoch != 0, leaseHeld{c.holder, a.epoch}
		case h.holder == c.holder:
			want.epoch = h.epoch
		default:
			want.kind = bine.Leased
		}
	case "renew":
		if c.epoch != h.epoch {
			want.kind = bine.Fenced
		}
	case "release":
		if c.epoch == h.epoch {
			next = leaseHeld{}
		}
	case "recover":
		want.epoch, next = h.epoch, leaseHeld{}
	case "write":
		switch {
		case fenced:
			want.kind = bine.Fenced
		case c.epoch == 0 && h.epoch != 0:
			want.kind = bine.Leased
		}
	case "overwrite":
		switch {
		case fenced:
			want.kind = bine.Fenced
		case c.epoch == 0:
			next = leaseHeld{}
		}
	}
	return want == a, next
}

func (c leaseCall) run(t *testing.T, tree *dfs.Tree, path string, inode int64) (a leaseAnswer) {
	ctx, user := t.Context(), owner
	var l dfs.Lease
	var err error
	switch c.op {
	case "lease":
		l, err = tree.Lease(ctx, user, path, c.holder)
	case "renew":
		_, err = tree.RenewLease(ctx, user, dfs.Lease{Path: path, Inode: inode, Epoch: c.epoch})
	case "release":
		err = tree.ReleaseLease(ctx, user, dfs.Lease{Path: path, Inode: inode, Epoch: c.epoch})
	case "recover":
		l, err = tree.RecoverLease(ctx, user, path)
	case "write":
		user.Lease = c.epoch
		_, err = tree.Append(ctx, user, path, 0, nil)
	case "overwrite":
		user.Lease = c.epoch
		_, err = tree.Create(ctx, user, path, strings.NewReader("x"), dfs.CreateOptions{Overwrite: true})
	}
	switch e, ok := err.(*bine.Error); {
	case ok:
		return leaseAnswer{kind: e.Kind}
	case err != nil:
		t.Errorf("%+v: %v", c, err)
	}
	return leaseAnswer{epoch: l.Epoch}
}

// What writers of one file are told by several servers could have been told by one
// that does one thing at a time: so no two of them have the file at once.
func TestLeasesAreLinearizable(t *testing.T) {
	model := porcupine.Model{
		Init: func() any { return leaseHeld{} },
		Step: func(state, in, out any) (bool, any) {
			return state.(leaseHeld).after(in.(leaseCall), out.(leaseAnswer))
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const servers, clients, calls = 3, 5, 12
		store := new(mem.Store)
		trees := []*dfs.Tree{newTree(t, db, store, small)}
		for len(trees) < servers {
			tree := dfs.New(db, store, small)
			t.Cleanup(func() { tree.Close() })
			trees = append(trees, tree)
		}
		began, histories := time.Now(), 0
		for ; time.Since(began) < 4*time.Second; histories++ {
			path := at("Resources", fmt.Sprint("file", histories))
			inode := put(t, trees[0], path, []byte("x")).ID
			seed := rand.Uint64()
			var mu sync.Mutex
			var history []porcupine.Operation
			var wait sync.WaitGroup
			for client := range clients {
				wait.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(client)))
					mine := int64(1) // a lease that nobody has, at first
					for range calls {
						c := leaseCall{op: []string{"lease", "lease", "lease", "renew", "release", "recover", "write", "write", "overwrite"}[r.IntN(9)], holder: fmt.Sprint("client ", client)}
						switch c.op {
						case "renew", "release":
							c.epoch = mine
						case "write", "overwrite":
							if r.IntN(2) == 0 {
								c.epoch = mine
							}
						}
						asked := time.Since(began)
						a := c.run(t, trees[client%servers], path, inode)
						answered := time.Since(began)
						if c.op == "lease" && a.epoch != 0 {
							mine = a.epoch
						}
						mu.Lock()
						history = append(history, porcupine.Operation{ClientId: client, Input: c, Call: asked.Nanoseconds(), Output: a, Return: answered.Nanoseconds()})
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			if !porcupine.CheckOperations(model, history) {
				for _, o := range history {
					t.Logf("%d: %10d-%10d %s", o.ClientId, o.Call, o.Return, model.DescribeOperation(o.Input, o.Output))
				}
				t.Fatalf("no order of these calls explains their answers (seed %d)", seed)
			}
		}
		t.Logf("%d histories of %d calls", histories, clients*calls)
		wantSound(t, trees[0])
	})
}
