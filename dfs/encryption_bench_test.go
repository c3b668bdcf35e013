package dfs_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// BenchmarkEncryption tells what files cost that are sealed, beside those that are
// not: of 256 MiB in a directory, and of 4 KB in the database.
func BenchmarkEncryption(b *testing.B) {
	for _, sealed := range []bool{false, true} {
		o := dfs.Options{Keys: testKeys{}, Sealed: sealed}
		tree := newTree(b, databasetest.SQLite(b), openBlocks(b), o)
		for name, data := range map[string][]byte{"256MiB": bytes.Repeat([]byte("0123456789abcdef"), 16<<20), "4KB": bytes.Repeat([]byte("0123456789abcdef"), 256)} {
			path := at("Resources", name)
			b.Run(fmt.Sprintf("%s/sealed=%t/write", name, sealed), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					if _, err := tree.Create(b.Context(), owner, path, bytes.NewReader(data), dfs.CreateOptions{Overwrite: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/sealed=%t/read", name, sealed), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					r, _, err := tree.Open(b.Context(), owner, path, 0, 0)
					if err != nil {
						b.Fatal(err)
					}
					if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(data)) {
						b.Fatal(n, err)
					}
					r.Close()
				}
			})
		}
	}
}
