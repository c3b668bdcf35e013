package main

import (
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
)

// demoFiles are those of the project demo, whose owner is ann.
func demoFiles(t *testing.T) projectFiles {
	t.Helper()
	db := databasetest.SQLite(t)
	s := store.New(db)
	tree := dfs.New(db, new(mem.Store), dfs.Options{})
	must(t, s.CreateUser(t.Context(), bine.User{Name: "ann"}, "hash"))
	must(t, s.CreateProject(t.Context(), bine.Project{Name: "demo", CreatedBy: "ann"}))
	must(t, tree.MakeProjectTree(t.Context(), "demo"))
	return projectFiles{tree}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p projectFiles) text(t *testing.T, name string) string {
	t.Helper()
	r, _, err := p.fs.Open(t.Context(), dfs.User{Project: "demo", Name: "ann", Role: bine.DataOwner}, dfs.ProjectPath("demo", strings.Split(name, "/")...), 0, 0)
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	return string(text)
}

func TestStepsWriteFindAndCopyFilesOfTheProject(t *testing.T) {
	p, ctx := demoFiles(t), t.Context()
	for name, text := range map[string]string{"Resources/in/a.csv": "1", "/Resources/in/b/c.csv": "2"} {
		must(t, p.Write(ctx, "demo", "ann", bine.DataOwner, name, strings.NewReader(text)))
	}
	for range 2 { // what is there is replaced
		must(t, p.Copy(ctx, "demo", "ann", bine.DataOwner, "Resources/in", "Resources/out/deep"))
		must(t, p.Copy(ctx, "demo", "ann", bine.DataOwner, "Resources/in/a.csv", "Resources/one.csv"))
	}
	for name, want := range map[string]string{"Resources/out/deep/a.csv": "1", "Resources/out/deep/b/c.csv": "2", "Resources/one.csv": "1"} {
		if got := p.text(t, name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"Resources/in/a.csv": true, "Resources/in": true, "Resources/in/none": false, "none/at/all": false} {
		if found, err := p.Exists(ctx, "demo", name); err != nil || found != want {
			t.Errorf("Exists(%s) = %v, %v, want %v", name, found, err, want)
		}
	}
	if err := p.Copy(ctx, "demo", "ann", bine.DataOwner, "Resources/none", "Resources/x"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a copy of what is not there: %v", err)
	}
}

func TestStepsReachNothingOutsideOfTheProjectsFiles(t *testing.T) {
	p, ctx := demoFiles(t), t.Context()
	must(t, p.Write(ctx, "demo", "ann", bine.DataOwner, "Resources/a", strings.NewReader("a")))
	for _, name := range []string{"", "/", ".", "..", "../other/Resources/a", "Resources/../../other/a", ".artifacts/ab/cd", "/.artifacts", "./.artifacts/x", "Resources/../.artifacts/x"} {
		if err := p.Write(ctx, "demo", "ann", bine.DataOwner, name, strings.NewReader("b")); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Write(%q) = %v, want it invalid", name, err)
		}
		if _, err := p.Exists(ctx, "demo", name); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Exists(%q) = %v, want it invalid", name, err)
		}
		if err := p.Copy(ctx, "demo", "ann", bine.DataOwner, "Resources/a", name); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Copy to %q = %v, want it invalid", name, err)
		}
		if err := p.Copy(ctx, "demo", "ann", bine.DataOwner, name, "Resources/b"); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Copy of %q = %v, want it invalid", name, err)
		}
	}
	if err := p.Copy(ctx, "demo", "ann", bine.DataOwner, "Resources", "Resources/in/itself"); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a directory into itself: %v", err)
	}
}

func TestStepsMayWhatWhoStartedTheRunMay(t *testing.T) {
	p, ctx := demoFiles(t), t.Context()
	must(t, p.Write(ctx, "demo", "ann", bine.DataOwner, "Training_Datasets/a", strings.NewReader("a")))
	err := p.Write(ctx, "demo", "sven", bine.DataScientist, "Training_Datasets/a", strings.NewReader("b"))
	if !bine.IsKind(err, bine.Forbidden) || p.text(t, "Training_Datasets/a") != "a" {
		t.Errorf("a Data Scientist writes a dataset: %v", err)
	}
	must(t, p.Write(ctx, "demo", "sven", bine.DataScientist, "Resources/b", strings.NewReader("b")))
}
