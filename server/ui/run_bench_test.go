package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// wideAPI is a fakeAPI with one run of so many steps; they are encoded once,
// so that what is measured is the page.
func wideAPI(b *testing.B, n int) http.Handler {
	b.Helper()
	var steps []bine.Step
	type definition struct {
		Name  string   `json:"name"`
		Kind  string   `json:"kind"`
		Needs []string `json:"needs"`
	}
	var defined []definition
	for i := range n {
		layer := i / 20
		start := now.Add(time.Duration(layer) * time.Second)
		s := bine.Step{Run: "flights-1", Name: bine.StepName(fmt.Sprintf("step%d", i)), Kind: "python", State: bine.Succeeded, Attempts: 1, CreatedAt: now, StartedAt: &start, EndedAt: ptr(start.Add(900 * time.Millisecond)),
			Values: map[string]json.RawMessage{"rows": json.RawMessage("336776")}, CacheKey: bine.HashOf([]byte("key")), With: json.RawMessage(`{"horizon":30}`)}
		if i%100 == 99 {
			s.State, s.Reason = bine.Failed, "exit code 1"
		}
		d := definition{Name: string(s.Name), Kind: "python"}
		for j := max(0, layer-1) * 20; j < layer*20; j += 7 {
			d.Needs = append(d.Needs, fmt.Sprintf("step%d", j))
		}
		steps, defined = append(steps, s), append(defined, d)
	}
	raw, err := json.Marshal(map[string]any{"name": "flights", "steps": defined})
	if err != nil {
		b.Fatal(err)
	}
	encoded := map[string][]byte{}
	for path, v := range map[string]any{"/api/v1/projects/demo/runs/flights-1/steps": steps, "/api/v1/projects/demo/pipelines/flights/versions/1": bine.PipelineVersion{Pipeline: "flights", Version: 1, DAG: raw}} {
		if encoded[path], err = json.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
	api := newFakeAPI()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, ok := encoded[r.URL.Path]; ok {
			w.Header().Set("Content-Type", "application/json")
			w.Write(body)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// BenchmarkRunPage is a whole answer: the records are read from the API's JSON,
// laid out and rendered.
func BenchmarkRunPage(b *testing.B) {
	for _, view := range []string{"", "table"} {
		for _, n := range []int{100, 1000, 3000} {
			b.Run(fmt.Sprintf("view=%s/steps=%d", view, n), func(b *testing.B) {
				h := newUI(wideAPI(b, n))
				size := 0
				for b.Loop() {
					w := httptest.NewRecorder()
					h.ServeHTTP(w, signedIn(httptest.NewRequest(http.MethodGet, "/projects/demo/runs/flights-1?view="+view, nil)))
					if size = w.Body.Len(); w.Code != http.StatusOK {
						b.Fatal(w.Body)
					}
				}
				b.ReportMetric(float64(size), "page-bytes")
			})
		}
	}
}
