package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/cli"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// tiersFile writes a configuration with tiers.
func tiersFile(t *testing.T, tiers string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bine.yml")
	if err := os.WriteFile(file, []byte("data: "+t.TempDir()+"\ntiers:\n"+tiers), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTiersAreRead(t *testing.T) {
	file := tiersFile(t, "  cold: {blocks: 's3://far?endpoint=https://s3.example.com', access_key: far, secret_key: hidden}\n  warm: {blocks: /mnt/warm}\n")
	code, out, errs := program(t, "", "config", "--config", file)
	if code != cli.ExitDone || !strings.Contains(out, "blocks: /mnt/warm") || !strings.Contains(out, "access_key: far") || strings.Contains(out, "hidden") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	for tiers, want := range map[string]string{
		"  Cold: {blocks: /a}":                      "no name of a tier",
		"  hot: {blocks: /a}":                       "HOT is a policy already",
		"  db: {blocks: /a}":                        "DB is a policy already",
		"  cold: {}":                                "tiers.cold.blocks",
		"  cold: {blocks: 'gs://x'}":                "tiers.cold.blocks",
		"  cold: {blocks: 's3://x?endpont=y'}":      `"endpont" is unknown`,
		"  a: {blocks: /a}\n  b: {blocks: /a}":      "the same place as tiers.a",
		"  cold: {blocks: /a, acces_key: mistyped}": "acces_key",
	} {
		if code, out, errs := program(t, "", "config", "--config", tiersFile(t, tiers+"\n")); code == cli.ExitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: ended with %d, saying %q and %q; want %q", tiers, code, out, errs, want)
		}
	}
}

func TestEachTierBelongsToTheDatabase(t *testing.T) {
	first, second := databasetest.SQLite(t), databasetest.SQLite(t)
	cold := t.TempDir()
	here := config{Blocks: t.TempDir(), Tiers: map[string]tierConfig{"cold": {Blocks: cold}}}
	files, err := match(t, first, here)
	if err != nil {
		t.Fatal(err)
	}
	there := config{Blocks: t.TempDir(), Tiers: map[string]tierConfig{"cold": {Blocks: cold}}}
	if _, err := match(t, second, there); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "tiers.cold.blocks") {
		t.Errorf("the tier of another database: got %v, want an error of kind invalid", err)
	}
	if err := files.MakeProjectTree(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	owner := dfs.User{Project: "demo", Name: "ada", Role: bine.DataOwner}
	if err := files.SetPolicy(t.Context(), owner, dfs.ProjectPath("demo", "Resources"), dfs.Policy{Name: "COLD", Inline: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Create(t.Context(), owner, dfs.ProjectPath("demo", "Resources", "file"), bytes.NewReader(make([]byte, 1000)), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	moved := here
	moved.Tiers = map[string]tierConfig{"cold": {Blocks: t.TempDir()}}
	if _, err := match(t, first, moved); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "another block store") {
		t.Errorf("a tier that lies elsewhere: got %v, want an error of kind invalid", err)
	}
	for range 2 {
		if _, err := match(t, first, here); err != nil {
			t.Errorf("back at the right one: %v", err)
		}
	}
}
