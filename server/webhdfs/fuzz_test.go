package webhdfs

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bine-ml/bine/server/api"
)

// FuzzParams looks for a path or a query that is read as what it may not be.
func FuzzParams(f *testing.F) {
	for _, query := range []string{"op=OPEN&offset=1&length=2", "OP=create&overwrite=TRUE&permission=755", "op=SETTIMES&modificationtime=-1", "op=CHECKACCESS&fsaction=r-x", "op=RENAME&destination=/Projects/a/%2e%2e/b",
		"op=SETXATTR&xattr.name=a&xattr.value=0x0&flag=CREATE,REPLACE", "op=CONCAT&sources=/a,/b", "op=OPEN&offset=9223372036854775807&length=9223372036854775807", "op=OPEN&ticket=v1.a.b", "op=open;x"} {
		f.Add("/Projects/demo/x", query, "bytes=1-2", int64(10))
	}
	d := New(Config{})
	f.Fuzz(func(t *testing.T, path, query, ranges string, size int64) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		c := &call{door: d, r: r}
		if c.read(path) != nil {
			return
		}
		checkPath(t, path, c.path)
		if to, err := c.params.path("destination"); err == nil {
			checkPath(t, c.params.text("destination"), to)
		}
		if mode, err := c.params.mode("permission"); err == nil && mode > 0o777 {
			t.Errorf("mode %o", mode)
		}
		size = max(size, 0)
		if s, _, err := api.SpanOf(ranges, size); err == nil && (s.Offset < 0 || s.Length < 0 || s.Offset > size || s.Length > size-s.Offset) {
			t.Errorf("span %+v of %d bytes", s, size)
		}
		if s, _, err := c.wanted(); err == nil && (s.Offset < 0 || s.Length < 0) {
			t.Errorf("span %+v", s)
		}
		c.createOptions()
		c.xattrFlags()
		decoded(c.params.text("xattr.value"))
		c.params.moment("modificationtime")
		encoder(c.params.text("encoding"))
	})
}

// checkPath fails where a path was taken as one that could lead elsewhere.
func checkPath(t *testing.T, said, taken string) {
	t.Helper()
	for part := range strings.SplitSeq(strings.TrimPrefix(taken, "/"), "/") {
		if taken != "/" && (!strings.HasPrefix(taken, "/") || part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\\x00")) {
			t.Errorf("path %q was taken as %q", said, taken)
		}
	}
}
