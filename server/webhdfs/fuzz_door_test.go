package webhdfs_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzDoor asks the whole server for paths, queries and ranges in every encoding,
// as somebody who may see one project. Nothing of another project may come out,
// nothing that is not an exception of Hadoop's or what was asked for, and no
// fault of the server's.
func FuzzDoor(f *testing.F) {
	for _, path := range []string{"/Projects/demo/Resources/f", "/Projects/demo/../other/Resources/secret", "/Projects/demo/%2e%2e/other/Resources/secret", "/Projects/demo/%252e%252e/other", "//Projects/other",
		"/Projects/demo/other::Resources/secret", "/Projects/other/demo::Resources/f", "/Projects/demo/a%00b", "/Projects/demo/" + strings.Repeat("x", 300), "/Projects/" + strings.Repeat("a/", 600),
		"/Projects/d\u0435mo/Resources", "/Projects/demo/\u202etxt", "/Projects/demo/Cafe\u0301", "/%ff", "/Projects/demo;v=1/Resources/f", "/Projects/demo\\..\\other", "/Projects/DEMO/Resources/f", "/.reserved/raw/Projects/other"} {
		for _, op := range []string{"OPEN", "LISTSTATUS", "GETCONTENTSUMMARY"} {
			f.Add("GET", path, "op="+op, "bytes=0-3")
		}
	}
	for _, query := range []string{"op=RENAME&destination=/Projects/other/Resources/x", "op=RENAME&destination=/Projects/demo/other::Resources/x", "op=CONCAT&sources=/Projects/other/Resources/secret", "op=CREATE&data=true&overwrite=true",
		"op=OPEN&offset=-1", "op=OPEN&length=9223372036854775807&offset=3", "op=OPEN&noredirect=true", "op=CREATESYMLINK&destination=/Projects/other/Resources/secret", "op=GETXATTRS&xattr.name=%00", "op=SETTIMES&modificationtime=99999999999999999"} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
			f.Add(method, "/Projects/demo/Resources/f", query, "bytes=9223372036854775807-")
		}
	}
	w := newWorld(f)
	w.put("/Projects/demo/Resources/f", "0123456789")
	const secret = "secret of other"
	w.put("/Projects/other/Resources/secret", secret)
	allowed := []string{"application/json", "application/octet-stream"}
	f.Fuzz(func(t *testing.T, method, path, query, ranges string) {
		if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE"}, method) {
			return
		}
		target, err := url.PathUnescape(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return // net/http answers those itself
		}
		r := httptest.NewRequest(method, "/", strings.NewReader("content"))
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/webhdfs/v1"+target, "/webhdfs/v1"+path, query
		r.Header.Set("Authorization", "Bearer "+w.keys["sven"])
		r.Header.Set("Range", ranges)
		out := httptest.NewRecorder()
		w.server.ServeHTTP(out, r)
		kind := out.Header().Get("Content-Type")
		if out.Code >= http.StatusInternalServerError || !slices.Contains(allowed, kind) && out.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s %q ? %q answers %d %s %s", method, path, query, out.Code, kind, out.Body)
		}
		if strings.Contains(out.Body.String(), secret) {
			t.Errorf("%s %q ? %q tells a secret", method, path, query)
		}
		seen := *w
		seen.t = t
		if got := seen.mallory("GET", "/Projects/other/Resources/secret?op=OPEN").body; got != secret {
			t.Fatalf("after %s %q ? %q the other project's file has %q", method, path, query, got)
		}
	})
}
