package dfs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
)

// kept is a tree with the block store and the database below it.
type kept struct {
	limited
	db     *database.DB
	blocks *mem.Store
}

// blocksOf gives the sizes of the blocks of a file, and how many bytes lie in the database.
func (k kept) blocksOf(path string) (sizes []int64, inline int64) {
	k.t.Helper()
	info, err := k.Stat(k.t.Context(), owner, at(path))
	k.ok(err)
	rows, err := k.db.Read().Query("SELECT size FROM dfs_blocks WHERE inode_id = ? ORDER BY start", info.ID)
	k.ok(err)
	defer rows.Close()
	inline = info.Size
	for rows.Next() {
		var n int64
		k.ok(rows.Scan(&n))
		sizes, inline = append(sizes, n), inline-n
	}
	k.ok(rows.Err())
	return sizes, inline
}

// lies demands where the bytes of a file lie, and that they can be read.
func (k kept) lies(path string, want []byte, inline int64, blocks ...int64) {
	k.t.Helper()
	sizes, tail := k.blocksOf(path)
	if fmt.Sprint(sizes) != fmt.Sprint(blocks) || tail != inline {
		k.t.Errorf("%s: blocks of %v and %d bytes in the database, want %v and %d", path, sizes, tail, blocks, inline)
	}
	if got, err := get(k.t, k, at(path)); err != nil || !bytes.Equal(got, want) {
		k.t.Errorf("%s does not hold what was written: %d bytes of %d, %v", path, len(got), len(want), err)
	}
}

func (k kept) policy(path string, p dfs.Policy) {
	k.t.Helper()
	k.ok(k.SetPolicy(k.t.Context(), owner, at(path), p))
}

func eachKept(t *testing.T, test func(k kept)) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, _ := withClock(t, db, blocks)
		test(kept{limited{tree, t}, db, blocks})
		wantSound(t, tree)
	})
}

func TestPolicyOfADirectory(t *testing.T) {
	eachKept(t, func(k kept) {
		ctx := k.t.Context()
		mib, few := dfstestNoise(1<<20), dfstestNoise(3000)
		put(k.t, k, at("Resources/db/x/before"), mib)
		k.policy("Resources/db", dfs.Policy{Name: "db", Inline: -1})
		_, err := k.Mkdir(ctx, owner, at("Resources/blocks"), dfs.MkdirOptions{})
		k.ok(err)
		k.policy("Resources/blocks", dfs.Policy{Name: dfs.Blocks, Inline: -1})
		k.lies("Resources/db/x/before", mib, 0, 1<<20) // what was there stays
		put(k.t, k, at("Resources/db/x/after"), mib)
		k.lies("Resources/db/x/after", mib, 1<<20)
		put(k.t, k, at("Resources/db/x/before"), mib)
		k.lies("Resources/db/x/before", mib, 1<<20)
		put(k.t, k, at("Resources/db/x/large"), append(mib, 1))
		k.lies("Resources/db/x/large", append(mib, 1), 0, 1<<20, 1)
		put(k.t, k, at("Resources/blocks/small"), few)
		k.lies("Resources/blocks/small", few, 0, 3000)
		put(k.t, k, at("Resources/blocks/small"), few[:10])
		k.lies("Resources/blocks/small", few[:10], 0, 10)
		put(k.t, k, at("Resources/blocks/empty"), nil)
		k.lies("Resources/blocks/empty", nil, 0)
		_, err = k.Append(ctx, owner, at("Resources/blocks/empty"), 0, few)
		k.ok(err)
		k.lies("Resources/blocks/empty", few, 0, 3000)
		_, err = k.Append(ctx, owner, at("Resources/blocks/new"), 0, few)
		k.ok(err)
		k.lies("Resources/blocks/new", few, 0, 3000)
		_, err = k.Append(ctx, owner, at("Resources/db/new"), 0, few)
		k.ok(err)
		_, err = k.Append(ctx, owner, at("Resources/db/new"), 3000, few)
		k.ok(err)
		k.lies("Resources/db/new", append(bytes.Clone(few), few...), 6000)
		_, err = k.Truncate(ctx, owner, at("Resources/db/x/large"), 700_000)
		k.ok(err)
		k.lies("Resources/db/x/large", mib[:700_000], 700_000)
		_, err = k.Concat(ctx, owner, at("Resources/db/x/large"), []string{at("Resources/db/new")})
		k.ok(err)
		k.lies("Resources/db/x/large", append(bytes.Clone(mib[:700_000]), append(bytes.Clone(few), few...)...), 706_000)

		k.policy("Resources/db/x", dfs.Policy{Name: dfs.Hot, Inline: 100}) // the nearest one decides
		put(k.t, k, at("Resources/db/x/y/near"), few)
		k.lies("Resources/db/x/y/near", few, 0, 3000)
		put(k.t, k, at("Resources/db/x/y/near"), few[:100])
		k.lies("Resources/db/x/y/near", few[:100], 100)
		_, err = k.Append(ctx, owner, at("Resources/db/x/large"), 706_000, few)
		k.ok(err)
		k.lies("Resources/db/x/large", append(bytes.Clone(mib[:700_000]), append(append(bytes.Clone(few), few...), few...)...), 0, 709_000)
		k.policy("Resources/db/x", dfs.Policy{})
		put(k.t, k, at("Resources/db/x/y/near"), mib)
		k.lies("Resources/db/x/y/near", mib, 1<<20)
	})
}

func TestWhatIsToldOfPolicies(t *testing.T) {
	eachKept(t, func(k kept) {
		ctx := k.t.Context()
		put(k.t, k, at("Resources/a/b/f"), nil)
		want := func(path, name, from string, inline, block int64) {
			k.t.Helper()
			p, err := k.Policy(ctx, owner, at(path))
			if w := (dfs.Policy{Name: name, Path: from, Inline: inline, BlockSize: block}); err != nil || p != w {
				k.t.Errorf("the policy of %s: %+v, %v, want %+v", path, p, err, w)
			}
		}
		want("Resources/a/b/f", dfs.Hot, "", small.Inline, 0)
		k.policy("Resources/a", dfs.Policy{Name: dfs.DB, Inline: -1, BlockSize: 2 << 20})
		want("Resources/a/b/f", dfs.DB, at("Resources/a"), dfs.MaxInline, 2<<20)
		k.policy("Resources/a/b", dfs.Policy{Name: dfs.Hot, Inline: 128 << 10})
		want("Resources/a/b/f", dfs.Hot, at("Resources/a/b"), 128<<10, 0)
		put(k.t, k, at("Resources/a/g"), nil)
		list, _, err := k.List(ctx, owner, at("Resources/a"), "", 0)
		if err != nil || len(list) != 2 || list[0].Policy != dfs.Hot || list[1].Policy != dfs.DB {
			k.t.Errorf("List: %+v, %v", list, err)
		}
		info, err := k.Stat(ctx, owner, at("Resources/a/g"))
		if err != nil || info.Policy != dfs.DB || info.BlockSize != 2<<20 {
			k.t.Errorf("Stat: %+v, %v", info, err)
		}
		k.ok(k.SetPolicy(ctx, owner, at(), dfs.Policy{Name: dfs.DB, Inline: -1}))
		want("Jupyter", dfs.DB, at(), dfs.MaxInline, 0)
		for _, c := range []struct {
			what string
			user dfs.User
			path string
			p    dfs.Policy
			kind bine.Kind
		}{
			{"a Data Scientist", scientist, at("Resources"), dfs.Policy{Name: dfs.DB}, bine.Forbidden},
			{"of a file", owner, at("Resources/a/g"), dfs.Policy{Name: dfs.DB}, bine.Conflict},
			{"one that there is not", owner, at("Resources"), dfs.Policy{Name: "TAPE"}, bine.Invalid},
			{"too much in the database", owner, at("Resources"), dfs.Policy{Name: dfs.DB, Inline: dfs.MaxInline + 1}, bine.Invalid},
			{"too small blocks", owner, at("Resources"), dfs.Policy{Name: dfs.DB, BlockSize: 1000}, bine.Invalid},
			{"another project's", owner, dfs.ProjectPath("other"), dfs.Policy{Name: dfs.DB}, bine.NotFound},
		} {
			if err := k.SetPolicy(ctx, c.user, c.path, c.p); !bine.IsKind(err, c.kind) {
				k.t.Errorf("%s: %v, want %s", c.what, err, c.kind)
			}
		}
	})
}

func TestBlockSizeOfAFile(t *testing.T) {
	eachKept(t, func(k kept) {
		ctx := k.t.Context()
		data := dfstestNoise(5 << 20)
		create := func(path string, n int, size int64) dfs.Info {
			info, err := k.Create(ctx, owner, at(path), bytes.NewReader(data[:n]), dfs.CreateOptions{Overwrite: true, BlockSize: size})
			k.ok(err)
			return info
		}
		if info := create("Resources/a", 5<<20, 2<<20); info.BlockSize != 2<<20 {
			k.t.Errorf("Create answers %+v", info)
		}
		k.lies("Resources/a", data, 0, 2<<20, 2<<20, 1<<20)
		create("Resources/a", 3<<20, 0) // not of the one that was
		k.lies("Resources/a", data[:3<<20], 0, 1<<20, 1<<20, 1<<20)
		create("Resources/b", 10, 4<<20)
		_, err := k.Append(ctx, owner, at("Resources/b"), 10, data[10:5<<20])
		k.ok(err)
		k.lies("Resources/b", data, 0, 4<<20, 1<<20)
		_, err = k.Truncate(ctx, owner, at("Resources/b"), 3<<20)
		k.ok(err)
		k.lies("Resources/b", data[:3<<20], 0, 3<<20)
		for _, size := range []int64{-1, 1000, 2 << 30} {
			if _, err := k.Create(ctx, owner, at("Resources/c"), bytes.NewReader(nil), dfs.CreateOptions{BlockSize: size}); !bine.IsKind(err, bine.Invalid) {
				k.t.Errorf("blocks of %d bytes: %v", size, err)
			}
		}
	})
}

// TestAPolicyThatChangesWhileAFileIsSent sends a file while its directory gets
// another policy: it is kept by the one or the other, and whole.
func TestAPolicyThatChangesWhileAFileIsSent(t *testing.T) {
	eachKept(t, func(k kept) {
		data := dfstestNoise(200_000)
		k.policy("Resources", dfs.Policy{Name: dfs.DB, Inline: -1})
		change := &asked{r: bytes.NewReader(data), after: 100_000, then: func() { k.policy("Resources", dfs.Policy{Name: dfs.Blocks, Inline: -1}) }}
		_, err := k.Create(context.WithoutCancel(k.t.Context()), owner, at("Resources/f"), change, dfs.CreateOptions{})
		k.ok(err)
		k.lies("Resources/f", data, 0, 200_000)
	})
}

// asked does something once when so many bytes were read.
type asked struct {
	r     io.Reader
	after int
	then  func()
}

func (a *asked) Read(p []byte) (int, error) {
	if a.after <= 0 && a.then != nil {
		a.then()
		a.then = nil
	}
	n, err := a.r.Read(p[:min(len(p), 4096)])
	a.after -= n
	return n, err
}
