package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/cli"
)

func TestSync(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "src/b/c": "22", "src/d": "3"})
	f.put("demo/Resources/x/old/deep/f", "o", false)
	f.put("demo/Resources/x/a", "9", false)
	dry := f.must("sync", "--dry-run", "--delete", "src", ":Resources/x")
	for _, want := range []string{"copy bine://demo/Resources/x/a\n", "mkdir bine://demo/Resources/x/b\n",
		"delete bine://demo/Resources/x/old\n"} {
		if !strings.Contains(dry, want) {
			t.Errorf("the dry run says\n%swant it to contain %q", dry, want)
		}
	}
	if len(f.seen) > 0 {
		t.Errorf("a dry run asks for %v", f.seen)
	}
	f.must("sync", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=1 b/ b/c=22 d=3 old/ old/deep/ old/deep/f=o")
	f.seen = nil
	f.must("sync", "src", ":Resources/x")
	if len(f.seen) > 0 {
		t.Errorf("a second sync asks for %v", f.seen)
	}
	f.must("sync", "--delete", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=1 b/ b/c=22 d=3")

	if err := os.WriteFile("src/a", []byte("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	same := f.tree["demo/Resources/x/a"].Modified
	if err := os.Chtimes("src/a", same, same); err != nil {
		t.Fatal(err)
	}
	if out := f.must("sync", "--dry-run", "src", ":Resources/x"); out != "" {
		t.Errorf("by size and time it would do %q", out)
	}
	f.must("sync", "--checksum", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=2 b/ b/c=22 d=3")

	f.must("sync", "--delete", ":Resources/x", "back")
	f.must("sync", "--delete", ":Resources/x", "bine://other/Resources/x")
	f.holds("other/Resources/x", "a=2 b/ b/c=22 d=3")
	if err := os.MkdirAll("back/extra/deep", 0o755); err != nil {
		t.Fatal(err)
	}
	f.must("sync", "--delete", ":Resources/x", "back")
	if got := localTexts(t, "back"); got != "a=2 b/c=22 d=3" {
		t.Errorf("back holds %q", got)
	}
	if _, err := os.Stat("back/extra"); err == nil {
		t.Error("back/extra was not removed")
	}
}

func TestASyncRemovesNothingWhenItIsInDoubt(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "file": "x"})
	f.put("demo/Resources/x/old", "o", false)
	f.put("demo/Resources/y/a/b", "dir here, file there", false)
	f.fails(cli.ExitNotFound, "nothing", "sync", "--delete", "nothing", ":Resources/x")
	f.fails(cli.ExitUsage, "is a file", "sync", "--delete", "file", ":Resources/x")
	f.fails(cli.ExitUsage, "name a directory", "sync", "--delete", "src", ":")
	f.fails(cli.ExitUsage, "in each other", "sync", "--delete", ":Resources", ":Resources/x")
	f.fails(cli.ExitConflict, "a directory", "sync", "--delete", "src", ":Resources/y")
	f.full = true
	f.fails(cli.ExitFailed, "nothing was removed", "sync", "--delete", "src", ":Resources/x")
	f.holds("demo/Resources/x", "old=o")
}
