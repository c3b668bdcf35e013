package webhdfs_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
)

// steps sends requests one after the other as olga and compares the answers.
func (w *world) steps(at string, steps []struct{ method, request, want string }) {
	w.t.Helper()
	for _, step := range steps {
		got := w.olga(step.method, at+step.request)
		text := got.body
		if got.status >= 300 {
			text = got.exception()
		}
		same(w.t, step.method+" "+step.request, words(got.status, text), step.want)
	}
}

func TestQuotas(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources/q"
	w.put(dir+"/f", "123")
	w.steps(dir, []struct{ method, request, want string }{
		{"PUT", "?op=SETQUOTA", "400 IllegalArgumentException"},
		{"PUT", "?op=SETQUOTA&namespacequota=0", "400 IllegalArgumentException"},
		{"PUT", "?op=SETQUOTA&namespacequota=many", "400 IllegalArgumentException"},
		{"PUT", "?op=SETQUOTA&namespacequota=4&storagespacequota=100", "200 "},
		{"GET", "?op=GETQUOTAUSAGE", `200 {"QuotaUsage":{"fileAndDirectoryCount":2,"quota":4,"spaceConsumed":3,"spaceQuota":100,"typeQuota":{}}}`},
		{"GET", "?op=GETCONTENTSUMMARY", `200 {"ContentSummary":{"directoryCount":1,"fileCount":1,"length":3,"quota":4,"spaceConsumed":3,"spaceQuota":100,"typeQuota":{}}}`},
		{"PUT", "/a/b/c?op=MKDIRS", "403 NSQuotaExceededException"},
		{"PUT", "/a?op=MKDIRS", `200 {"boolean":true}`},
		{"PUT", "?op=SETQUOTA&namespacequota=-1", "200 "},
		{"GET", "?op=GETQUOTAUSAGE", `200 {"QuotaUsage":{"fileAndDirectoryCount":3,"quota":-1,"spaceConsumed":3,"spaceQuota":100,"typeQuota":{}}}`},
		{"PUT", "?op=SETQUOTA&namespacequota=9223372036854775807&storagespacequota=200", "200 "},
		{"GET", "?op=GETQUOTAUSAGE", `200 {"QuotaUsage":{"fileAndDirectoryCount":3,"quota":-1,"spaceConsumed":3,"spaceQuota":200,"typeQuota":{}}}`},
		{"GET", "/a?op=GETQUOTAUSAGE", `200 {"QuotaUsage":{"fileAndDirectoryCount":1,"quota":-1,"spaceConsumed":0,"spaceQuota":-1,"typeQuota":{}}}`},
		{"PUT", "/f?op=SETQUOTA&namespacequota=7", "403 IOException"},
		{"PUT", "/none?op=SETQUOTA&namespacequota=7", "404 FileNotFoundException"},
		{"PUT", "/f?op=SETQUOTABYSTORAGETYPE&storagetype=SSD", "400 UnsupportedOperationException"},
	})
	got := w.upload(w.keys["olga"], "PUT", dir+"/g?op=CREATE", strings.Repeat("x", 198))
	same(t, "over the quota of bytes", words(got.status, got.exception()), "403 DSQuotaExceededException")
	for who, key := range map[string]string{"a Data Scientist": w.keys["sven"], "a step of a run": w.job("olga"), "who may only read": w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeRead}})} {
		got := w.as(key, "PUT", dir+"?op=SETQUOTA&namespacequota=-1")
		same(t, who, words(got.status, got.exception()), "403 AccessControlException")
		got = w.as(key, "PUT", dir+"?op=SETSTORAGEPOLICY&storagepolicy=DB")
		same(t, who, words(got.status, got.exception()), "403 AccessControlException")
	}
	same(t, "a stranger", w.mallory("PUT", dir+"?op=SETQUOTA&namespacequota=-1").status, 404)
	got = w.olga("PUT", "/Projects/demo?op=SETQUOTA&namespacequota=1000")
	same(t, "of the project", words(got.status, got.exception()), "403 AccessControlException")
}

func TestStoragePolicies(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources/q"
	w.put(dir+"/f", "123")
	policy := func(id, name string) string {
		return `{"copyOnCreateFile":false,"creationFallbacks":[],"id":` + id + `,"name":"` + name + `","replicationFallbacks":[],"storageTypes":["DISK"]}`
	}
	w.steps(dir, []struct{ method, request, want string }{
		{"GET", "?op=GETALLSTORAGEPOLICY", `200 {"BlockStoragePolicies":{"BlockStoragePolicy":[` + policy("7", "HOT") + "," + policy("14", "DB") + "," + policy("3", "BLOCKS") + `]}}`},
		{"GET", "/f?op=GETSTORAGEPOLICY", `200 {"BlockStoragePolicy":` + policy("7", "HOT") + "}"},
		{"PUT", "?op=SETSTORAGEPOLICY&storagepolicy=db", "200 "},
		{"GET", "/f?op=GETSTORAGEPOLICY", `200 {"BlockStoragePolicy":` + policy("14", "DB") + "}"},
		{"PUT", "?op=SETSTORAGEPOLICY&storagepolicy=LUKEWARM", "400 IllegalArgumentException"},
		{"PUT", "?op=SETSTORAGEPOLICY", "400 IllegalArgumentException"},
		{"PUT", "/f?op=SETSTORAGEPOLICY&storagepolicy=DB", "403 IOException"},
		{"GET", "/none?op=GETSTORAGEPOLICY", "404 FileNotFoundException"},
		{"PUT", "?op=SATISFYSTORAGEPOLICY", "200 "},
		{"PUT", "/none?op=SATISFYSTORAGEPOLICY", "404 FileNotFoundException"},
	})
	moves, _, err := w.store.Transfers(t.Context(), "demo", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what brings it there", []any{len(moves), moves[0].Direction, moves[0].Files, moves[0].CreatedBy}, []any{1, bine.Relocate, "Resources/q", bine.UserName("olga")})
	same(t, "a Data Scientist", w.as(w.keys["sven"], "PUT", dir+"?op=SATISFYSTORAGEPOLICY").status, 403)
	same(t, "the status", w.status(dir+"/f").StoragePolicy, 14)
	if list := w.olga("GET", dir+"?op=LISTSTATUS").body; !strings.Contains(list, `"storagePolicy":14`) {
		t.Errorf("the listing is %s", list)
	}
	same(t, "taking it away", w.olga("POST", dir+"?op=UNSETSTORAGEPOLICY").status, 200)
	same(t, "the status without one", w.status(dir+"/f").StoragePolicy, 0)
}

func TestBlockSizes(t *testing.T) {
	w := newWorld(t)
	const at = "/Projects/demo/Resources/f"
	large := strings.Repeat("0123456789abcdef", 3<<16)
	for asked, want := range map[string]int64{"": 128 << 20, "134217728": 128 << 20, "2097152": 2 << 20, "2097153": 2<<20 + 512, "1": 1 << 20, "9999999999": 1 << 30} {
		got := w.upload(w.keys["olga"], "PUT", at+"?op=CREATE&overwrite=true&blocksize="+asked, large)
		same(t, "creating it with "+asked, got.status, 201)
		same(t, "told for "+asked, w.status(at).BlockSize, want)
	}
	w.upload(w.keys["olga"], "PUT", at+"?op=CREATE&overwrite=true&blocksize=1048576", large)
	same(t, "blocks", strings.Count(w.olga("GET", at+"?op=GETFILEBLOCKLOCATIONS").body, `"length":1048576`), 3)
	same(t, "the checksum", strings.Contains(w.olga("GET", at+"?op=GETFILECHECKSUM").body, "MD5-of-2048MD5-of-512CRC32C"), true)
	got := w.olga("PUT", at+"?op=CREATE&overwrite=true&blocksize=large")
	same(t, "a size that is none", words(got.status, got.exception()), "400 IllegalArgumentException")
}

func TestHome(t *testing.T) {
	w := newWorld(t)
	home := func(key, path string) string { return w.as(key, "GET", path+"?op=GETHOMEDIRECTORY").body }
	same(t, "in the only project", home(w.keys["sven"], "/"), `{"Path":"/Projects/demo/Resources"}`)
	same(t, "in a project", home(w.keys["olga"], "/Projects/demo/Models"), `{"Path":"/Projects/demo/Resources"}`)
	w.ok(w.store.SetMember(t.Context(), "other", bine.Member{User: "olga", Role: bine.DataScientist, AddedBy: "mallory"}))
	same(t, "in none of several", home(w.keys["olga"], "/"), `{"Path":"/user/olga"}`)
	same(t, "it is there", w.as(w.keys["sven"], "GET", "/Projects/demo/Resources?op=GETFILESTATUS").status, 200)
	got := w.upload(w.keys["sven"], "PUT", "/Projects/demo/Resources/.sparkStaging/application_1/conf.zip?op=CREATE", "conf")
	same(t, "and programs write to it", got.status, 201)
}
