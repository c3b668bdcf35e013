package webhdfs_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s = %s, want %s", what, g, w)
	}
}

// words writes values with spaces between.
func words(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }

// status is a FileStatus as clients read it.
type status struct {
	PathSuffix, Type, Permission, Owner, Group                              string
	Length, ModificationTime, BlockSize, FileID, Replication, StoragePolicy int64
}

func (w *world) status(path string) status {
	w.t.Helper()
	var s struct{ FileStatus status }
	w.olga("GET", path+"?op=GETFILESTATUS").into(w.t, &s)
	return s.FileStatus
}

func (w *world) names(key, path string) string {
	w.t.Helper()
	var l struct {
		FileStatuses struct{ FileStatus []status }
	}
	w.as(key, "GET", path+"?op=LISTSTATUS").into(w.t, &l)
	var names []string
	for _, s := range l.FileStatuses.FileStatus {
		names = append(names, s.PathSuffix)
	}
	return strings.Join(names, " ")
}

func TestAFileIsMadeReadListedMovedAndRemoved(t *testing.T) {
	w := newWorld(t)
	const file = "/Projects/demo/Resources/a/b/hello%20%C3%A4%2B%25.txt"
	first := w.olga("PUT", file+"?op=CREATE&permission=640&user.name=x")
	same(t, "the first step", first.status, 307)
	second := w.send("PUT", first.header.Get("Location"), strings.NewReader("hello, world"))
	same(t, "the second step", words(second.status, second.body), "201 ")
	same(t, "its Location", second.header.Get("Location"), "webhdfs://"+strings.TrimPrefix(w.url, "http://")+file[:len(file)-len("%2B%25.txt")]+"+%25.txt")
	s := w.status(file)
	same(t, "the status", words(s.Type, s.Length, s.Permission, s.Owner, s.Group, s.PathSuffix, s.Replication, s.BlockSize), words("FILE 12 640 demo__olga demo__data_scientist  1", 128<<20))
	same(t, "the content", w.olga("GET", file+"?op=OPEN").body, "hello, world")
	same(t, "the directory", w.names(w.keys["olga"], "/Projects/demo/Resources/a/b"), "hello ä+%.txt")
	same(t, "a file listed", w.names(w.keys["olga"], file), "")
	for _, step := range []struct{ method, request, want string }{
		{"PUT", "/Projects/demo/Resources/c?op=MKDIRS", `200 {"boolean":true}`},
		{"PUT", "/Projects/demo/Resources/c?op=MKDIRS&permission=700", `200 {"boolean":true}`},
		{"PUT", file + "?op=RENAME&destination=/Projects/demo/Resources/c/renamed", `200 {"boolean":true}`},
		{"PUT", file + "?op=RENAME&destination=/Projects/demo/Resources/c/renamed", `200 {"boolean":false}`},
		{"PUT", "/Projects/demo/Resources/c/renamed?op=RENAME&destination=/Projects/demo/Resources/c/renamed", `200 {"boolean":true}`},
		{"PUT", "/Projects/demo/Resources/c?op=RENAME&destination=/Projects/demo/Resources/c", `200 {"boolean":false}`},
		{"PUT", "/Projects/demo/Resources/c?op=RENAME&destination=/Projects/demo/Resources/c/below/it", `200 {"boolean":false}`},
		{"PUT", "/?op=RENAME&destination=/Projects/demo/Resources/root", `200 {"boolean":false}`},
		{"PUT", "/Projects/demo/Resources/c/renamed?op=RENAME&destination=/Projects/demo/Resources/a", `200 {"boolean":true}`}, // into it
		{"GET", "/Projects/demo/Resources/a/renamed?op=OPEN", "200 hello, world"},
		{"DELETE", "/Projects/demo/Resources/c?op=DELETE", `200 {"boolean":true}`},
		{"DELETE", "/Projects/demo/Resources/c?op=DELETE", `200 {"boolean":false}`},
		{"DELETE", "/Projects/demo/Resources/a?op=DELETE&recursive=true", `200 {"boolean":true}`},
	} {
		got := w.olga(step.method, step.request)
		same(t, step.method+" "+step.request, words(got.status, got.body), step.want)
	}
	same(t, "what is left", w.names(w.keys["olga"], "/Projects/demo/Resources"), "")
}

func TestListings(t *testing.T) {
	w := newWorld(t)
	const tree = "DataValidation Experiments Jupyter Logs Models Pipelines README.md Resources Statistics Training_Datasets"
	same(t, "the project, without what is the platform's", w.names(w.keys["olga"], "/Projects/demo"), tree)
	same(t, "/", w.names(w.keys["olga"], "/"), "Projects")
	same(t, "/Projects of olga", w.names(w.keys["olga"], "/Projects"), "demo")
	same(t, "/Projects of mallory", w.names(w.keys["mallory"], "/Projects/"), "other")
	same(t, "/Projects of a job", w.names(w.job("olga"), "/Projects"), "demo")
	same(t, "a root without a slash", w.olga("GET", "?op=GETFILESTATUS").status, 200)
	for i := range 2500 {
		w.put(fmt.Sprintf("/Projects/demo/Resources/many/%04d", i), "")
	}
	var seen int
	for after, more := "", true; more; {
		var page struct {
			DirectoryListing struct {
				PartialListing struct {
					FileStatuses struct{ FileStatus []status }
				}
				RemainingEntries int
			}
		}
		w.olga("GET", "/Projects/demo/Resources/many?op=LISTSTATUS_BATCH&startAfter="+after).into(t, &page)
		for _, s := range page.DirectoryListing.PartialListing.FileStatuses.FileStatus {
			same(t, "the next", s.PathSuffix, fmt.Sprintf("%04d", seen))
			after, seen = s.PathSuffix, seen+1
		}
		more = page.DirectoryListing.RemainingEntries > 0
	}
	same(t, "entries in batches", seen, 2500)
}

func TestAListingOfManyPagesIsWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 10,001 files")
	}
	w := newWorld(t)
	for i := range 10_001 {
		w.put(fmt.Sprintf("/Projects/demo/Resources/many/%05d", i), "")
	}
	names := strings.Fields(w.names(w.keys["olga"], "/Projects/demo/Resources/many"))
	same(t, "all", words(len(names), names[0], names[10_000]), "10001 00000 10000")
}

func TestRanges(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/demo/Resources/ten", "0123456789")
	w.put("/Projects/demo/Resources/empty", "")
	for query, want := range map[string]string{
		"":                                     "200 0123456789",
		"&offset=0&length=10":                  "200 0123456789",
		"&offset=3":                            "200 3456789",
		"&offset=3&length=4":                   "200 3456",
		"&offset=9":                            "200 9",
		"&offset=9&length=99":                  "200 9",
		"&length=0":                            "200 ",
		"&offset=4&length=0":                   "200 ",
		"&offset=null":                         "200 0123456789",
		"&length=9223372036854775807&offset=8": "200 89",
		"&offset=10":                           "403 EOFException",
		"&offset=11":                           "403 EOFException",
		"&offset=9223372036854775807":          "403 EOFException",
		"&offset=-1":                           "400 IllegalArgumentException",
		"&length=-1":                           "400 IllegalArgumentException",
		"&offset=1.5":                          "400 IllegalArgumentException",
		"&offset=9223372036854775808":          "400 IllegalArgumentException",
		"&offset=0x1":                          "400 IllegalArgumentException",
		"&noredirect=maybe":                    "400 IllegalArgumentException",
	} {
		got := w.olga("GET", "/Projects/demo/Resources/ten?op=OPEN"+query)
		text := got.body
		if got.status != 200 {
			text = got.exception()
		} else {
			same(t, query+": Content-Length", got.header.Get("Content-Length"), len(got.body))
			same(t, query+": Content-Type", got.header.Get("Content-Type"), "application/octet-stream")
		}
		same(t, "OPEN"+query, words(got.status, text), want)
	}
	same(t, "an empty file", w.olga("GET", "/Projects/demo/Resources/empty?op=OPEN").status, 200)
	same(t, "behind an empty file", w.olga("GET", "/Projects/demo/Resources/empty?op=OPEN&offset=1").status, 403)
	for header, want := range map[string]string{"bytes=2-4": "206 234 bytes 2-4/10", "bytes=-3": "206 789 bytes 7-9/10", "bytes=0-1,3-4": "200 0123456789 ", "bytes=10-": "416  "} {
		got := w.send("GET", "/Projects/demo/Resources/ten?op=OPEN", nil, "Authorization", "Bearer "+w.keys["olga"], "Range", header)
		body := got.body
		if got.status == 416 {
			body = ""
		}
		same(t, "Range: "+header, words(got.status, body, got.header.Get("Content-Range")), want)
	}
	directory := w.olga("GET", "/Projects/demo/Resources?op=OPEN")
	same(t, "a directory", words(directory.status, directory.exception()), "404 FileNotFoundException")
	if directory = w.olga("GET", "/Projects/demo/Resources/ten?op=OPEN"); directory.header.Get("Content-Security-Policy") != "sandbox; default-src 'none'" || directory.header.Get("Content-Disposition") != "attachment" {
		t.Errorf("content could be run as a page: %v", directory.header)
	}
	if large := strings.Repeat("0123456789abcdef", 1<<17); true {
		w.put("/Projects/demo/Resources/large", large)
		same(t, "a large file", w.olga("GET", "/Projects/demo/Resources/large?op=OPEN").body == large, true)
		same(t, "a part over its blocks", w.olga("GET", "/Projects/demo/Resources/large?op=OPEN&offset=1048575&length=3").body, "f01")
	}
	redirect := w.olga("GET", "/Projects/demo/Resources/ten?op=OPEN&noredirect=true&offset=8")
	var to struct{ Location string }
	redirect.into(t, &to)
	same(t, "the address of the content", w.send(http.MethodGet, to.Location, nil).body, "89")
}
