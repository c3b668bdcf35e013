package dfs_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

// sendParts sends data from offset on.
func sendParts(t testing.TB, tree *dfs.Tree, user dfs.User, key dfs.UploadKey, data []byte, offset, part int64) {
	t.Helper()
	for ; offset < int64(len(data)); offset += part {
		u, err := tree.AddPart(t.Context(), user, key, offset, data[offset:min(offset+part, int64(len(data)))])
		if err != nil {
			t.Fatalf("part at %d: %v", offset, err)
		}
		if want := min(offset+part, int64(len(data))); u.Offset != want {
			t.Fatalf("after the part at %d the offset is %d, want %d", offset, u.Offset, want)
		}
	}
}

func wantKind(t testing.TB, what string, err error, kind bine.Kind) {
	t.Helper()
	if !bine.IsKind(err, kind) {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func TestAFileComesInParts(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		for _, size := range []int{0, 1, 4 << 10, 4<<10 + 1, 3<<20 + 77} {
			data := dfstestNoise(size)
			key := dfs.UploadKey{Path: at("Resources/new", fmt.Sprint(size)), Size: int64(size), Tag: "t"}
			sendParts(t, tree, owner, key, data, 0, 300_000)
			if _, err := tree.Stat(ctx, owner, key.Path); !bine.IsKind(err, bine.NotFound) {
				t.Fatalf("before the end Stat of %s answers %v", key.Path, err)
			}
			before, err := tree.Usage(ctx, owner, at())
			if err != nil {
				t.Fatal(err)
			}
			info, err := tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{Parents: true})
			if err != nil || info.Size != int64(size) || info.Owner != "demo__ada" || info.Mode&0o700 != 0o600 {
				t.Fatalf("finish: %+v, %v", info, err)
			}
			if got, err := get(t, tree, key.Path); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("of %d bytes %d came, %v", size, len(got), err)
			}
			if after, _ := tree.Usage(ctx, owner, at()); size > 0 && (after.Bytes != before.Bytes || after.Files != before.Files) {
				t.Errorf("the usage was %+v while the parts lay there and is %+v", before, after)
			}
			again, err := tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{})
			if size > 0 && (err != nil || again.ID != info.ID || again.Version != info.Version) {
				t.Errorf("finishing again answers %+v, %v", again, err)
			}
		}
		wantSound(t, tree)
	})
}

func TestAnUploadGoesOnWhereItWas(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree := newTree(t, db, blocks, small)
		ctx := t.Context()
		data := dfstestNoise(500_000)
		key := dfs.UploadKey{Path: at("Resources/f"), Size: 500_000, Tag: "1"}
		sendParts(t, tree, owner, key, data[:200_000], 0, 100_000)
		other := dfs.New(db, blocks, small) // another server, or this one after its restart
		defer other.Close()
		u, err := other.Begun(ctx, owner, key)
		if err != nil || u.Offset != 200_000 || u.Modified.IsZero() {
			t.Fatalf("Begun: %+v, %v", u, err)
		}
		if list, err := other.Uploads(ctx, owner); err != nil || len(list) != 1 || list[0].UploadKey != key || list[0].Offset != 200_000 {
			t.Errorf("Uploads: %+v, %v", list, err)
		}
		if list, err := other.Uploads(ctx, scientist); err != nil || len(list) != 0 {
			t.Errorf("Uploads of somebody else: %+v, %v", list, err)
		}
		if u, err := tree.AddPart(ctx, owner, key, 100_000, data[100_000:250_000]); err != nil || u.Offset != 250_000 {
			t.Errorf("a part half of which is there: %+v, %v", u, err)
		}
		_, err = tree.AddPart(ctx, owner, key, 300_000, data[300_000:])
		wantKind(t, "a gap", err, bine.Conflict)
		_, err = tree.AddPart(ctx, owner, key, 250_000, make([]byte, 250_001))
		wantKind(t, "more than the size", err, bine.Invalid)
		_, err = tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{})
		wantKind(t, "half of it", err, bine.Conflict)
		for _, changed := range []dfs.UploadKey{{Path: key.Path, Size: key.Size, Tag: "2"}, {Path: key.Path, Size: key.Size + 1, Tag: "1"}, {Path: key.Path + "g", Size: key.Size, Tag: "1"}} {
			if u, err := tree.Begun(ctx, owner, changed); err != nil || u.Offset != 0 {
				t.Errorf("%+v is taken for another upload: %+v, %v", changed, u, err)
			}
		}
		if err := tree.DropUpload(ctx, owner, key); err != nil {
			t.Fatal(err)
		}
		if err := tree.DropUpload(ctx, owner, key); err != nil {
			t.Errorf("dropping it again: %v", err)
		}
		_, err = tree.AddPart(ctx, owner, key, 250_000, data[250_000:])
		wantKind(t, "going on with what was dropped", err, bine.Conflict)
		wantSound(t, tree)
	})
}

func TestAnUploadReplacesOnlyWhenAsked(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		had := put(t, tree, at("Resources/f"), dfstestNoise(100_000))
		if err := tree.SetXattr(ctx, owner, had.Path, "k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		data := dfstestNoise(2 << 20)
		key := dfs.UploadKey{Path: had.Path, Size: int64(len(data))}
		sendParts(t, tree, owner, key, data, 0, 1<<20)
		_, err := tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{})
		wantKind(t, "a name that is taken", err, bine.Conflict)
		info, err := tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{Overwrite: true})
		if err != nil || info.ID != had.ID {
			t.Fatalf("replace: %+v, %v", info, err)
		}
		if got, _ := get(t, tree, had.Path); !bytes.Equal(got, data) {
			t.Error("the content is another")
		}
		if v, err := tree.Xattr(ctx, owner, had.Path, "k"); err != nil || string(v) != "v" {
			t.Errorf("the attribute is %q, %v", v, err)
		}
		put(t, tree, had.Path, []byte("newer"))
		_, err = tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{Overwrite: true})
		wantKind(t, "finishing again when the file was written since", err, bine.Conflict)
		wantSound(t, tree)
	})
}

func TestUploadsKeepToPermissionsAndQuotas(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		ctx := t.Context()
		_, err := tree.Begun(ctx, scientist, dfs.UploadKey{Path: at("Models/x"), Size: 10})
		wantKind(t, "where a Data Scientist may not write", err, bine.Forbidden)
		_, err = tree.AddPart(ctx, scientist, dfs.UploadKey{Path: at("Models/x"), Size: 10}, 0, []byte("0123456789"))
		wantKind(t, "a part for there", err, bine.Forbidden)
		_, err = tree.Begun(ctx, dfs.User{Project: dfstest.Other, Name: "eve", Role: bine.DataOwner}, dfs.UploadKey{Path: at("Resources/x"), Size: 10})
		wantKind(t, "into another project", err, bine.NotFound)
		for _, path := range []string{at(".uploads/x"), at(".artifacts/x")} {
			_, err = tree.Begun(ctx, owner, dfs.UploadKey{Path: path, Size: 1})
			wantKind(t, path, err, bine.Forbidden)
		}
		for _, key := range []dfs.UploadKey{{Path: at(), Size: 1}, {Path: "/x", Size: 1}, {Path: at("Resources/x"), Size: -1}, {Path: at("Resources/../x"), Size: 1}} {
			_, err = tree.Begun(ctx, owner, key)
			wantKind(t, fmt.Sprint(key), err, bine.Invalid)
		}
		have, err := tree.Usage(ctx, owner, at())
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{Bytes: have.Bytes + 100_000}); err != nil {
			t.Fatal(err)
		}
		_, err = tree.Begun(ctx, owner, dfs.UploadKey{Path: at("Resources/x"), Size: 100_001})
		wantKind(t, "more than fits", err, bine.NoQuota)
		key := dfs.UploadKey{Path: at("Resources/x"), Size: 90_000}
		sendParts(t, tree, owner, key, dfstestNoise(90_000), 0, 90_000)
		clock.forward(2 * 24 * time.Hour)
		reclaimAll(t, tree)
		if u, err := tree.Begun(ctx, owner, key); err != nil || u.Offset != 90_000 {
			t.Errorf("after two days: %+v, %v", u, err)
		}
		clock.forward(2 * 24 * time.Hour)
		reclaimAll(t, tree)
		if u, err := tree.Begun(ctx, owner, key); err != nil || u.Offset != 0 {
			t.Errorf("after four days: %+v, %v", u, err)
		}
		if now, err := tree.Usage(ctx, owner, at()); err != nil || now.Bytes != have.Bytes {
			t.Errorf("the usage is %+v, %v, and was %+v", now, err, have)
		}
		wantSound(t, tree)
	})
}

func TestPartsOfUploadsAreNotInTheFeed(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		_, start := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project})
		key := dfs.UploadKey{Path: at("Resources/f"), Size: 9000}
		sendParts(t, tree, owner, key, dfstestNoise(9000), 0, 3000)
		if _, err := tree.FinishUpload(context.Background(), owner, key, dfs.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		list, _ := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project, After: start})
		wantTold(t, "an upload", list, "created Resources/f")
	})
}

func TestAnUploadFollowsLinks(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		put(t, tree, at("Resources/real/x"), nil)
		if _, err := tree.Symlink(ctx, owner, at("Resources/link"), "real", dfs.SymlinkOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Symlink(ctx, owner, at("Resources/out"), "../Models", dfs.SymlinkOptions{}); err != nil {
			t.Fatal(err)
		}
		key := dfs.UploadKey{Path: at("Resources/link/f"), Size: 9000}
		sendParts(t, tree, owner, key, dfstestNoise(9000), 0, 9000)
		info, err := tree.FinishUpload(ctx, owner, key, dfs.CreateOptions{})
		if err != nil || info.Path != key.Path {
			t.Fatalf("%+v, %v", info, err)
		}
		if got, err := get(t, tree, at("Resources/real/f")); err != nil || len(got) != 9000 {
			t.Errorf("where the link leads to are %d bytes, %v", len(got), err)
		}
		_, err = tree.AddPart(ctx, scientist, dfs.UploadKey{Path: at("Resources/out/f"), Size: 1}, 0, []byte("x"))
		if !bine.IsKind(err, bine.Forbidden) && !bine.IsKind(err, bine.NotFound) {
			t.Errorf("by a link to where a Data Scientist may not write: %v", err)
		}
	})
}
