package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

const modelJSON = `{"format":1,"framework":"sklearn","file":"model.joblib","metrics":{"auc":0.7},"example":{"carrier":"UA","hour":9},
 "schema":{"inputs":[{"name":"carrier","datatype":"BYTES","shape":[-1]},{"name":"hour","datatype":"INT64","shape":[-1]}],"outputs":[{"name":"delayed","datatype":"FP64","shape":[-1]}]}}`

// model registers a model in demo.
func (w *world) model(name bine.ModelName) bine.ModelVersion {
	w.t.Helper()
	olga := w.as("olga")
	_, err := olga.PutArtifact(w.t.Context(), "demo", hashOf(modelJSON), strings.NewReader(modelJSON))
	w.ok(err)
	dir, err := olga.PutManifest(w.t.Context(), "demo", []bine.ArtifactEntry{{Path: "model.json", Hash: hashOf(modelJSON), Size: int64(len(modelJSON))}})
	w.ok(err)
	v, err := olga.RegisterModel(w.t.Context(), "demo", name, client.NewModel{Artifact: dir.Hash, Description: "first"})
	w.ok(err)
	return v
}

func TestModels(t *testing.T) {
	w := newWorld(t)
	v := w.model("delay")
	same(t, "RegisterModel", []any{v.Model, v.Version, v.Framework, v.Metrics["auc"], v.Description, v.Artifact.Kind, v.CreatedBy}, []any{"delay", 1, "sklearn", 0.7, "first", "dir", "olga"})
	second := w.model("delay")
	same(t, "the next version", second.Version, 2)
	sven := w.as("sven")
	all, err := sven.Models(t.Context(), "demo")
	w.ok(err)
	same(t, "Models", []any{len(all), all[0].Name, all[0].Latest}, []any{1, "delay", 2})
	versions, err := sven.ModelVersions(t.Context(), "demo", "delay")
	w.ok(err)
	same(t, "ModelVersions", []any{len(versions), versions[0].Version}, []any{2, 2})
	newest, err := sven.ModelVersion(t.Context(), "demo", "delay", 0)
	w.ok(err)
	same(t, "the newest", newest.Version, 2)
	code := w.code(w.as("olga"))
	_, err = w.as("olga").RegisterModel(t.Context(), "demo", "delay", client.NewModel{Artifact: code})
	wants(t, "an artifact that is no model", err, bine.Invalid)
	_, err = w.as("olga").RegisterModel(t.Context(), "demo", "delay", client.NewModel{Artifact: hashOf("none")})
	wants(t, "an artifact that is not there", err, bine.NotFound)
}

// modelServer answers the protocol as a model server does.
func modelServer(t *testing.T, seen *[]*http.Request) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r)
		w.Header().Set("Set-Cookie", "x=y")
		if r.Header.Get("Authorization") != "Bearer server-secret" {
			http.Error(w, `{"error":"no"}`, http.StatusUnauthorized)
			return
		}
		var in struct {
			Inputs []struct {
				Name     string
				Datatype string
				Shape    []int
				Data     []any
			}
		}
		text, _ := io.ReadAll(r.Body)
		if json.Unmarshal(text, &in) != nil || len(in.Inputs) != 2 || in.Inputs[1].Data[0] == "late" {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":"input 'hour': 'late' is not INT64"}`)
			return
		}
		io.WriteString(w, `{"model_name":"delay","model_version":"1","outputs":[{"name":"predict","datatype":"INT64","shape":[2],"data":[0,1]},{"name":"probability","datatype":"FP64","shape":[2,2],"data":[0.69,0.31,0.2,0.8]}]}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// serve deploys a model and gives it a server, as the agent reports it.
func (w *world) serve(address string) bine.Attempt {
	w.t.Helper()
	ctx := w.t.Context()
	w.model("delay")
	_, err := w.as("olga").Deploy(ctx, "demo", "delay", client.NewDeployment{Model: "delay"})
	w.ok(err)
	owner := bine.ServerOwner("demo", "delay", 1, "g1")
	a, err := w.store.StartAttempt(ctx, owner, 1, bine.Process{Owner: owner, Serve: &bine.Serve{Deployment: "delay", Model: "delay", Version: 1}})
	w.ok(err)
	w.ok(w.as("root").AttemptReady(ctx, a.ID, client.ReadyAttempt{Address: address, Secret: "server-secret"}))
	return a
}

func TestADeploymentFromItsMakingToItsEnd(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	_, err := olga.Deploy(ctx, "demo", "delay", client.NewDeployment{Model: "delay"})
	wants(t, "deploying a model that is not there", err, bine.NotFound)
	w.model("delay")
	_, err = olga.Deploy(ctx, "demo", "delay", client.NewDeployment{Model: "delay", Resources: &bine.Resources{CPU: -1}})
	wants(t, "resources that are none", err, bine.Invalid)
	d, err := olga.Deploy(ctx, "demo", "delay", client.NewDeployment{Model: "delay"})
	w.ok(err)
	same(t, "Deploy", []any{d.State, d.Version, d.Serving}, []any{"starting", 1, 0})
	_, err = w.as("sven").Predict(ctx, "demo", "delay", client.Rows{Instances: []json.RawMessage{json.RawMessage(`{}`)}})
	wants(t, "asking before it is ready", err, bine.Unavailable)
	if got := w.raw("GET", "/serving/demo/delay/v2/models/delay", w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeServe}}), nil); got.status != 503 {
		t.Errorf("serving before it is ready answers %d %s", got.status, got.body)
	}

	w = newWorld(t)
	olga = w.as("olga")
	var seen []*http.Request
	server := modelServer(t, &seen)
	a := w.serve(strings.TrimPrefix(server.URL, "http://"))
	if !w.launched.made("deploy delay 1") || !w.launched.made("ready delay@1") {
		t.Errorf("launched %v", w.launched.calls)
	}
	route, _, err := w.store.Route(ctx, "demo", "delay")
	w.ok(err)
	if strings.Contains(route.Secret, "server-secret") {
		t.Error("the secret of the model server is kept as it is")
	}
	d, err = olga.Deployment(ctx, "demo", "delay")
	w.ok(err)
	same(t, "Deployment", []any{d.State, d.Serving, d.Attempt}, []any{"ready", 1, a.ID})
	_, err = w.as("root").AppendLog(ctx, a.ID, 0, []byte("listening\n"))
	w.ok(err)
	log, err := w.as("sven").ServerLog(ctx, "demo", "delay", 0, false)
	same(t, "the log of the server", read(t, log, err), "listening\n")
	all, err := olga.Deployments(ctx, "demo")
	w.ok(err)
	same(t, "number of deployments", len(all), 1)
	_, err = olga.StopDeployment(ctx, "demo", "delay")
	w.ok(err)
	w.ok(olga.DeleteDeployment(ctx, "demo", "delay"))
	if !w.launched.made("stop delay false") || !w.launched.made("stop delay true") {
		t.Errorf("launched %v", w.launched.calls)
	}
}

func TestPredicting(t *testing.T) {
	w := newWorld(t)
	var seen []*http.Request
	w.serve(strings.TrimPrefix(modelServer(t, &seen).URL, "http://"))
	sven := w.as("sven")
	rows := client.Rows{Instances: []json.RawMessage{json.RawMessage(`{"carrier":"UA","hour":9}`), json.RawMessage(`{"hour":17,"carrier":"AA"}`)}}
	got, err := sven.Predict(t.Context(), "demo", "delay", rows)
	w.ok(err)
	text, _ := json.Marshal(got)
	same(t, "Predict", string(text), `{"model":"delay","version":"1","predictions":[{"delayed":0.31},{"delayed":0.8}]}`)
	for name, row := range map[string]string{"a column is missing": `{"carrier":"UA"}`, "there is one too many": `{"carrier":"UA","hour":1,"x":2}`, "a row is none": `[1,2]`} {
		_, err := sven.Predict(t.Context(), "demo", "delay", client.Rows{Instances: []json.RawMessage{json.RawMessage(row)}})
		wants(t, "where "+name, err, bine.Invalid)
	}
	_, err = sven.Predict(t.Context(), "demo", "delay", client.Rows{Instances: []json.RawMessage{json.RawMessage(`{"carrier":"UA","hour":"late"}`)}})
	if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "is not INT64") {
		t.Errorf("what the model refuses answers %v, want its reason", err)
	}
}

func TestServing(t *testing.T) {
	w := newWorld(t)
	var seen []*http.Request
	model := modelServer(t, &seen)
	w.serve(strings.TrimPrefix(model.URL, "http://"))
	serve := w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeServe}})
	const path = "/serving/demo/delay/v2/models/delay/infer"
	body := `{"inputs":[{"name":"carrier"},{"name":"hour","data":[1]}]}`
	got := w.raw("POST", path, serve, strings.NewReader(body), "Cookie", "bine_session=mine", "Content-Type", "application/json")
	if got.status != 200 || !strings.Contains(got.body, `"model_name":"delay"`) || got.header.Get("Set-Cookie") != "" {
		t.Fatalf("infer answers %d %s, Set-Cookie %q", got.status, got.body, got.header.Get("Set-Cookie"))
	}
	last := seen[len(seen)-1]
	if last.URL.Path != "/v2/models/delay/infer" || last.Header.Get("Cookie") != "" || last.Header.Get("Authorization") != "Bearer server-secret" {
		t.Errorf("the model server saw %s with %v", last.URL.Path, last.Header)
	}
	for name, c := range map[string]struct {
		path, key string
		status    int
	}{
		"nobody":                   {path, "", 401},
		"a stranger":               {path, w.key("mallory", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}}), 404},
		"a key that only reads":    {path, w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeRead}}), 403},
		"no such deployment":       {"/serving/demo/other/v2/models/delay/infer", serve, 404},
		"a path beside the door":   {"/serving/demo/delay/metrics", serve, 404},
		"a path that climbs":       {"/serving/demo/delay/v2/../secret", serve, 404},
		"a deployment of somebody": {"/serving/other/delay/v2", serve, 404},
	} {
		if got := w.raw("POST", c.path, c.key, strings.NewReader(body)); got.status != c.status {
			t.Errorf("%s: %d %s, want %d", name, got.status, got.body, c.status)
		}
	}
	model.Close()
	if got := w.raw("POST", path, serve, strings.NewReader(body)); got.status != 503 || got.problem(t).Kind != bine.Unavailable {
		t.Errorf("after the model server died: %d %s", got.status, got.body)
	}
}

func TestTheEndOfAModelServerTakesItsRoute(t *testing.T) {
	w := newWorld(t)
	a := w.serve("127.0.0.1:1")
	w.ok(w.as("root").AttemptEnded(t.Context(), a.ID, bine.AttemptResult{State: bine.Failed, Failure: bine.FailureError}))
	d, err := w.as("olga").Deployment(t.Context(), "demo", "delay")
	w.ok(err)
	same(t, "the deployment", []any{d.State, d.Serving}, []any{"starting", 0})
	w.ok(w.as("root").AttemptEnded(t.Context(), a.ID, bine.AttemptResult{State: bine.Failed, Failure: bine.FailureError}))
}
