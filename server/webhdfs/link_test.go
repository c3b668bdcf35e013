package webhdfs_test

import (
	"strings"
	"testing"
)

func TestSymbolicLinks(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources"
	w.put(dir+"/real/file", "abc")
	for _, step := range []struct{ method, request, want string }{
		{"PUT", "/link?op=CREATESYMLINK&destination=" + dir + "/real", "200 "},
		{"PUT", "/new/deep/l?op=CREATESYMLINK&destination=../../real/file&createParent=true", "200 "},
		{"GET", "/link?op=GETLINKTARGET", `200 {"Path":"` + dir + `/real"}`},
		{"GET", "/new/deep/l?op=GETLINKTARGET", `200 {"Path":"../../real/file"}`},
		{"GET", "/link/file?op=OPEN", "200 abc"},
		{"GET", "/new/deep/l?op=OPEN", "200 abc"},
		{"PUT", "/link?op=RENAME&destination=" + dir + "/renamed", `200 {"boolean":true}`},
		{"GET", "/renamed/file?op=OPEN", "200 abc"},
		{"DELETE", "/renamed?op=DELETE&recursive=true", `200 {"boolean":true}`},
		{"GET", "/real/file?op=OPEN", "200 abc"},
		{"PUT", "/real/up?op=CREATESYMLINK&destination=file", "200 "},
	} {
		got := w.olga(step.method, dir+step.request)
		same(t, step.method+" "+step.request, words(got.status, got.body), step.want)
	}
	var listed struct {
		FileStatuses struct {
			FileStatus []struct {
				PathSuffix, Type, Symlink, Permission string
				Length                                int64
			}
		}
	}
	w.olga("GET", dir+"/real?op=LISTSTATUS").into(t, &listed)
	if all := listed.FileStatuses.FileStatus; len(all) != 2 || all[1].PathSuffix != "up" || all[1].Type != "SYMLINK" || all[1].Symlink != "file" || all[1].Length != 0 || all[1].Permission != "777" || all[0].Type != "FILE" {
		t.Errorf("a directory with a link: %+v", all)
	}
	same(t, "the status of where it leads", words(w.status(dir+"/real/up").Type, w.status(dir+"/real/up").Length), "FILE 3")
	link := w.olga("GET", dir+"/real/up?op=GETFILELINKSTATUS").body
	if !strings.Contains(link, `"symlink":"file","type":"SYMLINK"`) {
		t.Errorf("the status of a link: %s", link)
	}
	same(t, "the status of a file", strings.Contains(w.olga("GET", dir+"/real/file?op=GETFILELINKSTATUS").body, `"type":"FILE"`), true)
}

func TestSymbolicLinksAskedForBadly(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources"
	w.put(dir+"/file", "abc")
	w.put("/Projects/other/Resources/secret", "secret")
	w.olga("PUT", dir+"/there?op=CREATESYMLINK&destination=none")
	w.olga("PUT", dir+"/in?op=CREATESYMLINK&destination=../.artifacts")
	w.olga("PUT", dir+"/self?op=CREATESYMLINK&destination=self")
	for request, want := range map[string]string{
		"PUT /l?op=CREATESYMLINK": "400 IllegalArgumentException",
		"PUT /l?op=CREATESYMLINK&destination=/Projects/other/Resources/secret": "400 IllegalArgumentException",
		"PUT /l?op=CREATESYMLINK&destination=../../other/Resources/secret":     "400 IllegalArgumentException",
		"PUT /none/l?op=CREATESYMLINK&destination=x":                           "404 FileNotFoundException",
		"PUT /file/l?op=CREATESYMLINK&destination=x":                           "403 ParentNotDirectoryException",
		"PUT /there?op=CREATESYMLINK&destination=x":                            "403 FileAlreadyExistsException",
		"GET /file?op=GETLINKTARGET":                                           "403 IOException",
		"GET /none?op=GETFILELINKSTATUS":                                       "404 FileNotFoundException",
		"GET /there?op=GETFILESTATUS":                                          "404 FileNotFoundException",
		"GET /self?op=GETFILESTATUS":                                           "403 IOException",
		"PUT /in/x?op=MKDIRS":                                                  "403 AccessControlException",
		"PUT /in?op=SETPERMISSION&permission=777":                              "403 AccessControlException",
		"PUT /file?op=RENAME&destination=" + dir + "/in/x&renameoptions=NONE":  "403 AccessControlException",
	} {
		method, address, _ := strings.Cut(request, " ")
		got := w.olga(method, dir+address)
		same(t, request, words(got.status, got.exception()), want)
	}
	got := w.upload(w.keys["olga"], "PUT", dir+"/in/x?op=CREATE", "x")
	same(t, "CREATE below a link to .artifacts", words(got.status, got.exception()), "403 AccessControlException")

	// Sven may change what is in Resources by hand, and in Logs by his jobs alone.
	same(t, "a link to Logs", w.sven("PUT", dir+"/logs?op=CREATESYMLINK&destination=../Logs").status, 200)
	got = w.upload(w.keys["sven"], "PUT", dir+"/logs/x?op=CREATE", "x")
	same(t, "CREATE through a link to Logs", words(got.status, got.exception()), "403 AccessControlException")
	same(t, "MKDIRS through a link to Logs", w.sven("PUT", dir+"/logs/x?op=MKDIRS").status, 403)
	same(t, "a link in Models", w.sven("PUT", "/Projects/demo/Models/l?op=CREATESYMLINK&destination=x").status, 403)
	same(t, "a stranger", w.mallory("GET", dir+"/there?op=GETLINKTARGET").status, 404)
}
