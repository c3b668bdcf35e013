package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/internal/cli"
)

func TestListingAndMeasuring(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/a", strings.Repeat("x", 2048), false)
	f.put("demo/Resources/b/c/d", "12345", false)
	f.put("demo/Resources/bb/e", "1", false)
	for args, want := range map[string]string{
		"ls Resources -o name":                "Resources/a Resources/b Resources/bb",
		"ls -R Resources -o name":             "Resources/a Resources/b Resources/b/c Resources/b/c/d Resources/bb Resources/bb/e",
		"ls Resources/a -o name":              "Resources/a",
		"ls :Resources/b -o name":             "Resources/b/c",
		"du -b Resources":                     "SIZE FILES PATH 5 1 Resources/b/c 5 1 Resources/b 1 1 Resources/bb 2054 3 Resources",
		"du -b -d 1 Resources":                "SIZE FILES PATH 5 1 Resources/b 1 1 Resources/bb 2054 3 Resources",
		"du Resources/a":                      "SIZE FILES PATH 2.0 KiB 1 Resources/a",
		"cat Resources/bb/e :Resources/b/c/d": "112345",
	} {
		if out := f.must(strings.Fields(args)...); strings.Join(strings.Fields(out), " ") != want {
			t.Errorf("%s: %q, want %q", args, out, want)
		}
	}
	if out := f.must("ls", "-l", "Resources"); !strings.Contains(out, "GROUP") || !strings.Contains(out, " 2048 ") {
		t.Errorf("ls -l: %s", out)
	}
	f.fails(cli.ExitNotFound, "nothing", "ls", "Resources", "nothing")
	f.fails(cli.ExitNotFound, "nothing", "du", "nothing")
}

func TestAttributes(t *testing.T) {
	f := newFiles(t)
	f.put("demo/Resources/d/a", "x", false)
	f.must("chmod", "-R", "u=rwX,g-w,o+r", "Resources/d")
	a, d := f.tree["demo/Resources/d/a"], f.tree["demo/Resources/d"]
	if a.Mode != 0o644 || d.Mode != 0o744 {
		t.Errorf("modes are %o and %o, want 644 and 744", a.Mode, d.Mode)
	}
	f.must("chmod", "600", "Resources/d/a")
	f.must("chown", "sven:data_owner", "Resources/d/a")
	if a.Mode != 0o600 || a.Owner != "demo__sven" || a.Group != "demo__data_owner" {
		t.Errorf("mode, owner and group are %o, %s, %s", a.Mode, a.Owner, a.Group)
	}
	f.must("touch", "-d", "2026-01-02", "Resources/d/a", "Resources/d/new")
	f.must("touch", "-c", "Resources/d/none")
	if got := a.Modified.Local().Format(time.DateOnly); got != "2026-01-02" {
		t.Errorf("touched, it is of %s", got)
	}
	f.holds("demo/Resources/d", "a=x new=")
	for _, mode := range []string{"999", "1777", "u+z", "w", "q+r"} {
		f.fails(cli.ExitUsage, "mode", "chmod", mode, "Resources/d/a")
	}
	f.fails(cli.ExitUsage, "neither", "chown", ":", "Resources/d/a")
	f.fails(cli.ExitUsage, "date", "touch", "-d", "soon", "Resources/d/a")
	f.fails(cli.ExitNotFound, "none", "stat", "Resources/d/a", "Resources/d/none")
}

func TestMovingAndRemoving(t *testing.T) {
	f := newFiles(t)
	for _, name := range []string{"a", "b", "d/x"} {
		f.put("demo/Resources/"+name, name, false)
	}
	f.must("mv", "Resources/a", "Resources/b", "Resources/d")
	f.holds("demo/Resources", "d/ d/a=a d/b=b d/x=d/x")
	f.must("mv", "Resources/d/a", "Resources/c")
	f.fails(cli.ExitUsage, "not a directory", "mv", "Resources/d/b", "Resources/d/x", "Resources/c")
	f.fails(cli.ExitUsage, "different projects", "mv", "Resources/c", "bine://other/Resources/c")
	f.must("rm", "Resources/c", "Resources/d/b")
	f.fails(cli.ExitNotFound, "c", "rm", "Resources/c", "Resources/d/x")
	f.must("rm", "-f", "Resources/c")
	f.fails(cli.ExitUsage, "name a file", "rm", "-r", ":")
	f.fails(cli.ExitUsage, "give -r", "rm", "Resources/d")
	if got := strings.Join(f.seen, " "); strings.Count(got, "trash=true") != 3 || strings.Contains(got, "trash= ") {
		t.Errorf("rm asks for %s, want three files put into the trash", got)
	}
	f.put("demo/Resources/e/x", "x", false)
	f.must("rm", "-r", "--permanent", "Resources/e")
	if got := f.seen[len(f.seen)-1]; got != "trash= recursive=true" {
		t.Errorf("rm -r --permanent asks for %s", got)
	}
	f.holds("demo/Resources", "d/")
}
