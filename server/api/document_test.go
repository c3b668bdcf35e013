package api_test

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bine-ml/bine/server/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTheDocumentIsAsCommitted(t *testing.T) {
	w := newWorld(t)
	got := w.raw(http.MethodGet, api.DocumentYAML, "", nil)
	const golden = "testdata/openapi.yaml"
	if *update {
		w.ok(os.WriteFile(golden, []byte(got.body), 0o644))
	}
	want, err := os.ReadFile(golden)
	w.ok(err)
	if got.body != string(want) {
		t.Errorf("%s differs from %s: look at the difference, then run go test ./server/api -run Document -update", api.DocumentYAML, golden)
	}
}

// operations gives every operation of the document.
func operations(w *world) []*huma.Operation {
	var all []*huma.Operation
	for _, item := range w.server.API().Document().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete, item.Patch, item.Head, item.Options} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	slices.SortFunc(all, func(a, b *huma.Operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

func TestEveryRouteIsAnOperationOrListedHere(t *testing.T) {
	w := newWorld(t)
	listed := []string{
		"GET " + api.DocumentJSON, "GET " + api.DocumentYAML, "GET " + api.DocsPage,
		"GET /healthz", "GET /readyz", "GET /metrics",
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "DELETE", "CONNECT", "TRACE"} {
		listed = append(listed, method+" /serving/:project/:deployment/*path")
	}
	for _, op := range operations(w) {
		listed = append(listed, op.Method+" "+api.GinPath(op.Path))
	}
	for _, r := range w.server.Routes() {
		if !slices.Contains(listed, r.Method+" "+r.Path) {
			t.Errorf("%s %s is neither in the document nor listed here as a route outside of it", r.Method, r.Path)
		}
	}
}

func TestEveryOperationSaysWhoMayCallIt(t *testing.T) {
	w := newWorld(t)
	for _, op := range operations(w) {
		if op.Extensions[api.AccessExtension] == nil {
			t.Errorf("%s does not say who may call it", op.OperationID)
		}
		if op.Responses["default"] == nil || op.Responses["default"].Content["application/problem+json"] == nil {
			t.Errorf("%s does not say that its errors are problems", op.OperationID)
		}
	}
}

func TestTheDocumentHoldsNothingOfTheRequest(t *testing.T) {
	w := newWorld(t)
	got := w.raw(http.MethodGet, api.DocumentJSON, "", nil)
	if strings.Contains(got.body, "$schema") || strings.Contains(got.body, strings.TrimPrefix(w.url, "http://")) {
		t.Error("the document has $schema links or the host of the request in it")
	}
	me := w.raw(http.MethodGet, "/api/v1/version", "", nil)
	if me.body != `{"version":"test","api":"v1"}`+"\n" {
		t.Errorf("version answers %q", me.body)
	}
}

func TestThePageOfTheAPINeedsNothingFromElsewhere(t *testing.T) {
	w := newWorld(t)
	page := w.raw(http.MethodGet, api.DocsPage, "", nil)
	if page.status != 200 || !strings.Contains(page.body, "/api/v1/projects/{project}/pipelines/{pipeline}/runs") || !strings.Contains(page.body, `id="schema-Run"`) {
		t.Errorf("the page answers %d and lacks operations or types", page.status)
	}
	for _, foreign := range []string{"<script", "src=", "https://", "@import"} {
		if strings.Contains(page.body, foreign) {
			t.Errorf("the page contains %q", foreign)
		}
	}
}

func TestEveryParameterOfAPathIsDeclared(t *testing.T) {
	w := newWorld(t)
	for _, op := range operations(w) {
		for _, part := range strings.Split(op.Path, "/") {
			name, ok := strings.CutPrefix(part, "{")
			name = strings.TrimSuffix(name, "}")
			if ok && !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "path" && p.Name == name }) {
				t.Errorf("%s does not read {%s} of its path", op.OperationID, name)
			}
		}
	}
}
