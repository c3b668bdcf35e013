package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestCopyingTreesEachWay(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "src/b/c #?": "2"})
	f.must("cp", "-r", "src", ":Resources/x")
	f.holds("demo/Resources/x", "a=1 b/ b/c #?=2")
	f.must("cp", "-r", "src", ":Resources/x") // into it, as it is there now
	f.holds("demo/Resources/x/src", "a=1 b/ b/c #?=2")
	f.must("cp", "-r", "src/", "bine://other/Resources/new/")
	f.holds("other/Resources/new/src", "a=1 b/ b/c #?=2")
	f.must("cp", "-r", ":Resources/x/src", "out")
	if got := localTexts(t, "out"); got != "a=1 b/c #?=2" {
		t.Errorf("out holds %q", got)
	}
	f.must("cp", "-r", "bine://other/Resources/new", ":Resources/y")
	f.holds("demo/Resources/y", "src/ src/a=1 src/b/ src/b/c #?=2")
	f.must("get", "-r", "Resources/x/b", "out")
	f.must("put", "out/a", "Resources/")
	f.must("cp", "-", ":Resources/s")
	if out := f.must("cp", ":Resources/s", "-"); out != "from stdin" {
		t.Errorf("standard output got %q", out)
	}
	if parts, _ := filepath.Glob("out/*.part"); len(parts) > 0 {
		t.Errorf("%v are left", parts)
	}
}

func TestCopiesThatMakeNoSenseChangeNothing(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"src/a": "1", "b": "2"})
	f.put("demo/Resources/file", "text", false)
	f.put("demo/Resources/dir/x", "x", false)
	f.fails(cli.ExitUsage, "-r", "cp", "src", ":Resources/y")
	f.fails(cli.ExitUsage, ":Resources", "cp", "b", "Resources/")
	f.fails(cli.ExitUsage, "not a directory", "cp", "src/a", "b", ":Resources/file")
	f.fails(cli.ExitConflict, "is a file", "cp", "-r", "src", ":Resources/file")
	f.fails(cli.ExitConflict, "not a directory", "cp", "b", ":Resources/file/")
	f.fails(cli.ExitUsage, "into itself", "cp", "-r", ":Resources/dir", ":Resources/dir/sub")
	f.fails(cli.ExitUsage, "same file", "cp", ":Resources/file", "bine://demo/Resources/file")
	f.fails(cli.ExitNotFound, "nothing", "cp", "nothing", ":Resources/y")
	f.fails(cli.ExitNotFound, "nothing", "cp", "src/a", "nothing", ":Resources/dir")
	f.fails(cli.ExitConflict, "already", "put", "b", "Resources/file")
	f.fails(cli.ExitUsage, "-j", "cp", "-j", "0", "b", ":Resources/c")
	f.fails(cli.ExitUsage, "no project", "cp", "b", "bine://")
	f.must("cp", "-n", "b", ":Resources/file")
	f.must("cp", "-n", ":Resources/file", "b")
	f.holds("demo/Resources", "dir/ dir/x=x file=text")
	if got := localTexts(t, "."); got != "b=2 src/a=1" {
		t.Errorf("the local files are %q", got)
	}
	if len(f.seen) > 1 { // the one upload that was refused
		for _, s := range f.seen {
			if !strings.HasPrefix(s, "PUT") {
				t.Errorf("a change was asked for: %s", s)
			}
		}
	}
}

func TestADownloadThatBreaksOffLeavesTheOldFile(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"a": "old"})
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stat") {
			_ = json.NewEncoder(w).Encode(client.File{Path: "a", Name: "a", Size: 10})
			return
		}
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "half")
	}))
	defer broken.Close()
	t.Setenv("BINE_API", broken.URL)
	f.fails(cli.ExitFailed, "copy", "cp", ":a", "a")
	if got := localTexts(t, "."); got != "a=old" {
		t.Errorf("the local files are %q, want the old one alone", got)
	}
}

func TestANameThatLeavesTheDirectoryIsNotWritten(t *testing.T) {
	f := newFiles(t)
	localTree(t, map[string]string{"keep": "1"})
	f.put("demo/Resources/x/a", "a", false)
	evil := f.put("demo/Resources/x/evil", "evil", false)
	evil.Path = "Resources/x/../../../evil"
	f.fails(cli.ExitUsage, "no local file", "cp", "-r", ":Resources/x", "out")
	if got := localTexts(t, "."); got != "keep=1" {
		t.Errorf("the local files are %q", got)
	}
}

func TestACopyIsInterruptedAndStopsWhereNothingCanSucceed(t *testing.T) {
	f := newFiles(t)
	tree := map[string]string{}
	for i := range 20 {
		tree[fmt.Sprintf("src/%02d", i)] = "x"
	}
	localTree(t, tree)
	f.full = true
	f.fails(cli.ExitFailed, "full", "cp", "-r", "-j", "2", "src", ":Resources/x")
	uploads := strings.Count(strings.Join(f.seen, "\n"), "PUT")
	if uploads > 4 {
		t.Errorf("%d uploads were tried after the project was found full", uploads)
	}
	f.full, f.hold = false, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, _, err := f.runWith(ctx, "cp", "-r", "-j", "3", "src", ":Resources/x")
		ended <- err
	}()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-ended:
		if cli.ExitCode(err) != cli.ExitInterrupted || !strings.Contains(err.Error(), "0 of 20") {
			t.Errorf("an interrupted copy answers %d, %v", cli.ExitCode(err), err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the copy does not end when it is interrupted")
	}
	f.holds("demo/Resources/x", "src/")
}
