package dfs_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
)

func Example() {
	ctx := context.Background()
	place, err := os.MkdirTemp("", "dfs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(place)
	db, err := database.Open(ctx, "sqlite://"+place+"/bine.db", database.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	tree := dfs.New(db, new(mem.Store), dfs.Options{})
	defer tree.Close()
	if err := tree.MakeProjectTree(ctx, "demo"); err != nil {
		log.Fatal(err)
	}

	bob := dfs.User{Project: "demo", Name: "bob", Role: bine.DataScientist}
	hello := dfs.ProjectPath("demo", "Resources/hello.txt")
	info, err := tree.Create(ctx, bob, hello, strings.NewReader("Hello, world\n"), dfs.CreateOptions{})
	fmt.Println(info.Path, info.Size, info.Owner, err)

	r, _, err := tree.Open(ctx, bob, hello, 7, 5)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	fmt.Println(string(text), err)

	_, err = tree.Mkdir(ctx, bob, dfs.ProjectPath("demo", "data"), dfs.MkdirOptions{})
	fmt.Println(bine.KindOf(err), err)
	// Output:
	// /Projects/demo/Resources/hello.txt 13 demo__bob <nil>
	// world <nil>
	// forbidden /Projects/demo: a Data Scientist may not write it: that takes the role Data Owner
}
