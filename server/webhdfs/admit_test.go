package webhdfs_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

const readme = "/Projects/demo/README.md"

// basic is what a header of Basic carries.
func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestWhoIsLetInByWhat(t *testing.T) {
	w := newWorld(t)
	all := []bine.Scope{bine.ScopeAll}
	soon := time.Now().Add(20 * time.Millisecond)
	expired := w.key("olga", bine.Key{Scopes: all, ExpiresAt: &soon})
	<-time.After(time.Until(soon))
	key := w.keys["olga"]
	read := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeRead}})
	for name, c := range map[string]struct {
		query, header string
		want          int
	}{
		"nobody":                     {"", "", 401},
		"a name":                     {"&user.name=olga", "", 401},
		"bearer":                     {"", "Bearer " + key, 200},
		"bearer in small letters":    {"", "bearer " + key, 200},
		"the password of Basic":      {"", "Basic " + basic("olga", key), 200},
		"Basic without a name":       {"", "Basic " + basic("", key), 200},
		"Basic with a password":      {"", "Basic " + basic("olga", "correct horse battery"), 401},
		"Basic that is none":         {"", "Basic %%%", 401},
		"delegation":                 {"&delegation=" + key, "", 200},
		"delegation and a name":      {"&user.name=root&delegation=" + key, "", 200},
		"a wrong key":                {"&delegation=bine_0123456789_" + strings.Repeat("x", 43), "", 401},
		"an expired key":             {"", "Bearer " + expired, 401},
		"another scheme":             {"", "Negotiate abc", 401},
		"a header before delegation": {"&delegation=" + key, "Bearer nonsense", 401},
		"a key to read":              {"", "Bearer " + read, 200},
		"a key to serve":             {"", "Bearer " + w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeServe}}), 403},
		"a key of the project":       {"", "Bearer " + w.key("olga", bine.Key{Scopes: all, Project: "demo"}), 200},
		"a key of another project":   {"", "Bearer " + w.key("olga", bine.Key{Scopes: all, Project: "other"}), 404},
		"a job":                      {"", "Bearer " + w.job("sven"), 200},
		"a job that is over":         {"", "Bearer binejob_" + strings.Repeat("x", 43), 401},
		"a member of another":        {"", "Bearer " + w.keys["mallory"], 404},
		"for oneself":                {"&doas=olga", "Bearer " + key, 200},
		"for somebody else":          {"&doas=sven", "Bearer " + key, 403},
		"a ticket of nobody":         {"&ticket=v1.a.b", "", 401},
	} {
		got := w.send("GET", readme+"?op=GETFILESTATUS"+c.query, nil, "Authorization", c.header)
		if got.status != c.want {
			t.Errorf("%s is answered %d %s, want %d", name, got.status, got.body, c.want)
		}
		if want := map[int]string{401: "SecurityException", 403: "AccessControlException", 404: "FileNotFoundException"}[c.want]; got.exception() != want {
			t.Errorf("%s is refused by %q, want %q", name, got.exception(), want)
		}
	}
	same(t, "a cookie", w.send("GET", readme+"?op=GETFILESTATUS", nil, "Cookie", "bine_session="+key).status, 401)
	same(t, "writing with a key to read", w.as(read, "PUT", "/Projects/demo/Resources/x?op=MKDIRS").status, 403)
}

func TestGuessingKeysIsLimited(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		got := w.as("bine_0123456789_"+strings.Repeat("x", 43), "GET", readme+"?op=OPEN")
		if got.status == 429 && got.header.Get("Retry-After") != "" && got.exception() == "IOException" {
			return
		}
	}
	t.Error("a hundred wrong keys were answered alike")
}

func TestAnUnknownProjectAndOneOfOthersReadTheSame(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/other/Resources/secret", "secret of other")
	for _, request := range []string{"GET OPEN", "GET GETFILESTATUS", "GET LISTSTATUS", "GET GETCONTENTSUMMARY", "GET GETSTATUS", "GET GETXATTRS", "GET GETACLSTATUS", "GET GETFILECHECKSUM", "GET GETFILEBLOCKLOCATIONS",
		"GET CHECKACCESS&fsaction=r--", "PUT CREATE&data=true", "PUT CREATE", "PUT MKDIRS", "PUT RENAME&destination=/Projects/demo/x", "PUT SETPERMISSION&permission=777", "PUT SETXATTR&xattr.name=a",
		"POST APPEND", "POST TRUNCATE&newlength=0", "POST CONCAT&sources=" + readme, "DELETE DELETE&recursive=true"} {
		method, op, _ := strings.Cut(request, " ")
		for _, rest := range []string{"/Resources/secret", ""} {
			others, none := w.olga(method, "/Projects/other"+rest+"?op="+op), w.olga(method, "/Projects/nothing"+rest+"?op="+op)
			if others.status != 404 || others.status != none.status || strings.ReplaceAll(others.body, "other", "nothing") != strings.ReplaceAll(none.body, "other", "nothing") {
				t.Errorf("%s of another's: %d %s; of none: %d %s", request, others.status, others.body, none.status, none.body)
			}
		}
	}
	for _, request := range []string{"PUT RENAME&destination=/Projects/other/Resources/x", "POST CONCAT&sources=/Projects/other/Resources/secret", "PUT RENAME&destination=/Projects/other/Resources&renameoptions=OVERWRITE"} {
		method, op, _ := strings.Cut(request, " ")
		if got := w.olga(method, readme+"?op="+op); strings.Contains(got.body, "true") || got.status >= 500 || (got.status == 200 && !strings.Contains(got.body, "false")) {
			t.Errorf("%s answers %d %s", request, got.status, got.body)
		}
	}
}

func TestWhatADataScientistMayDo(t *testing.T) {
	w := newWorld(t)
	const data = "/Projects/demo/Training_Datasets/large"
	large := strings.Repeat("0123456789abcdef", 1<<16+1)
	w.put(data, large)
	w.put("/Projects/demo/Resources/mine", "x")
	for request, want := range map[string]int{
		"GET " + data + "?op=OPEN":                                                           403,
		"GET " + data + "?op=OPEN&length=1048576":                                            200,
		"GET " + data + "?op=OPEN&offset=1048576":                                            403,
		"GET " + data + "?op=OPEN&offset=1048575&length=1":                                   200,
		"GET " + data + "?op=OPEN&offset=1048575&length=2":                                   403,
		"GET " + data + "?op=GETFILECHECKSUM":                                                200,
		"GET " + data + "?op=CHECKACCESS&fsaction=r--":                                       200,
		"GET " + data + "?op=CHECKACCESS&fsaction=-w-":                                       403,
		"GET /Projects/demo/Resources?op=CHECKACCESS&fsaction=r-x":                           200,
		"GET /Projects/demo/Resources/mine?op=CHECKACCESS&fsaction=rw-":                      200,
		"PUT /Projects/demo/Training_Datasets/x?op=MKDIRS":                                   403,
		"PUT /Projects/demo/Training_Datasets?op=MKDIRS":                                     200, // it is there
		"PUT /Projects/demo/x?op=CREATE":                                                     403,
		"PUT /Projects/demo/Models/x?op=CREATE&data=true":                                    403,
		"PUT /Projects/demo/Resources/d?op=MKDIRS":                                           200,
		"PUT /Projects/demo/Resources?op=RENAME&destination=/Projects/demo/Jupyter/x":        403,
		"PUT /Projects/demo/Resources/mine?op=RENAME&destination=/Projects/demo/Models/mine": 403,
		"PUT " + data + "?op=SETPERMISSION&permission=777":                                   403,
		"PUT " + data + "?op=SETXATTR&xattr.name=user.b&xattr.value=c":                       403,
		"POST " + data + "?op=TRUNCATE&newlength=1":                                          403,
		"POST " + data + "?op=APPEND":                                                        403,
		"DELETE /Projects/demo/Training_Datasets?op=DELETE&recursive=true":                   403,
		"DELETE /Projects/demo?op=DELETE&recursive=true":                                     400,
		"DELETE /Projects?op=DELETE&recursive=true":                                          403,
		"DELETE /?op=DELETE&recursive=true":                                                  403,
		"PUT /user/sven?op=MKDIRS":                                                           403,
		"PUT /Projects/demo/.artifacts/x?op=MKDIRS":                                          403,
		"PUT /Projects/demo/Resources/x?op=CREATE&data=true&overwrite=true":                  201,
	} {
		method, address, _ := strings.Cut(request, " ")
		if got := w.sven(method, address); got.status != want {
			t.Errorf("sven: %s answers %d %.200s, want %d", request, got.status, got.body, want)
		}
	}
	same(t, "an owner reading all", w.olga("GET", data+"?op=OPEN").body == large, true)
	job := w.job("sven")
	same(t, "a job reading all", w.as(job, "GET", data+"?op=OPEN").body == large, true)
	same(t, "a job writing logs", w.as(job, "PUT", "/Projects/demo/Logs/x?op=MKDIRS").status, 200)
	same(t, "a job writing models", w.as(job, "PUT", "/Projects/demo/Models/x?op=MKDIRS").status, 403)
	same(t, "an owner in what is the platform's", w.olga("PUT", "/Projects/demo/.artifacts?op=SETPERMISSION&permission=777").status, 403)
	same(t, "an owner removing a dataset", w.olga("DELETE", "/Projects/demo/Training_Datasets?op=DELETE&recursive=true").status, 200)
}

func TestASharedDatasetIsSeenByAKeyOfTheProject(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/other/weather/2026.csv", "rain")
	w.put("/Projects/other/Resources/secret", "secret")
	w.ok(w.files.OfferShare(t.Context(), dfs.User{Project: "other", Name: "mallory", Role: bine.DataOwner}, "weather", "demo", bine.ShareRead))
	w.ok(w.files.WantShare(t.Context(), dfs.User{Project: "demo", Name: "olga", Role: bine.DataOwner}, "other", "weather", bine.ShareRead))
	bound := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}, Project: "demo"})
	same(t, "a shared file", w.as(bound, "GET", "/Projects/other/weather/2026.csv?op=OPEN").body, "rain")
	same(t, "writing beside it", w.as(bound, "PUT", "/Projects/other/weather/x?op=MKDIRS").status, 403)
	same(t, "what is not shared", w.as(bound, "GET", "/Projects/other/Resources/secret?op=OPEN").status, 404)
	same(t, "the project", w.as(bound, "GET", "/Projects/other?op=LISTSTATUS").status, 404)
}

// TestASharedDatasetByItsName reads and writes by the name that the project which
// uses a dataset has for it, with keys that are bound to it and keys that are not.
func TestASharedDatasetByItsName(t *testing.T) {
	w := newWorld(t)
	w.put("/Projects/other/weather/2026.csv", "rain")
	w.put("/Projects/other/Resources/secret", "secret")
	const name = "/Projects/demo/other::weather"
	same(t, "before it is shared", w.olga("GET", name+"/2026.csv?op=OPEN").status, 404)
	w.ok(w.files.OfferShare(t.Context(), dfs.User{Project: "other", Name: "mallory", Role: bine.DataOwner}, "weather", "demo", bine.ShareWrite))
	w.ok(w.files.WantShare(t.Context(), dfs.User{Project: "demo", Name: "olga", Role: bine.DataOwner}, "other", "weather", bine.ShareWrite))
	bound := w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}, Project: "demo"})
	for who, key := range map[string]string{"bound": bound, "not bound": w.keys["sven"]} {
		same(t, who+": reading", w.as(key, "GET", name+"/2026.csv?op=OPEN").body, "rain")
		file := name + "/" + strings.ReplaceAll(who, " ", "")
		same(t, who+": making", w.upload(key, "PUT", file+"?op=CREATE", "sun").status, 201)
		same(t, who+": adding", w.upload(key, "POST", file+"?op=APPEND", " and wind").status, 200)
		same(t, who+": renaming", w.as(key, "PUT", file+"?op=RENAME&destination="+file+"2").body, `{"boolean":true}`)
		same(t, who+": what is there", w.as(key, "GET", file+"2?op=OPEN").body, "sun and wind")
		same(t, who+": listing", strings.Contains(w.as(key, "GET", name+"?op=LISTSTATUS").body, `"pathSuffix":"2026.csv"`), true)
		same(t, who+": what is not shared", w.as(key, "GET", "/Projects/demo/other::Resources/secret?op=OPEN").status, 404)
		same(t, who+": through another project", w.as(key, "GET", "/Projects/other/other::weather/2026.csv?op=OPEN").status, 404)
		same(t, who+": to another's view", w.as(key, "PUT", file+"2?op=RENAME&destination=/Projects/other/other::weather/x").status, 400)
	}
	elsewhere := w.key("mallory", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}, Project: "other"})
	same(t, "a key of the owner's project by the user's name", w.as(elsewhere, "GET", name+"/2026.csv?op=OPEN").status, 404)
	same(t, "the file of the owner", w.mallory("GET", "/Projects/other/weather/bound2?op=OPEN").body, "sun and wind")
}

func TestTickets(t *testing.T) {
	w := newWorld(t)
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	location := w.as(key, "PUT", "/Projects/demo/Resources/a?op=CREATE&permission=600").header.Get("Location")
	at, err := url.Parse(location)
	w.ok(err)
	if strings.Contains(location, key) || at.Query().Get("ticket") == "" || !strings.HasPrefix(location, w.url+"/webhdfs/v1/") {
		t.Fatalf("the first step answers %s", location)
	}
	change := func(name, value string) string {
		u, q := *at, at.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for name, request := range map[string][2]string{
		"another operation": {"POST", change("op", "APPEND")}, "reading": {"GET", change("op", "OPEN")}, "another path": {"PUT", strings.Replace(location, "/a?", "/b?", 1)},
		"a changed ticket": {"PUT", change("ticket", at.Query().Get("ticket")[:40]+"A")}, "another project": {"PUT", strings.Replace(location, "/demo/", "/other/", 1)},
	} {
		same(t, name+" with a ticket", w.send(request[0], request[1], strings.NewReader("x")).status, 401)
	}
	same(t, "the second step", w.send("PUT", change("permission", "777"), strings.NewReader("x")).status, 201)
	same(t, "the permission is that of the first", w.status("/Projects/demo/Resources/a").Permission, "600")
	same(t, "overwrite added to a ticket", w.send("PUT", change("overwrite", "true"), strings.NewReader("y")).exception(), "FileAlreadyExistsException")
	appending := w.as(key, "POST", "/Projects/demo/Resources/a?op=APPEND").header.Get("Location")
	for range 3 {
		same(t, "an append", w.send("POST", appending, strings.NewReader("-more")).status, 200)
	}
	same(t, "the content", w.olga("GET", "/Projects/demo/Resources/a?op=OPEN").body, "x-more-more-more")
	w.ok(w.store.DeleteKey(t.Context(), "olga", strings.Split(key, "_")[1]))
	same(t, "a ticket of a key that was revoked", w.send("POST", appending, strings.NewReader("-more")).status, 401)
	var to struct{ Location string }
	w.olga("PUT", "/Projects/demo/Resources/b?op=CREATE&noredirect=true").into(t, &to)
	same(t, "after noredirect", w.send("PUT", to.Location, strings.NewReader("b")).status, 201)
	delegated := w.send("PUT", "/Projects/demo/Resources/c?op=CREATE&delegation="+w.keys["olga"], nil).header.Get("Location")
	same(t, "after delegation", w.send("PUT", delegated, strings.NewReader("c")).status, 201)
	same(t, "in one step", w.send("PUT", "/Projects/demo/Resources/d?op=CREATE&data=true", strings.NewReader("d"), "Authorization", "Bearer "+w.keys["olga"]).status, 201)
}

func TestCredentialsAreInNoLogAndChangesInTheAudit(t *testing.T) {
	w := newWorld(t)
	key := w.keys["olga"]
	for _, path := range []string{"/Projects/demo/Resources/x", "/Projects/demo/none", "/Projects/other/x", "/Projects/demo/../x"} {
		for _, op := range []string{"GET OPEN", "PUT MKDIRS", "PUT SETACL", "PUT RENAME", "GET NONSENSE"} {
			method, name, _ := strings.Cut(op, " ")
			if got := w.send(method, path+"?op="+name+"&delegation="+key, nil); strings.Contains(got.body, key) {
				t.Errorf("%s %s tells the key: %s", op, path, got.body)
			}
		}
	}
	if strings.Contains(w.log.String(), key) || strings.Contains(w.log.String(), "delegation") {
		t.Errorf("the log has the key: %s", w.log)
	}
	w.upload(key, "PUT", "/Projects/demo/Resources/f?op=CREATE", "x")
	w.sven("PUT", "/Projects/demo/Models/f?op=MKDIRS")
	records, err := w.store.Audits(t.Context(), 0, 100)
	w.ok(err)
	var said []string
	for _, r := range records {
		said = append(said, words(r.Actor, r.Project, r.Action, r.Object, r.Result))
		if strings.Contains(words(r), key) || r.Request == "" || r.Address == "" {
			t.Errorf("the record %+v has the key, or not all that it should", r)
		}
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"olga demo webhdfs-mkdirs /Projects/demo/Resources/x done", "olga demo webhdfs-create /Projects/demo/Resources/f done", "sven demo webhdfs-mkdirs /Projects/demo/Models/f forbidden",
		"webhdfs-mkdirs /Projects/other/x not_found"} {
		if strings.Count(all, want) != 1 {
			t.Errorf("the audit has %q %d times, want once:\n%s", want, strings.Count(all, want), all)
		}
	}
}
