package webhdfs_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bine-ml/bine/dfs"
)

func TestWhatIsNotSupportedSaysSo(t *testing.T) {
	w := newWorld(t)
	for method, names := range map[string]string{
		"GET":  "GETDELEGATIONTOKEN GETECPOLICY GETECPOLICIES",
		"PUT":  "RENEWDELEGATIONTOKEN CANCELDELEGATIONTOKEN ENABLEECPOLICY DISABLEECPOLICY SETECPOLICY SETQUOTABYSTORAGETYPE",
		"POST": "UNSETECPOLICY",
	} {
		for name := range strings.FieldsSeq(names) {
			got := w.olga(method, readme+"?op="+name)
			want := fmt.Sprintf(`{"RemoteException":{"exception":"UnsupportedOperationException","javaClassName":"java.lang.UnsupportedOperationException","message":"%s is not supported`, name)
			if got.status != 400 || !strings.HasPrefix(got.body, want) {
				t.Errorf("%s answers %d %s", name, got.status, got.body)
			}
		}
	}
	same(t, "nobody asking for it", w.send("PUT", readme+"?op=SETACL", nil).status, 401)
}

func TestWhatIsAskedForBadly(t *testing.T) {
	w := newWorld(t)
	const dir, bad = "/Projects/demo/Models", "400 IllegalArgumentException"
	for request, want := range map[string]string{
		"GET " + readme:                                                                bad,
		"GET " + readme + "?op=":                                                       bad,
		"GET " + readme + "?op=FLY":                                                    bad,
		"GET " + readme + "?op=CREATE":                                                 bad,
		"POST " + readme + "?op=OPEN":                                                  bad,
		"PATCH " + readme + "?op=OPEN":                                                 bad,
		"GET " + readme + "?op=getfilestatus":                                          "200 ",
		"GET " + readme + "?OP=GETFILESTATUS":                                          "200 ",
		"GET " + readme + "?op=OPEN&op=LISTSTATUS":                                     "200 ",
		"GET " + readme + "?op=OPEN&x=%zz":                                             bad,
		"GET " + readme + "?op=OPEN;delegation=1":                                      bad,
		"GET " + readme + "/x?op=OPEN":                                                 "404 FileNotFoundException",
		"PUT " + readme + "/x?op=MKDIRS":                                               "403 ParentNotDirectoryException",
		"PUT " + readme + "?op=MKDIRS":                                                 "403 FileAlreadyExistsException",
		"PUT " + readme + "?op=CREATE":                                                 "403 FileAlreadyExistsException",
		"PUT " + readme + "?op=CREATE&data=true":                                       "403 FileAlreadyExistsException",
		"PUT " + readme + "/x?op=CREATE&data=true":                                     "403 ParentNotDirectoryException",
		"PUT " + dir + "?op=CREATE&overwrite=true":                                     "403 FileAlreadyExistsException",
		"PUT " + dir + "/y/x?op=CREATE&data=true&createParent=false":                   "404 FileNotFoundException",
		"PUT " + dir + "/x?op=CREATE&overwrite=yes":                                    bad,
		"PUT " + dir + "/x?op=CREATE&createflag=create,append":                         bad,
		"PUT " + dir + "/x?op=CREATE&permission=8":                                     bad,
		"PUT " + dir + "/x?op=CREATE&permission=1777":                                  bad,
		"PUT " + dir + "/x?op=CREATE&permission=0":                                     bad,
		"PUT " + dir + "/x?op=CREATE&permission=-1":                                    bad,
		"PUT " + dir + "/x?op=MKDIRS&permission=rwx":                                   bad,
		"POST " + dir + "/none?op=APPEND":                                              "404 FileNotFoundException",
		"POST " + dir + "?op=APPEND":                                                   "404 FileNotFoundException",
		"PUT " + readme + "?op=RENAME":                                                 bad,
		"PUT " + readme + "?op=RENAME&destination=x":                                   bad,
		"PUT " + readme + "?op=RENAME&destination=/Projects/demo/a/../b":               bad,
		"PUT " + readme + "?op=RENAME&destination=/elsewhere":                          "403 AccessControlException",
		"PUT " + readme + "?op=RENAME&destination=" + dir + "/x&renameoptions=SWAP":    bad,
		"PUT " + readme + "?op=RENAME&destination=" + dir + "&renameoptions=OVERWRITE": "403 FileAlreadyExistsException",
		"PUT " + dir + "/none?op=RENAME&destination=" + dir + "/x&renameoptions=NONE":  "404 FileNotFoundException",
		"PUT " + dir + "?op=RENAME&destination=" + dir + "/x/y&renameoptions=NONE":     "403 IOException",
		"PUT " + dir + "?op=RENAME&destination=" + dir + "&renameoptions=NONE":         "403 FileAlreadyExistsException",
		"DELETE " + dir + "?op=DELETE&recursive=perhaps":                               bad,
		"DELETE /Projects/demo?op=DELETE":                                              bad,
		"PUT " + readme + "?op=SETPERMISSION&permission=999":                           bad,
		"PUT " + readme + "?op=SETOWNER":                                               bad,
		"PUT " + readme + "?op=SETOWNER&owner=root":                                    bad,
		"PUT " + readme + "?op=SETTIMES&modificationtime=now":                          bad,
		"PUT " + readme + "?op=SETTIMES&modificationtime=9223372036854775807":          bad,
		"PUT " + readme + "?op=SETREPLICATION&replication=0":                           bad,
		"PUT " + readme + "?op=SETXATTR&xattr.value=1":                                 bad,
		"PUT " + readme + "?op=SETXATTR&xattr.name=a&xattr.value=0xzz":                 bad,
		"PUT " + readme + "?op=SETXATTR&xattr.name=a&xattr.value=0s!":                  bad,
		"PUT " + readme + "?op=SETXATTR&xattr.name=a&flag=MAYBE":                       bad,
		"PUT " + readme + "?op=SETXATTR&xattr.name=a&flag=REPLACE":                     "403 IOException",
		"PUT " + readme + "?op=SETXATTR&xattr.name=bine.x&xattr.value=1":               "403 AccessControlException",
		"PUT " + readme + "?op=REMOVEXATTR&xattr.name=none":                            "403 IOException",
		"GET " + readme + "?op=GETXATTRS&xattr.name=none":                              "403 IOException",
		"GET " + readme + "?op=GETXATTRS&encoding=rot13":                               bad,
		"GET " + readme + "?op=CHECKACCESS":                                            bad,
		"GET " + readme + "?op=CHECKACCESS&fsaction=wr-":                               bad,
		"GET " + readme + "?op=CHECKACCESS&fsaction=--x":                               "403 AccessControlException",
		"GET " + readme + "?op=GETFILEBLOCKLOCATIONS&offset=-1":                        bad,
		"POST " + readme + "?op=TRUNCATE":                                              bad,
		"POST " + readme + "?op=TRUNCATE&newlength=99999":                              bad,
		"POST " + readme + "?op=CONCAT":                                                bad,
		"POST " + readme + "?op=CONCAT&sources=" + dir + "/none":                       "404 FileNotFoundException",
		"GET " + dir + "?op=GETFILECHECKSUM":                                           "404 FileNotFoundException",
		"GET /user/olga?op=GETFILESTATUS":                                              "404 FileNotFoundException",
	} {
		method, address, _ := strings.Cut(request, " ")
		got := w.olga(method, address)
		if words(got.status, got.exception()) != want {
			t.Errorf("%s answers %d %s %.200s, want %s", request, got.status, got.exception(), got.body, want)
		}
	}
	w.put("/Projects/demo/Resources/d/f", "")
	got := w.olga("DELETE", "/Projects/demo/Resources/d?op=DELETE")
	same(t, "removing what is not empty", words(got.status, got.exception()), "403 PathIsNotEmptyDirectoryException")
	w.ok(w.files.SetQuota(t.Context(), dfs.Platform(), "/Projects/demo", dfs.Quota{Bytes: 5000}))
	got = w.upload(w.keys["olga"], "PUT", "/Projects/demo/Resources/large?op=CREATE", strings.Repeat("x", 6000))
	same(t, "over the quota", words(got.status, got.exception()), "403 DSQuotaExceededException")
}

func TestPathsThatClimb(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/other/Resources/secret", "secret of other")
	for _, path := range []string{
		"/../other/Resources/secret", "/../../Projects/other/Resources/secret", "/Resources/../../other/Resources/secret", "/%2e%2e/other/Resources/secret", "/%2e%2e%2fother%2fResources%2fsecret",
		"/%252e%252e/other/Resources/secret", "/..%5cother%5cResources%5csecret", "/Resources%00/secret", "/./Resources", "//Resources/secret", "/..;/other/Resources/secret",
		"/%c0%ae%c0%ae/other/Resources/secret", "/%ff%fe", "::other/secret", "/other::Resources/secret", "/" + strings.Repeat("x/", 3000), "/" + strings.Repeat("y", 300),
	} {
		for _, request := range []string{"GET OPEN", "GET GETFILESTATUS", "PUT MKDIRS", "DELETE DELETE", "PUT SETPERMISSION"} {
			method, op, _ := strings.Cut(request, " ")
			got := w.olga(method, "/Projects/demo"+path+"?op="+op)
			if got.status >= 500 || strings.Contains(got.body, "secret of other") || (got.status < 300 && method == "GET" && !strings.HasPrefix(path, "/%252e") && !strings.HasPrefix(path, "/..;") && !strings.HasPrefix(path, "/other::")) {
				t.Errorf("%s %.80q answers %d %.200s", request, path, got.status, got.body)
			}
		}
	}
	same(t, "the file of the other project", w.mallory("GET", "/Projects/other/Resources/secret?op=OPEN").body, "secret of other")
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	const file = "/Projects/demo/Resources/f"
	w.put(file, "123456789")
	for _, step := range []struct{ method, request, want string }{
		{"PUT", "?op=SETPERMISSION&permission=000", "200 "},
		{"PUT", "?op=SETPERMISSION&permission=600", "200 "},
		{"PUT", "?op=SETTIMES&modificationtime=1700000000123&accesstime=-1", "200 "},
		{"PUT", "?op=SETOWNER&owner=demo__sven&group=demo__data_owner", "200 "},
		{"PUT", "?op=SETREPLICATION&replication=3", `200 {"boolean":true}`},
		{"PUT", "?op=SETXATTR&xattr.name=user.a&xattr.value=%22text%22&flag=CREATE", "200 "},
		{"PUT", "?op=SETXATTR&xattr.name=user.b&xattr.value=0x00ff", "200 "},
		{"PUT", "?op=SETXATTR&xattr.name=user.c&xattr.value=0sAAE=", "200 "},
		{"PUT", "?op=SETXATTR&xattr.name=user.%C3%A4&xattr.value=plain", "200 "},
		{"PUT", "?op=SETXATTR&xattr.name=user.a&xattr.value=x&flag=REPLACE", "200 "},
		{"GET", "?op=GETXATTRS&xattr.name=user.a", `200 {"XAttrs":[{"name":"user.a","value":"\"x\""}]}`},
		{"GET", "?op=GETXATTRS&xattr.name=user.c&xattr.name=user.b&encoding=hex", `200 {"XAttrs":[{"name":"user.c","value":"0x0001"},{"name":"user.b","value":"0x00ff"}]}`},
		{"GET", "?op=GETXATTRS&encoding=BASE64&xattr.name=user.b", `200 {"XAttrs":[{"name":"user.b","value":"0sAP8="}]}`},
		{"GET", "?op=GETXATTRS&encoding=text", `200 {"XAttrs":[{"name":"user.a","value":"\"x\""},{"name":"user.b","value":"0sAP8="},{"name":"user.c","value":"\"\u0000\u0001\""},{"name":"user.ä","value":"\"plain\""}]}`},
		{"GET", "?op=LISTXATTRS", `200 {"XAttrNames":"[\"user.a\",\"user.b\",\"user.c\",\"user.ä\"]"}`},
		{"PUT", "?op=REMOVEXATTR&xattr.name=user.a", "200 "},
		{"GET", "?op=GETACLSTATUS", `200 {"AclStatus":{"entries":[],"group":"demo__data_owner","owner":"demo__sven","permission":"600","stickyBit":false}}`},
		{"GET", "?op=CHECKACCESS&fsaction=rw-", "200 "},
		{"POST", "?op=TRUNCATE&newlength=3", `200 {"boolean":true}`},
		{"GET", "?op=GETHOMEDIRECTORY", `200 {"Path":"/Projects/demo/Resources"}`},
		{"GET", "?op=GETTRASHROOT", `200 {"Path":"/Projects/demo/Resources/.Trash"}`},
		{"GET", "?op=GETCONTENTSUMMARY", `200 {"ContentSummary":{"directoryCount":0,"fileCount":1,"length":3,"quota":-1,"spaceConsumed":3,"spaceQuota":-1,"typeQuota":{}}}`},
	} {
		got := w.olga(step.method, file+step.request)
		same(t, step.request, words(got.status, got.body), step.want)
	}
	s := w.status(file)
	same(t, "the status", words(s.Permission, s.Owner, s.Group, s.Length), "600 demo__sven demo__data_owner 3")
	w.put("/Projects/demo/Resources/g", "abc")
	w.put("/Projects/demo/Resources/h", "def")
	same(t, "CONCAT", w.olga("POST", file+"?op=CONCAT&sources=/Projects/demo/Resources/g,/Projects/demo/Resources/h").status, 200)
	same(t, "what was put together", w.olga("GET", file+"?op=OPEN").body, "123abcdef")
	same(t, "replicating a directory", w.olga("PUT", "/Projects/demo/Resources?op=SETREPLICATION&replication=2").body, `{"boolean":false}`)
	same(t, "RENAME with options", words(w.olga("PUT", file+"?op=RENAME&destination="+readme+"&renameoptions=OVERWRITE").status, w.names(w.keys["olga"], "/Projects/demo/Resources")), "200 ")
	w.put(file, "")
	w.olga("PUT", file+"?op=SETTIMES&modificationtime=1700000000123&accesstime=-1")
	same(t, "the time", w.status(file).ModificationTime, 1700000000123)
}

func TestSums(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/demo/Resources/a/one", "1")
	w.put("/Projects/demo/Resources/a/b/two", "22")
	w.ok(w.files.SetQuota(t.Context(), dfs.Platform(), "/Projects/demo", dfs.Quota{Bytes: 1 << 20}))
	host := strings.TrimPrefix(w.url, "http://")
	for request, want := range map[string]string{
		"/Projects/demo/Resources/a?op=GETCONTENTSUMMARY":                    `{"ContentSummary":{"directoryCount":2,"fileCount":2,"length":3,"quota":-1,"spaceConsumed":3,"spaceQuota":-1,"typeQuota":{}}}`,
		"/Projects/demo/Resources/a?op=GETQUOTAUSAGE":                        `{"QuotaUsage":{"fileAndDirectoryCount":4,"quota":-1,"spaceConsumed":3,"spaceQuota":-1,"typeQuota":{}}}`,
		"/Projects/demo?op=GETQUOTAUSAGE":                                    `"spaceQuota":1048576`,
		"/?op=GETSTATUS":                                                     `"capacity":1048576`,
		readme + "?op=GETSTATUS":                                             `"capacity":1048576`,
		"/?op=GETSERVERDEFAULTS":                                             `{"FsServerDefaults":{"blockSize":134217728,"bytesPerChecksum":512,"checksumType":2,"defaultStoragePolicyId":7,"encryptDataTransfer":false,`,
		"/Projects/demo/Resources/a/b/two?op=GETFILEBLOCKLOCATIONS":          `{"BlockLocations":{"BlockLocation":[{"cachedHosts":[],"corrupt":false,"hosts":["127.0.0.1"],"length":2,"names":["` + host + `"],"offset":0,"storageTypes":["DISK"],"topologyPaths":["/default-rack/` + host + `"]}]}}`,
		"/Projects/demo/Resources/a/b/two?op=GET_BLOCK_LOCATIONS&offset=5":   `{"LocatedBlocks":{"fileLength":2,"isUnderConstruction":false,"lastLocatedBlock":{"block":{`,
		"/Projects/demo/Resources/a/b/two?op=GETFILEBLOCKLOCATIONS&offset=5": `{"BlockLocations":{"BlockLocation":[]}}`,
	} {
		if got := w.olga("GET", request); !strings.Contains(got.body, want) {
			t.Errorf("%s answers %s, want %s", request, got.body, want)
		}
	}
	same(t, "without a quota", strings.Contains(w.mallory("GET", "/?op=GETSTATUS").body, `"capacity":9223372036854775807`), true)
	same(t, "a home by a token of the project", w.as(w.job("olga"), "GET", "/?op=GETHOMEDIRECTORY").body, `{"Path":"/Projects/demo/Resources"}`)
}

func TestUploadsThatBreakOffChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/demo/Resources/there", "before")
	for _, c := range []struct{ method, op string }{{http.MethodPut, "CREATE&overwrite=true"}, {http.MethodPost, "APPEND"}} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, w.url+"/webhdfs/v1/Projects/demo/Resources/there?data=true&op="+c.op, &broken{})
		w.ok(err)
		r.Header.Set("Authorization", "Bearer "+w.keys["olga"])
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
			t.Errorf("%s of half a body answers %d", c.op, res.StatusCode)
		}
	}
	same(t, "what is there", w.olga("GET", "/Projects/demo/Resources/there?op=OPEN").body, "before")
}

// broken is a body that ends with an error.
type broken struct{ sent bool }

func (b *broken) Read(p []byte) (int, error) {
	if b.sent {
		return 0, errors.New("the sender broke off")
	}
	b.sent = true
	return copy(p, "half"), nil
}

func TestALargeAppendGoesInPieces(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/demo/Resources/f", "begin")
	large := strings.Repeat("0123456789abcdef", 600_000)
	same(t, "the append", w.upload(w.keys["olga"], "POST", "/Projects/demo/Resources/f?op=APPEND", large).status, 200)
	same(t, "the content", w.olga("GET", "/Projects/demo/Resources/f?op=OPEN").body == "begin"+large, true)
}

func TestRequestsAreCountedByOperation(t *testing.T) {
	w := newWorld(t)
	w.olga("GET", readme+"?op=GETFILESTATUS")
	w.olga("GET", readme+"?op=made-up")
	text := w.send("GET", w.url+"/metrics", nil).body
	for _, want := range []string{`operation="webhdfs-getfilestatus",status="200"} 1`, `operation="webhdfs",status="400"} 1`} {
		if !strings.Contains(text, want) || strings.Contains(text, "made-up") || strings.Contains(text, "README") {
			t.Errorf("the metrics do not have %s, or have what a caller chose", want)
		}
	}
}
