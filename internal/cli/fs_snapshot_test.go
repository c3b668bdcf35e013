package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/client"
)

func TestADirectoryIsCopiedByTheServerAtOnce(t *testing.T) {
	localTree(t, map[string]string{"src/a": "A", "src/sub/b": "B"})
	f := newFiles(t)
	f.must("cp", "-r", "src", ":Resources/x")
	f.must("cp", "-r", ":Resources/x", ":Resources/y")
	f.holds("demo/Resources/y", "a=A sub/ sub/b=B")
	f.must("cp", "-r", ":Resources/x", ":Resources/y") // into it, as it is there now
	f.holds("demo/Resources/y", "a=A sub/ sub/b=B x/ x/a=A x/sub/ x/sub/b=B")
	if n := strings.Count(strings.Join(f.seen, " "), "copy="); n != 2 {
		t.Errorf("the server was asked for %d copies, want one for each directory: %q", n, f.seen)
	}
	f.must("cp", "-r", "-n", ":Resources/x", ":Resources/y") // file by file, as some of it is there
	f.holds("demo/Resources/y", "a=A sub/ sub/b=B x/ x/a=A x/sub/ x/sub/b=B")
}

func TestSnapshotsAreShown(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	one := client.Snapshot{Name: "one", Path: "Resources/d/.snapshot/one", By: "demo__ada", At: at}
	routes := map[string]any{
		"GET projects/demo/snapshots":     []client.Snapshot{one},
		"POST projects/demo/snapshots":    one,
		"GET projects/demo/snapshot-dirs": []client.SnapshotDir{{Path: "Resources/d", Snapshots: 1}},
		"GET projects/demo/snapshots-diff": []client.SnapshotDifference{{Kind: "modified", Dir: true}, {Kind: "created", Path: "n"},
			{Kind: "renamed", Path: "a", Target: "sub/b"}},
		"PATCH projects/demo/snapshots":      nil,
		"DELETE projects/demo/snapshots":     nil,
		"PUT projects/demo/snapshot-dirs":    nil,
		"DELETE projects/demo/snapshot-dirs": nil,
	}
	for args, want := range map[string]string{
		"ls Resources/d":             "demo__ada",
		"ls":                         "Resources/d",
		"create Resources/d":         "Resources/d/.snapshot/one\n",
		"create Resources/d one":     "Resources/d/.snapshot/one\n",
		"diff Resources/d one":       "renamed   ./a -> ./sub/b",
		"diff Resources/d one two":   "modified  ./",
		"rename Resources/d one two": "",
		"rm Resources/d one":         "",
		"allow Resources/d":          "",
		"disallow Resources/d":       "",
	} {
		out, errs, err := command(t, routes, append([]string{"fs", "snapshot"}, strings.Fields(args)...)...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("snapshot %s: %v\n%s%s\nwant it to contain %q", args, err, out, errs, want)
		}
	}
}
