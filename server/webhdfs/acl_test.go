package webhdfs_test

import (
	"strings"
	"testing"
)

func TestAccessLists(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources/lists"
	w.olga("PUT", dir+"?op=MKDIRS&permission=700")
	list := func(entries, permission string) string {
		return `200 {"AclStatus":{"entries":[` + entries + `],"group":"demo__data_scientist","owner":"demo__olga","permission":"` + permission + `","stickyBit":false}}`
	}
	same(t, "looking into what is closed", w.sven("GET", dir+"?op=LISTSTATUS").status, 403)
	for _, step := range []struct{ method, request, want string }{
		{"GET", "?op=GETACLSTATUS", list("", "700")},
		{"PUT", "?op=MODIFYACLENTRIES&aclspec=user:demo__sven:r-x,default:user:demo__sven:rwx", "200 "},
		{"GET", "?op=GETACLSTATUS", list(`"user:demo__sven:r-x","group::---","default:user::rwx","default:user:demo__sven:rwx","default:group::---","default:mask::rwx","default:other::---"`, "750")},
		{"PUT", "?op=REMOVEACLENTRIES&aclspec=user:demo__sven:,mask::", "200 "},
		{"GET", "?op=GETACLSTATUS", list(`"default:user::rwx","default:user:demo__sven:rwx","default:group::---","default:mask::rwx","default:other::---"`, "700")},
		{"PUT", "?op=REMOVEDEFAULTACL", "200 "},
		{"GET", "?op=GETACLSTATUS", list("", "700")},
		{"PUT", "?op=SETACL&aclspec=user::rwx,user:demo__sven:r-x,group::rwx,other::r--,default:user:demo__sven:rwx", "200 "},
		{"GET", "?op=GETFILESTATUS", ""},
		{"PUT", "/made?op=MKDIRS&permission=750&unmaskedpermission=777", `200 {"boolean":true}`},
		{"PUT", "?op=SETPERMISSION&permission=710", "200 "},
		{"GET", "?op=GETACLSTATUS", list(`"user:demo__sven:r-x","group::rwx","default:user::rwx","default:user:demo__sven:rwx","default:group::rwx","default:mask::rwx","default:other::r--"`, "710")},
	} {
		got := w.olga(step.method, dir+step.request)
		if step.want == "" {
			if !strings.HasPrefix(got.body, `{"FileStatus":{"aclBit":true,`) || !strings.Contains(got.body, `"permission":"774"`) {
				t.Errorf("the status of a directory with a list: %s", got.body)
			}
			continue
		}
		same(t, step.request, words(got.status, got.body), step.want)
	}
	same(t, "the mask bounds", words(w.sven("GET", dir+"?op=CHECKACCESS&fsaction=--x").status, w.sven("GET", dir+"?op=CHECKACCESS&fsaction=r--").status), "200 403")
	same(t, "what was made below", words(w.sven("GET", dir+"/made?op=CHECKACCESS&fsaction=rwx").status, w.upload(w.keys["sven"], "PUT", dir+"/made/f?op=CREATE", "x").status), "200 201")
	same(t, "removing the list", words(w.olga("PUT", dir+"?op=REMOVEACL").status, w.olga("GET", dir+"?op=GETACLSTATUS").body), "200 "+list("", "770")[4:])
}

func TestAccessListsAskedForBadly(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources"
	for request, want := range map[string]string{
		"?op=MODIFYACLENTRIES":                                    "400 IllegalArgumentException",
		"?op=MODIFYACLENTRIES&aclspec=sven":                       "400 IllegalArgumentException",
		"?op=MODIFYACLENTRIES&aclspec=user:demo__sven":            "400 IllegalArgumentException",
		"?op=MODIFYACLENTRIES&aclspec=user:other__mallory:rwx":    "403 AclException",
		"?op=SETACL&aclspec=user:demo__sven:rwx":                  "403 AclException",
		"?op=REMOVEACLENTRIES&aclspec=user::":                     "403 AclException",
		"/none?op=REMOVEACL":                                      "404 FileNotFoundException",
		"/../.artifacts?op=MODIFYACLENTRIES&aclspec=other::r--":   "400 IllegalArgumentException",
		"?op=MKDIRS&permission=700&unmaskedpermission=everything": "400 IllegalArgumentException",
	} {
		got := w.olga("PUT", dir+request)
		same(t, request, words(got.status, got.exception()), want)
	}
	same(t, "a Data Scientist", w.sven("PUT", dir+"?op=MODIFYACLENTRIES&aclspec=user:demo__sven:rwx").status, 403)
	same(t, "a Data Scientist elsewhere", w.sven("PUT", "/Projects/demo/Models?op=REMOVEACL").status, 403)
	same(t, "a stranger", w.mallory("PUT", dir+"?op=REMOVEACL").status, 404)
	same(t, "a stranger who asks", w.mallory("GET", dir+"?op=GETACLSTATUS").status, 404)
}
