package cli_test

import (
	"strings"
	"testing"
)

func TestSymbolicLinks(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/d/file", "x", false)
	f.must("ln", "-s", "d/file", "Resources/l")
	f.must("ln", "-s", "/Resources/d", "Resources/d") // goes into the directory, under the name of the target
	if one := f.tree["demo/Resources/d/d"]; one == nil || one.Link != "/Resources/d" {
		t.Errorf("in a directory: %+v", one)
	}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"ls -l Resources", []string{"lrw-rw---- ", " l -> d/file"}},
		{"ls Resources", []string{" l@"}},
		{"stat Resources/l", []string{" Resources/l -> d/file"}},
		{"find Resources -type l", []string{"Resources/d/d\nResources/l\n"}},
		{"find Resources -type f", []string{"Resources/d/file\n"}},
	} {
		got := f.must(strings.Fields(c.args)...)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("bine fs %s prints\n%swant %q", c.args, got, want)
			}
		}
	}
	if got := f.must("find", "Resources", "-type", "f"); strings.Contains(got, "Resources/l") {
		t.Errorf("a link is taken for a file:\n%s", got)
	}
	f.fails(2, "give -s", "ln", "d/file", "Resources/hard")
	f.fails(2, "f, d or l", "find", "Resources", "-type", "x")
	f.fails(5, "is there already", "ln", "-s", "other", "Resources/l")

	f.seen = nil
	f.must("ln", "-sfn", "other", "Resources/l")
	if one := f.tree["demo/Resources/l"]; one.Link != "other" || len(f.tree) != 6 {
		t.Errorf("-f: %+v, of %d", one, len(f.tree))
	}
	f.must("rm", "Resources/l")
	if f.tree["demo/Resources/l"] != nil || f.tree["demo/Resources/d/file"] == nil {
		t.Error("rm removed something else than the link")
	}
}

func TestCopiesLeaveLinksOut(t *testing.T) {
	f := newFiles(t)
	localTree(t, nil)
	f.put("demo/Resources/d/file", "x", false)
	f.put("demo/Resources/d/up", "", false).Link = ".."
	out, errs, err := f.run("cp", "-r", ":Resources/d", "copy")
	if err != nil || !strings.Contains(errs, "bine://demo/Resources/d/up is left out: it is a symbolic link") {
		t.Errorf("got %q, %q, %v", out, errs, err)
	}
	f.must("chmod", "-R", "g-w", "Resources/d")
	if seen := strings.Join(f.seen, "\n"); strings.Contains(seen, "Resources/d/up") || !strings.Contains(seen, "PATCH demo/Resources/d/file") {
		t.Errorf("chmod -R changes\n%s", seen)
	}
}
