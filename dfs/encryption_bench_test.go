package dfs_test

import (
	"bytes"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// atWork begins to count for how long processors are at work for an operation, in
// the program and in the system for it; what it gives tells it.
func atWork(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-us/op") }
}

// BenchmarkEncryption tells what files cost that are sealed, beside those that are
// not: of 256 MiB in a directory, and of 4 KB in the database. The time that processors
// were at work is what is to be compared on a machine that has other work, too.
func BenchmarkEncryption(b *testing.B) {
	for _, sealed := range []bool{false, true} {
		o := dfs.Options{Keys: testKeys{}, Sealed: sealed}
		tree := newTree(b, databasetest.SQLite(b), openBlocks(b), o)
		for name, data := range map[string][]byte{"256MiB": bytes.Repeat([]byte("0123456789abcdef"), 16<<20), "4KB": bytes.Repeat([]byte("0123456789abcdef"), 256)} {
			path := at("Resources", name)
			b.Run(fmt.Sprintf("%s/sealed=%t/write", name, sealed), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				defer atWork(b)()
				for b.Loop() {
					if _, err := tree.Create(b.Context(), owner, path, bytes.NewReader(data), dfs.CreateOptions{Overwrite: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/sealed=%t/read", name, sealed), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				defer atWork(b)()
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
