package dfs_test

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

func TestClean(t *testing.T) {
	for _, good := range []struct{ path, want string }{
		{"/", "/"}, {"/a", "/a"}, {"/a/", "/a"}, {"/a/b c/…", "/a/b c/…"}, {"/...", "/..."}, {"/a/..b", "/a/..b"},
		{"/" + strings.Repeat("x", 255), "/" + strings.Repeat("x", 255)},
	} {
		if got, err := dfs.Clean(good.path); got != good.want || err != nil {
			t.Errorf("Clean(%q): got %q, %v, want %q", good.path, got, err, good.want)
		}
	}
	for _, bad := range []string{"", "a", "./a", "//", "//a", "/a//b", "/a//", "/.", "/..", "/a/../b", "/a/./b", "/a\x00", "/\xff",
		"/" + strings.Repeat("x", 256), strings.Repeat("/abc", 1100), strings.Repeat("/a", 513)} {
		if got, err := dfs.Clean(bad); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Clean(%.40q): got %q, %v, want an error of kind invalid", bad, got, err)
		}
	}
}

func TestProjectPath(t *testing.T) {
	for _, c := range []struct {
		relative []string
		want     string
	}{{nil, "/Projects/demo"}, {[]string{""}, "/Projects/demo"}, {[]string{"a/b"}, "/Projects/demo/a/b"}, {[]string{"/a/", "b"}, "/Projects/demo/a/b"}, {[]string{"../x"}, "/Projects/demo/../x"}} {
		if got := dfs.ProjectPath("demo", c.relative...); got != c.want {
			t.Errorf("ProjectPath(%q): got %q, want %q", c.relative, got, c.want)
		}
	}
}

// FuzzClean checks that what passes is what every other reader of paths would
// take it for, and leads nowhere else.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"/", "/a/b/", "/a/../b", "//a", "/%2e%2e/a", "/a\\..\\b", "/é/\u202e", "/a\x00b", "relative"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := dfs.Clean(in)
		if err != nil {
			if !bine.IsKind(err, bine.Invalid) || !utf8.ValidString(err.Error()) {
				t.Errorf("Clean(%q): %v", in, err)
			}
			return
		}
		if again, err := dfs.Clean(got); again != got || err != nil {
			t.Errorf("Clean(%q) gives %q, of which Clean gives %q, %v", in, got, again, err)
		}
		if path.Clean(in) != got || strings.Contains(got, "\x00") || len(got) > dfs.MaxPath {
			t.Errorf("Clean(%q) gives %q", in, got)
		}
	})
}
