package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/bine-ml/bine/dfs"
)

// TestDirectoriesGoWithTheirLastObject: what S3 made for a key goes with it, and
// what others made stays.
func TestDirectoriesGoWithTheirLastObject(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.as("olga")
	theirs := dfs.ProjectPath("demo", "Resources", "theirs")
	_, err := w.files.Mkdir(ctx, dfs.Platform(), theirs, dfs.MkdirOptions{})
	w.ok(err)
	there := func(what, path string, want bool) {
		t.Helper()
		_, err := w.files.Stat(ctx, dfs.Platform(), dfs.ProjectPath("demo", "Resources", path))
		same(t, what, err == nil, want)
	}
	put(t, c, "Resources/theirs/a/b/one", "1", minio.PutObjectOptions{})
	put(t, c, "Resources/theirs/a/two", "2", minio.PutObjectOptions{})
	put(t, c, "Resources/theirs/a/b/made/", "", minio.PutObjectOptions{})
	w.ok(c.RemoveObject(ctx, "demo", "Resources/theirs/a/b/one", minio.RemoveObjectOptions{}))
	there("a directory with one in it", "theirs/a/b/made", true)
	w.ok(c.RemoveObject(ctx, "demo", "Resources/theirs/a/b/made/", minio.RemoveObjectOptions{}))
	there("a directory that is empty", "theirs/a/b", false)
	there("a directory with another object", "theirs/a", true)
	large := bytes.Repeat([]byte("x"), 6<<20)
	_, err = c.PutObject(ctx, "demo", "Resources/theirs/a/c/large", bytes.NewReader(large), int64(len(large)), minio.PutObjectOptions{PartSize: 5 << 20})
	w.ok(err)
	all := make(chan minio.ObjectInfo, 2)
	all <- minio.ObjectInfo{Key: "Resources/theirs/a/c/large"}
	all <- minio.ObjectInfo{Key: "Resources/theirs/a/two"}
	close(all)
	for e := range c.RemoveObjects(ctx, "demo", all, minio.RemoveObjectsOptions{}) {
		t.Error(e.Err)
	}
	there("what was made for objects that were removed at once", "theirs/a", false)
	there("what others made", "theirs", true)
	same(t, "what is left", strings.Join(keys(t, c, minio.ListObjectsOptions{Prefix: "Resources/theirs/", Recursive: true}), " "), "Resources/theirs/")
}

// TestOneWritesWhereAnotherRemoves: an object can always be written, also at the
// moment at which its directory goes.
func TestOneWritesWhereAnotherRemoves(t *testing.T) {
	w := newWorld(t)
	c := w.as("olga")
	large := bytes.Repeat([]byte("x"), 6<<20)
	var all sync.WaitGroup
	for who := range 4 {
		all.Go(func() {
			ctx := context.Background()
			for n := range 12 {
				key, content, o := fmt.Sprintf("Resources/busy/deep/%d", who), []byte("small"), minio.PutObjectOptions{}
				if who == 0 && n%4 == 0 {
					content, o.PartSize = large, 5<<20
				}
				if _, err := c.PutObject(ctx, "demo", key, bytes.NewReader(content), int64(len(content)), o); err != nil {
					t.Errorf("put: %v", err)
				}
				if about, err := c.StatObject(ctx, "demo", key, minio.StatObjectOptions{}); err != nil || about.Size != int64(len(content)) {
					t.Errorf("what was put has %d bytes: %v", about.Size, err)
				}
				if err := c.RemoveObject(ctx, "demo", key, minio.RemoveObjectOptions{}); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
		})
	}
	all.Wait()
	if _, err := w.files.Stat(t.Context(), dfs.Platform(), dfs.ProjectPath("demo", "Resources", "busy")); err == nil {
		t.Error("the directory is there although nothing is in it")
	}
}
