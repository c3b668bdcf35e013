package ui_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/server/ui"
)

func newUI(api http.Handler) http.Handler {
	return ui.New(ui.Config{API: api, Version: "test", Now: func() time.Time { return now.Add(time.Hour) }})
}

func signedIn(r *http.Request) *http.Request {
	r.AddCookie(&http.Cookie{Name: "session", Value: "s1"})
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	return do(h, signedIn(httptest.NewRequest(http.MethodGet, path, nil)))
}

// post sends a form as htmx does.
func post(h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "div")
	return do(h, signedIn(r))
}

// pages are all addresses that are read, each with something it must show.
var pages = map[string]string{
	"/": "demo", "/hosts": "does not confine", "/hosts?model=A100&page=2": "GPU-1", "/hosts/h": "Keep new work away", "/shares": "GPU-hours", "/queue": "/leases/", "/queue?show=granted&project=demo&for=gpus": "Nothing is granted", "/leases/a1": "waits for 2 GPUs", "/shares?hours=720&format=csv": "2026-03-14T09:26:53Z,0.5000", "/ask": "on 1 host", "/ask?project=demo&gpus=2+GPUs+on+fire": "At character 11", "/projects/demo/jobs/new": "ask-words", "/devices/GPU-1": "A100", "/keys": "duck", "/account": "Password", "/admin/users": "ada", "/admin/audit": "start-run",
	"/projects/demo": "Recent runs", "/projects/demo/runs": "step train failed", "/projects/demo/runs?state=failed&pipeline=flights": "flights-1",
	"/projects/demo/runs/flights-1?view=table&state=succeeded": "1–1 of 1 found among 3", "/projects/demo/runs/flights-1?view=table&text=nosuch": "No step matches", "/projects/demo/runs/flights-1?step=ingest&tab=outputs": "Preview",
	"/projects/demo/runs/flights-1": "train", "/projects/demo/runs/flights-1?step=ingest&tab=attempts": "Peak memory", "/projects/demo/runs/flights-1?step=train&item=a": "ValueError: bad",
	"/projects/demo/runs/flights-1?step=train&item=a&tab=metrics": "=loss", "/projects/demo/history?workflow=run/flights-1": "RunPipeline", "/projects/demo/history?workflow=run/flights-1&view=full": "WorkflowExecutionStarted", "/projects/demo/history?workflow=run/flights-1&view=timeline": "RunPipeline",
	"/projects/demo/pipelines": "flights", "/projects/demo/pipelines/new": "Store pipeline", "/projects/demo/pipelines/flights": "param.horizon", "/projects/demo/pipelines/flights?tab=edit": "data-editor", "/projects/demo/pipelines/flights?tab=versions": "v1", "/projects/demo/pipelines/flights?tab=use": "client.project",
	"/projects/demo/jobs": "flights", "/projects/demo/jobs/flights": "Executions", "/projects/demo/schedules": "nightly", "/projects/demo/schedules/nightly": "Next ticks",
	"/projects/demo/files": "read <em>me</em>", "/projects/demo/files?tab=usage": "70.0 %", "/projects/demo/files/raw?tab=changes": "was &lt;old&gt;", "/projects/demo/files/data.csv?tab=details": "Save permissions", "/projects/demo/files/raw?tab=details": `value="4 KiB"`, "/projects/demo/files?tab=details": "Said by", "/projects/demo/files/data.csv?tab=changes": "Older changes", "/projects/demo/picker?dir=": "raw",
	"/projects/demo/files?sort=size": "↓", "/projects/demo/files?q=da": "data.csv", "/projects/demo/files/a.ipynb": "&lt;script&gt;alert(2)", "/projects/demo/files/raw": "Upload", "/projects/demo/files/data.csv": "&lt;script&gt;", "/projects/demo/files/plot.png": "/projects/demo/images/plot.png", "/projects/demo/artifacts/" + string(bine.HashOf(nil)): "text", "/projects/demo/artifacts/" + string(bine.HashOf(nil)) + "?kind=dir": "Size",
	"/projects/demo/environments": "v1", "/projects/demo/environments/1": "installed", "/projects/demo/models": "delay", "/projects/demo/models/delay": "Where it comes from",
	"/projects/demo/deployments": "delay", "/projects/demo/deployments/delay": "field.carrier", "/projects/demo/members": "Data Owner",
	"/approvals": "Deploy &lt;it&gt;?", "/projects/demo/approvals": "flights-1", "/approvals/demo/flights-1/ask": "param.share",
	"/projects/demo/backfills": "flights-b1", "/projects/demo/backfills/flights-b1": "2026-03-14 09:26", "/projects/demo/pools": "1 of 3", "/projects/demo/experiments": "churn &lt;b&gt;", "/projects/demo/experiments/1": "stroke-width", "/projects/demo/experiments/1?run=0123456789abcdef0123456789abcdef&run=1123456789abcdef0123456789abcdef": "What differs", "/projects/demo/experiments/1?format=csv": "'=0.2", "/projects/demo/trash": "Restore", "/projects/demo/access?path=raw": "<td class=\"mono\">demo__grace</td><td class=\"mono\">rwx</td><td class=\"mono\">r-x</td>", "/projects/demo/datasets": "other::raw", "/projects/demo/connectors": "import-1", "/projects/demo/snapshots?path=raw": "raw/.snapshot/before", "/projects/demo/snapshots?path=raw&from=before": "old.csv → new.csv", "/projects/demo/snapshots?path=other": "bine fs snapshot allow other",
	"/projects/demo/runs/flights-1/continue": "it failed", "/projects/demo/runs/flights-1/compare?with=flights-0": "diff-add",
	"/projects/demo/workflows": "environment", "/projects/demo/workflows?text=flights-b&kind=backfill": "/projects/demo/backfills/flights-b1",
	"/projects/demo/pipelines/flights?tab=grid": "Grid of runs and steps",
}

func TestEveryPageIsShown(t *testing.T) {
	h := newUI(newFakeAPI())
	for path, want := range pages {
		t.Run(path, func(t *testing.T) {
			w := get(h, path)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Fatalf("GET %s = %d without %q: %s", path, w.Code, want, w.Body)
			}
			if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") {
				t.Errorf("Content-Security-Policy is %q", policy)
			}
		})
	}
}

func TestEveryPageAsksWhoIsThere(t *testing.T) {
	h := newUI(newFakeAPI())
	for path := range pages {
		w := do(h, httptest.NewRequest(http.MethodGet, path, nil))
		want := "/sign-in?next=" + url.QueryEscape(path)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("GET %s without a session = %d to %q, want 303 to %q", path, w.Code, w.Header().Get("Location"), want)
		}
	}
}

func TestSignInHandsTheSessionOver(t *testing.T) {
	h := newUI(newFakeAPI())
	send := func(password, next string) *httptest.ResponseRecorder {
		form := url.Values{"user": {"ada"}, "password": {password}, "next": {next}}
		r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return do(h, r)
	}
	if w := send("wrong", "/"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "password is wrong") {
		t.Errorf("a wrong password = %d: %s", w.Code, w.Body)
	}
	if w := send("right", "/hosts"); w.Header().Get("Location") != "/hosts" || !strings.Contains(w.Header().Get("Set-Cookie"), "session=s1") {
		t.Errorf("the right password = %d to %q with cookie %q", w.Code, w.Header().Get("Location"), w.Header().Get("Set-Cookie"))
	}
	for _, evil := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "javascript:alert(1)", "/\t/evil.example", ""} {
		if w := send("right", evil); w.Header().Get("Location") != "/" {
			t.Errorf("next=%q leads to %q, want /", evil, w.Header().Get("Location"))
		}
	}
}

func TestFormsLeadOn(t *testing.T) {
	h := newUI(newFakeAPI())
	for _, c := range []struct {
		path string
		form url.Values
		to   string
	}{
		{"/projects", url.Values{"name": {"demo"}, "requires": {"pandas\r\n\r\nscikit-learn"}}, "/projects/demo"},
		{"/projects/demo/delete", url.Values{"confirm": {"demo"}}, "/"},
		{"/projects/demo/pipelines", url.Values{"text": {"name: flights"}}, "/projects/demo/pipelines/flights?notice=stored"},
		{"/projects/demo/pipelines/flights/runs", url.Values{"version": {"1"}, "param.horizon": {"7"}, "param.title": {"x"}}, "/projects/demo/runs/flights-1"},
		{"/projects/demo/pipelines/flights/delete", url.Values{"confirm": {"flights"}}, "/projects/demo/pipelines?notice=deleted"},
		{"/projects/demo/runs/flights-1/retry", nil, "/projects/demo/runs/flights-1"},
		{"/projects/demo/runs/flights-1/delete", nil, "/projects/demo/runs?notice=deleted"},
		{"/projects/demo/jobs", url.Values{"name": {"flights"}, "command": {`echo "a b"`}, "cpu": {"1"}, "memory": {"0.5"}}, "/projects/demo/jobs/flights?notice=stored"},
		{"/projects/demo/jobs/flights/executions", nil, "/projects/demo/runs/flights-1"},
		{"/projects/demo/schedules", url.Values{"name": {"nightly"}, "cron": {"0 2 * * *"}, "catch_up": {"30"}}, "/projects/demo/schedules/nightly?notice=saved"},
		{"/projects/demo/schedules/nightly/pause", url.Values{"paused": {"true"}}, "/projects/demo/schedules/nightly?notice=saved"},
		{"/approvals/demo/flights-1/ask", url.Values{"answer": {"approve"}, "param.share": {"25"}}, "/projects/demo/runs/flights-1?step=ask"},
		{"/approvals/answer", url.Values{"answer": {"reject"}, "token": {"t"}}, "/approvals/demo/flights-1/ask?token=t"},
		{"/projects/demo/runs/flights-1/continue", url.Values{"from": {"train"}, "version": {"1"}}, "/projects/demo/runs/flights-1"},
		{"/projects/demo/backfills", url.Values{"pipeline": {"flights"}, "from": {"2026-01-01"}, "to": {"2026-01-03"}, "cap": {"2"}}, "/projects/demo/backfills/flights-b1"},
		{"/projects/demo/backfills/flights-b1/pause", nil, "/projects/demo/backfills/flights-b1"},
		{"/projects/demo/pools", url.Values{"name": {"db"}, "slots": {"3"}}, "/projects/demo/pools?notice=saved"},
		{"/projects/demo/pipelines/flights/triggers", url.Values{"number": {"1"}, "paused": {"true"}}, "/projects/demo/pipelines/flights?notice=saved"},
		{"/projects/demo/schedules/nightly/trigger", nil, "/projects/demo/schedules/nightly?notice=triggered"},
		{"/projects/demo/environments", url.Values{"add": {"pandas"}, "base": {"0"}}, "/projects/demo/environments/1"},
		{"/projects/demo/environments/1/use", nil, "/projects/demo/environments?notice=saved"},
		{"/projects/demo/deployments", url.Values{"name": {"delay"}, "model": {"delay"}}, "/projects/demo/deployments/delay"},
		{"/projects/demo/deployments/delay/stop", nil, "/projects/demo/deployments/delay"},
		{"/projects/demo/members", url.Values{"user": {"grace"}, "role": {"data_owner"}}, "/projects/demo/members?notice=saved"},
		{"/projects/demo/members/grace/remove", nil, "/projects/demo/members?notice=saved"},
		{"/projects/demo/file-actions/mkdir?path=raw", url.Values{"name": {"new"}}, "/projects/demo/files/raw"},
		{"/projects/demo/file-actions/rename?path=data.csv", url.Values{"to": {"b.csv"}}, "/projects/demo/files?notice=renamed"},
		{"/projects/demo/file-actions/rename?path=data.csv", url.Values{"name": {"b.csv"}}, "/projects/demo/files?notice=renamed"},
		{"/projects/demo/file-actions/remove-all", url.Values{"path": {"data.csv", "raw"}}, "/projects/demo/files?notice=trashed"},
		{"/projects/demo/file-actions/move?path=", url.Values{"path": {"data.csv"}, "to": {"raw"}}, "/projects/demo/files?notice=moved"},
		{"/projects/demo/file-actions/copy", url.Values{"path": {"data.csv"}, "to": {"raw"}}, "/projects/demo/files?notice=copied"},
		{"/projects/demo/file-actions/allow", url.Values{"path": {"data.csv"}, "group": {"write"}}, "/projects/demo/files?notice=saved"},
		{"/projects/demo/file-actions/tag", url.Values{"path": {"data.csv"}, "tag": {"x"}}, "/projects/demo/files?notice=saved"},
		{"/projects/demo/file-actions/tag?path=data.csv", url.Values{"tag": {"x"}, "value": {"1"}}, "/projects/demo/files/data.csv?tab=details"},
		{"/projects/demo/file-actions/untag?path=data.csv", url.Values{"tag": {"x"}}, "/projects/demo/files/data.csv?tab=details"},
		{"/projects/demo/file-actions/permissions?path=data.csv", url.Values{"bit": {"256", "128"}}, "/projects/demo/files/data.csv?tab=details&notice=saved"},
		{"/projects/demo/file-actions/remove?path=data.csv", nil, "/projects/demo/files?notice=trashed"},
		{"/projects/demo/file-actions/remove?path=raw", nil, "/projects/demo/files?notice=trashed"},
		{"/projects/demo/file-actions/access?path=raw", url.Values{"entries": {"user::rwx\r\n# grace\r\nuser:grace:rwx #effective:r-x\r\ngroup::r-x\r\nother::---\r\n"}}, "/projects/demo/access?notice=saved&path=raw"},
		{"/projects/demo/file-actions/quota?path=raw", url.Values{"size": {"1.5 GiB"}, "names": {" 70 "}}, "/projects/demo/files/raw?tab=details&notice=saved"},
		{"/projects/demo/file-actions/policy?path=raw", url.Values{"policy": {"DB"}}, "/projects/demo/files/raw?tab=details&notice=saved"},
		{"/projects/demo/trash/7", url.Values{"to": {"Resources/old/raw"}}, "/projects/demo/files/Resources/old?notice=restored"},
		{"/projects/demo/snapshots?path=raw", url.Values{"name": {" now "}}, "/projects/demo/snapshots?path=raw&notice=saved"},
		{"/projects/demo/snapshots/delete?path=raw&name=before", nil, "/projects/demo/snapshots?path=raw&notice=deleted"},
		{"/projects/demo/snapshots/allow?path=raw", nil, "/projects/demo/snapshots?path=raw&notice=saved"},
		{"/projects/demo/snapshots/disallow?path=raw", nil, "/projects/demo/snapshots?path=raw&notice=saved"},
		{"/projects/demo/trash/7/discard", nil, "/projects/demo/trash?notice=deleted"},
		{"/projects/demo/datasets/offer", url.Values{"dataset": {"raw"}, "to": {"other"}, "access": {"read"}}, "/projects/demo/datasets?notice=saved"},
		{"/projects/demo/connectors", url.Values{"name": {"sea"}, "kind": {"s3"}, "bucket": {"raw"}, "secret": {"x"}, "access_key": {"k"}}, "/projects/demo/connectors?notice=works"},
		{"/projects/demo/connectors/sea/test", nil, "/projects/demo/connectors?notice=works"},
		{"/projects/demo/connectors/sea/delete", nil, "/projects/demo/connectors?notice=deleted"},
		{"/projects/demo/transfers", url.Values{"direction": {"import"}, "connector": {"sea"}, "files": {"raw"}}, "/projects/demo/connectors?notice=copying"},
		{"/projects/demo/transfers/import-1/cancel", nil, "/projects/demo/connectors?notice=saved"},
		{"/projects/demo/transfers/import-1/retry", nil, "/projects/demo/connectors?notice=copying"},
		{"/projects/demo/encryption", url.Values{"on": {"true"}}, "/projects/demo/connectors?notice=saved"},
		{"/projects/demo/sandbox", url.Values{"sandboxed": {"true"}}, "/projects/demo/connectors?notice=saved"},
		{"/projects/demo/datasets/want", url.Values{"owner": {"other"}, "dataset": {"raw"}, "access": {"read"}}, "/projects/demo/datasets?notice=asked"},
		{"/keys/k1/delete", nil, "/keys?notice=deleted"},
		{"/account/password", url.Values{"old": {"a"}, "new": {"b"}}, "/account?notice=password"},
		{"/admin/users", url.Values{"name": {"grace"}}, "/admin/users?notice=saved"},
		{"/admin/users/grace/delete", url.Values{"confirm": {"grace"}}, "/admin/users?notice=deleted"},
		{"/sign-out", nil, "/sign-in"},
	} {
		t.Run(c.path, func(t *testing.T) {
			if w := post(h, c.path, c.form); w.Header().Get("HX-Redirect") != c.to {
				t.Errorf("POST %s = %d to %q, want %q: %s", c.path, w.Code, w.Header().Get("HX-Redirect"), c.to, w.Body)
			}
		})
	}
}

func TestFormsSendWhatTheAPITakes(t *testing.T) {
	api := newFakeAPI()
	h := newUI(api)
	post(h, "/projects", url.Values{"name": {"demo"}, "requires": {"pandas\r\n\r\nscikit-learn"}})
	post(h, "/projects/demo/pipelines/flights/runs", url.Values{"version": {"1"}, "param.horizon": {"7"}, "param.title": {"7"}, "no_cache": {"true"}})
	post(h, "/projects/demo/jobs", url.Values{"name": {"flights"}, "command": {`echo "a b" c`}, "cpu": {"1"}, "memory": {"0.5"}})
	post(h, "/projects/demo/deployments/delay/predict", url.Values{"field.carrier": {"UA"}, "field.hour": {"18"}})
	post(h, "/projects/demo/file-actions/quota?path=raw", url.Values{"size": {"1.5 GiB"}, "names": {" 70 "}})
	post(h, "/projects/demo/file-actions/policy?path=raw", url.Values{"policy": {"DB"}})
	post(h, "/keys", url.Values{"name": {"duck"}, "scope": {"read"}, "s3": {"true"}})
	for key, want := range map[string]string{
		"POST /projects": `"requires":["pandas","scikit-learn"]`,
		"POST /projects/demo/pipelines/flights/runs":    `{"params":{"horizon":7,"title":"7"},"version":1,"no_cache":true}`,
		"POST /projects/demo/jobs":                      `"command":["echo","a b","c"]`,
		"POST /projects/demo/deployments/delay/predict": `{"instances":[{"carrier":"UA","hour":18}]}`,
		"PUT /projects/demo/file-quotas":                `{"bytes":1610612736,"names":70}`,
		"PUT /projects/demo/file-policy":                `{"name":"DB"}`,
		"POST /keys":                                    `{"name":"duck","scopes":["read"],"s3":true}`,
	} {
		if got := api.body(key); !strings.Contains(got, want) {
			t.Errorf("%s carried %s, want %s in it", key, got, want)
		}
	}
}

func TestFaultsAreShownInPlace(t *testing.T) {
	h := newUI(newFakeAPI())
	for _, c := range []struct {
		path   string
		form   url.Values
		status int
		want   string
	}{
		{"/projects/demo/delete", url.Values{"confirm": {"other"}}, 422, "type demo to confirm"},
		{"/projects/demo/runs/flights-1/cancel", nil, 409, "run flights-1 has ended"},
		{"/projects/demo/pipelines/flights/runs", url.Values{"param.horizon": {"soon"}}, 422, "horizon"},
		{"/projects/demo/jobs", url.Values{"command": {`echo "a`}}, 422, "not closed"},
		{"/projects/demo/schedules", url.Values{"name": {"nightly"}, "params": {"{"}}, 422, "no JSON object"},
		{"/projects/demo/schedules", url.Values{"name": {"../x"}}, 422, "is not a name"},
		{"/projects/demo/members", url.Values{"user": {"a/../b"}}, 422, "is not a name"},
		{"/projects/demo/file-actions/access?path=raw", url.Values{"entries": {"grace may everything"}}, 422, "is not an entry of an access list"},
		{"/projects/demo/file-actions/quota?path=raw", url.Values{"size": {"a lot"}}, 422, "is no size"},
		{"/projects/demo/file-actions/quota?path=raw", url.Values{"names": {"-1"}}, 422, "is no number"},
		{"/projects/demo/trash/raw", nil, 404, "nothing in the trash"},
		{"/projects/demo/file-actions/remove-all", nil, 422, "nothing is selected"},
		{"/projects/demo/file-actions/remove-all", url.Values{"path": {"gone", "raw"}}, 404, "1 of 2 could not be done"},
		{"/projects/demo/file-actions/move", url.Values{"path": {"data.csv"}, "to": {"b.csv"}}, 409, "is a file, not a folder"},
		{"/projects/demo/file-actions/move", url.Values{"path": {"data.csv"}}, 409, "is there already"},
		{"/projects/demo/file-actions/tag?path=data.csv", url.Values{"tag": {" "}}, 422, "needs a name"},
		{"/projects/demo/file-actions/rename?path=data.csv", url.Values{"name": {"a/b"}}, 422, "no slash"},
		{"/projects/demo/file-actions/permissions?path=data.csv", url.Values{"bit": {"99999"}}, 422, "not a permission"},
		{"/projects/demo/deployments/delay/predict", url.Values{"field.hour": {"late"}}, 422, "is no number"},
	} {
		t.Run(c.path, func(t *testing.T) {
			w := post(h, c.path, c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "<html") {
				t.Errorf("POST %s = %d %s, want %d with %q", c.path, w.Code, w.Body, c.status, c.want)
			}
		})
	}
}

func TestAFormWithoutScriptsGetsAPage(t *testing.T) {
	h := newUI(newFakeAPI())
	w := do(h, signedIn(httptest.NewRequest(http.MethodPost, "/projects/demo/runs/flights-1/retry", nil)))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/projects/demo/runs/flights-1" {
		t.Errorf("retry = %d to %q", w.Code, w.Header().Get("Location"))
	}
	w = do(h, signedIn(httptest.NewRequest(http.MethodPost, "/projects/demo/runs/flights-1/cancel", nil)))
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "<html") {
		t.Errorf("cancel of an ended run = %d: %s", w.Code, w.Body)
	}
}

func TestOtherSitesCannotSendForms(t *testing.T) {
	h := newUI(newFakeAPI())
	r := signedIn(httptest.NewRequest(http.MethodPost, "/projects/demo/runs/flights-1/retry", nil))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := do(h, r); w.Code != http.StatusForbidden {
		t.Errorf("a form of another site = %d, want 403", w.Code)
	}
}

func TestAPartIsAnsweredAlone(t *testing.T) {
	h := newUI(newFakeAPI())
	for path, part := range map[string]string{"/projects/demo/runs/flights-1": "view", "/projects/demo/runs/flights-1?step=ingest": "step", "/projects/demo/runs": "live", "/": "live"} {
		r := signedIn(httptest.NewRequest(http.MethodGet, path, nil))
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Target", "div#"+part)
		if w := do(h, r); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Body.String(), `id="`+part+`"`) {
			t.Errorf("part %s of %s = %d: %.200s", part, path, w.Code, w.Body)
		}
	}
}

func TestCheckAnswersFaultsAtTheirLines(t *testing.T) {
	w := post(newUI(newFakeAPI()), "/projects/demo/pipelines/check", url.Values{"text": {"stesp:"}})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-line="3"`) || !strings.Contains(w.Body.String(), "did you mean steps?") {
		t.Errorf("check = %d: %s", w.Code, w.Body)
	}
}

func TestKeysAreShownOnce(t *testing.T) {
	h := newUI(newFakeAPI())
	for _, path := range []string{"/keys", "/projects/demo/pipelines/flights/key"} {
		w := post(h, path, url.Values{"name": {"ci"}, "scope": {"run"}})
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "bine_k1_geheim") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("POST %s = %d %v: %s", path, w.Code, w.Header(), w.Body)
		}
	}
}

// TestKeysOfS3AreShownAsTheEnvironmentTakesThem looks at what the page has of a new key.
func TestKeysOfS3AreShownAsTheEnvironmentTakesThem(t *testing.T) {
	w := post(newUI(newFakeAPI()), "/keys", url.Values{"name": {"duck"}, "scope": {"all"}, "s3": {"true"}})
	for _, want := range []string{"AWS_ACCESS_KEY_ID=k1\n", "AWS_SECRET_ACCESS_KEY=geheim\n", "AWS_ENDPOINT_URL=http://", `hx-target="#keys"`, "duck"} {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("the answer lacks %q (%d): %s", want, w.Code, w.Body)
		}
	}
}

func TestUploadPassesFilesOn(t *testing.T) {
	api := newFakeAPI()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, _ := m.CreateFormFile("file", "../../up.txt")
	part.Write([]byte("content"))
	m.Close()
	r := signedIn(httptest.NewRequest(http.MethodPost, "/projects/demo/file-actions/upload?path=raw", &body))
	r.Header.Set("Content-Type", m.FormDataContentType())
	w := do(newUI(api), r)
	if w.Code != http.StatusSeeOther || api.body("PUT /projects/demo/files/raw/up.txt") != "content" {
		t.Errorf("upload = %d to %q, body %q", w.Code, w.Header().Get("Location"), api.body("PUT /projects/demo/files/raw/up.txt"))
	}
}

func TestAFolderShowsWhatItsQuotasAreUsedFor(t *testing.T) {
	w := get(newUI(newFakeAPI()), "/projects/demo/files/raw")
	for _, want := range []string{"This folder:", "1 KiB of 4 KiB", `width="25%"`, "7 of 77 names"} {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q (%d): %s", want, w.Code, w.Body)
		}
	}
}

func TestOnlyPicturesAreShownAsPictures(t *testing.T) {
	h := newUI(newFakeAPI())
	if w := get(h, "/projects/demo/images/plot.png"); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" {
		t.Errorf("a picture = %d %q", w.Code, w.Header().Get("Content-Type"))
	}
	if w := get(h, "/projects/demo/images/fake.png"); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "alert(1)") {
		t.Errorf("HTML that is named like a picture = %d: %s", w.Code, w.Body)
	}
}

func TestWhatUsersWroteIsNeverMarkup(t *testing.T) {
	h := newUI(newFakeAPI())
	for _, page := range []string{"/projects/demo/files", "/projects/demo/files/a.ipynb", "/projects/demo/files/README.md", "/projects/demo/files?tab=usage"} {
		body := get(h, page).Body.String()
		for _, bad := range []string{"<script>alert", "<img src=x", "javascript:", "<big>"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q: %s", page, bad, body)
			}
		}
	}
}

func TestAPageOfADirectoryIsFast(t *testing.T) {
	api := newFakeAPI()
	h := newUI(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/projects/demo/files" {
			api.ServeHTTP(w, r)
			return
		}
		page := client.Page[client.File]{Next: "c"}
		for i := range 200 {
			name := fmt.Sprintf("part-%05d.parquet", i)
			page.Items = append(page.Items, client.File{Path: "raw/" + name, Name: name, Size: 1 << 20, Owner: "demo__ada", Modified: now})
		}
		send(w, page)
	}))
	best := time.Hour
	for range 20 { // the machine may be busy with others
		begun := time.Now()
		if w := get(h, "/projects/demo/files/raw"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "part-00199.parquet") {
			t.Fatalf("GET = %d", w.Code)
		}
		best = min(best, time.Since(begun))
	}
	t.Logf("200 entries are rendered in %s", best)
	if best > 50*time.Millisecond {
		t.Errorf("a page of 200 entries takes %s", best)
	}
}

func TestMetricsCSVHoldsNoFormulas(t *testing.T) {
	w := get(newUI(newFakeAPI()), "/projects/demo/runs/flights-1?step=train&item=a&tab=metrics&format=csv")
	if w.Header().Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(w.Body.String(), "'=loss,") {
		t.Errorf("metrics as CSV: %s", w.Body)
	}
}

func TestAnItemFarDownTheListIsShown(t *testing.T) {
	w := get(newUI(newFakeAPI()), "/projects/demo/runs/flights-1?step=train&item=z&tab=attempts")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "out of memory") {
		t.Errorf("an item that is not on the first page of the list = %d: %s", w.Code, w.Body)
	}
}

func TestAScheduleShowsItsOwnRuns(t *testing.T) {
	api := newFakeAPI()
	get(newUI(api), "/projects/demo/schedules/nightly")
	if want := "/api/v1/projects/demo/runs?limit=50&schedule=nightly"; !slices.Contains(api.asked, want) {
		t.Errorf("the page of a schedule asks for %q, want %s among it", api.asked, want)
	}
}

func TestUnknownThingsAreNotFound(t *testing.T) {
	h := newUI(newFakeAPI())
	for _, path := range []string{"/nowhere", "/projects/other", "/projects/demo/runs/gone-1", "/projects/demo/runs/flights-1?step=gone", "/projects/demo/runs/flights-1?step=train&item=gone", "/projects/demo/environments/x", "/projects/demo/files/gone", "/assets/gone.js", "/assets/.keep"} {
		if w := get(h, path); w.Code != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, w.Code)
		}
	}
}

func TestAPanickingAPIIsAnError(t *testing.T) {
	h := newUI(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
	if w := get(h, "/"); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "Something went wrong") {
		t.Errorf("GET / = %d: %s", w.Code, w.Body)
	}
}

// TestServe serves the pages over the canned records at the address that
// BINE_UI_LISTEN names, to be looked at in a browser. It ends with the program.
func TestServe(t *testing.T) {
	address := os.Getenv("BINE_UI_LISTEN")
	if address == "" {
		t.Skip("BINE_UI_LISTEN names no address")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	api := newFakeAPI()
	pages := newUI(api)
	t.Error(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})))
}

func TestPicturesOfStepsCarryNothingElse(t *testing.T) {
	h := newUI(newFakeAPI())
	w := get(h, "/projects/demo/artifacts/"+string(bine.HashOf([]byte("png")))+"/image")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a picture = %d %q with policy %q", w.Code, w.Header().Get("Content-Type"), w.Header().Get("Content-Security-Policy"))
	}
	for _, what := range []string{"html", "none"} {
		w := get(h, "/projects/demo/artifacts/"+string(bine.HashOf([]byte(what)))+"/image")
		if w.Code == http.StatusOK || strings.Contains(w.Body.String(), "alert(1)") {
			t.Errorf("what is no picture = %d: %s", w.Code, w.Body)
		}
	}
}

func TestSmallOutputsAreShown(t *testing.T) {
	w := get(newUI(newFakeAPI()), "/projects/demo/runs/flights-1?step=ingest&tab=outputs")
	for _, want := range []string{"&lt;b&gt;", "<th>a</th>", "/projects/demo/artifacts/" + string(bine.HashOf([]byte("png"))) + "/image", "&#34;depth&#34;: 3"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the outputs lack %q: %s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "0,1,2,3") {
		t.Error("a large file is shown")
	}
}
