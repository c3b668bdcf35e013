package dfs_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// statements counts what the server has been asked so far.
func statements(t testing.TB, db *database.DB) (n int) {
	t.Helper()
	var name string
	if err := db.Read().QueryRow("SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

const repeated = 20

// asks gives how many statements an operation takes, on average and rounded.
func asks(t testing.TB, db *database.DB, f func(i int) error) int {
	t.Helper()
	run := func(from int) {
		for i := from; i < from+repeated; i++ {
			if err := f(i); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(0) // what is prepared and remembered is
	before := statements(t, db)
	run(repeated)
	return (statements(t, db) - before - 1 + repeated/2) / repeated
}

// deep gives a path of seven components below /.
func deep(top string, parts ...string) string {
	return at(append([]string{"Resources", top, "c", "d"}, parts...)...)
}

// operations are those that people do most, on files that are there for it.
func operations(t testing.TB, tree *dfs.Tree, top string) map[string]func(i int) error {
	ctx, data := t.Context(), bytes.Repeat([]byte("x"), 1000)
	path := func(kind string, i int) string { return deep(top, fmt.Sprint(kind, i)) }
	for i := range 2 * repeated {
		for _, kind := range []string{"over", "append", "rename", "remove"} {
			put(t, tree, path(kind, i), data)
		}
	}
	create := func(path string, o dfs.CreateOptions) error {
		_, err := tree.Create(ctx, owner, path, bytes.NewReader(data), o)
		return err
	}
	return map[string]func(i int) error{
		"stat": func(int) error { _, err := tree.Stat(ctx, owner, path("over", 0)); return err },
		"list": func(int) error { _, _, err := tree.List(ctx, owner, deep(top), "", 5); return err },
		"read": func(int) error {
			r, _, err := tree.Open(ctx, owner, path("over", 0), 0, 0)
			if err == nil {
				err = r.Close()
			}
			return err
		},
		"create":    func(i int) error { return create(path("create", i), dfs.CreateOptions{}) },
		"overwrite": func(i int) error { return create(path("over", i), dfs.CreateOptions{Overwrite: true}) },
		"append":    func(i int) error { _, err := tree.Append(ctx, owner, path("append", i), 1000, data); return err },
		"mkdir":     func(i int) error { _, err := tree.Mkdir(ctx, owner, path("dir", i), dfs.MkdirOptions{}); return err },
		"rename": func(i int) error {
			_, err := tree.Rename(ctx, owner, path("rename", i), path("renamed", i), dfs.RenameOptions{})
			return err
		},
		"remove": func(i int) error { return tree.Remove(ctx, owner, path("remove", i), dfs.RemoveOptions{}) },
	}
}

// mostStatements is what operations may take on a path of seven components: where
// nothing on the way is special, with a quota above, and with a policy above. It
// protects the hot paths: a statement more is a round trip more.
var mostStatements = map[string][3]int{
	"stat":      {1, 1, 2},
	"list":      {2, 2, 3},
	"read":      {2, 2, 2},
	"create":    {7, 11, 10},
	"overwrite": {8, 9, 9},
	"append":    {9, 12, 11},
	"mkdir":     {7, 9, 7},
	"rename":    {7, 10, 10},
	"remove":    {8, 11, 9},
}

// TestHowManyStatementsOperationsTake counts them on a server, where the begin and
// the end of a transaction are statements, too, and so are the parts of a packet.
func TestHowManyStatementsOperationsTake(t *testing.T) {
	db := databasetest.MariaDB(t)
	tree := newTree(t, db, new(mem.Store), small)
	ctx := context.WithoutCancel(t.Context())
	for i, top := range []string{"plain", "quota", "policy"} {
		if _, err := tree.Mkdir(ctx, owner, deep(top), dfs.MkdirOptions{Parents: true}); err != nil {
			t.Fatal(err)
		}
		var err error
		switch top {
		case "quota":
			err = tree.SetQuota(ctx, owner, at("Resources", top), dfs.Quota{Bytes: 1 << 40})
		case "policy":
			err = tree.SetPolicy(ctx, owner, at("Resources", top), dfs.Policy{Name: dfs.DB, Inline: -1})
		}
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for name, f := range operations(t, tree, top) {
			got := asks(t, db, f)
			all = append(all, fmt.Sprintf("%s %d", name, got))
			if most := mostStatements[name][i]; got > most {
				t.Errorf("%s takes %d statements where it is %s, and may take %d", name, got, top, most)
			}
		}
		t.Logf("%s: %s", top, strings.Join(all, ", "))
	}
}

// BenchmarkCreateSevenDeep makes small files seven directories deep, and says how many
// statements each takes.
func BenchmarkCreateSevenDeep(b *testing.B) {
	db := databasetest.MariaDB(b)
	tree := newTree(b, db, new(mem.Store), small)
	for _, top := range []string{"plain", "quota"} {
		if _, err := tree.Mkdir(b.Context(), owner, deep(top), dfs.MkdirOptions{Parents: true}); err != nil {
			b.Fatal(err)
		}
		if top == "quota" {
			if err := tree.SetQuota(b.Context(), owner, at("Resources", top), dfs.Quota{Bytes: 1 << 40}); err != nil {
				b.Fatal(err)
			}
		}
		round := 0
		b.Run(top, func(b *testing.B) {
			round++
			before := statements(b, db)
			for i := 0; b.Loop(); i++ {
				if _, err := tree.Create(b.Context(), owner, deep(top, fmt.Sprint(round, "-", i)), strings.NewReader("small"), dfs.CreateOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(statements(b, db)-before)/float64(b.N), "statements/op")
		})
	}
}
