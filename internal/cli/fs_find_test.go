package cli_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/internal/cli"
)

func TestFind(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/a.csv", strings.Repeat("x", 3000), false)
	f.put("demo/Resources/b/c.csv", "x", false)
	f.put("demo/Resources/b/d.txt", "x", false).Modified = time.Now().Add(-48 * time.Hour)
	for args, want := range map[string]string{
		"Resources -name *.csv":           "Resources/a.csv Resources/b/c.csv",
		"Resources --name *.csv -size +2": "Resources/a.csv",
		"-type d":                         "Resources Resources/b",
		"-size -2k":                       "Resources/b/c.csv Resources/b/d.txt",
		"-size 3k":                        "Resources/a.csv",
		"-type f -newer 1d":               "Resources/a.csv Resources/b/c.csv",
		"-type f -newer=Resources/b/d.txt -maxdepth 2": "Resources/a.csv",
	} {
		if out := f.must(append([]string{"find"}, strings.Fields(args)...)...); strings.Join(strings.Fields(out), " ") != want {
			t.Errorf("find %s: %q, want %q", args, out, want)
		}
	}
	if out := f.must("find", "-name", "d*", "-o", "json"); !strings.Contains(out, `"path": "Resources/b/d.txt"`) {
		t.Errorf("find -o json: %s", out)
	}
	f.fails(cli.ExitUsage, "-size", "find", "-size", "big")
	f.fails(cli.ExitUsage, "-type", "find", "-type", "x")
	f.fails(cli.ExitUsage, "pattern", "find", "-name", "[")
	f.fails(cli.ExitUsage, "unknown", "find", "--nonsense")
	f.fails(cli.ExitNotFound, "no time", "find", "-newer", "yesterday")
	f.fails(cli.ExitNotFound, "nothing", "find", "nothing")
}

func TestTail(t *testing.T) {
	f := newFiles(t)
	long := strings.Repeat(strings.Repeat("x", 999)+"\n", 200)
	f.put("demo/Resources/long", long, false)
	f.put("demo/Resources/a", "1\n2\n3", false)
	f.put("demo/Resources/empty", "", false)
	for args, want := range map[string]string{
		"-n 2 Resources/a": "2\n3", "-n 0 Resources/a": "", "-c 3 Resources/a": "2\n3"[0:3], "Resources/a": "1\n2\n3", "Resources/empty": "",
		"-n 150 Resources/long": long[len(long)-150_000:], "-n 1 Resources/long": long[:1000], "-n 500 Resources/long": long,
	} {
		if out := f.must(append([]string{"tail"}, strings.Fields(args)...)...); out != want {
			t.Errorf("tail %s gives %d bytes %.20q, want %d", args, len(out), out, len(want))
		}
	}
	f.fails(cli.ExitConflict, "directory", "tail", "Resources")
	f.fails(cli.ExitUsage, "-n", "tail", "-n", "-1", "Resources/a")

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out := &watched{see: func(text string) {
		switch text {
		case "3": // the last line was printed: the file grows
			f.mu.Lock()
			f.put("demo/Resources/a", "1\n2\n3\n4\n", false)
			f.mu.Unlock()
		case "3\n4\n":
			f.mu.Lock()
			f.put("demo/Resources/a", "new\n", false)
			f.mu.Unlock()
		case "3\n4\nnew\n":
			cancel()
		}
	}}
	root := &cobra.Command{Use: "bine", SilenceErrors: true, SilenceUsage: true}
	cli.New(root, cli.Streams{Out: out, Err: io.Discard}, nil)
	root.SetArgs([]string{"fs", "tail", "-n", "1", "-f", "--sleep", "10ms", "Resources/a"})
	err := root.ExecuteContext(ctx)
	if cli.ExitCode(err) != cli.ExitInterrupted || out.text != "3\n4\nnew\n" {
		t.Errorf("tail -f printed %q and ended with %v", out.text, err)
	}
}

// watched is an output that is looked at after each write.
type watched struct {
	text string
	see  func(string)
}

func (w *watched) Write(p []byte) (int, error) {
	w.text += string(p)
	w.see(w.text)
	return len(p), nil
}
