package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/server/ui"
)

// longestTask is how long the page's thread may work at one thing.
const longestTask = 200 * time.Millisecond

// TestThreeThousandStepsLeaveTheBrowserResponsive opens the page of a run of
// 3,000 steps that goes on, and measures every task of the page's thread in time
// of the processor, so that it tells the page from a machine that is busy. What
// the API would say is canned: this is about the page.
func TestThreeThousandStepsLeaveTheBrowserResponsive(t *testing.T) {
	need(t, "chromium")
	api := newWideAPI(3000)
	server := httptest.NewServer(both(api, ui.New(ui.Config{API: api, Version: "test"})))
	p := newPage(t, server.URL)
	t.Cleanup(server.CloseClientConnections)
	for _, c := range []struct {
		what string
		do   func()
	}{
		{"open the page", func() {
			p.open("/projects/shop/runs/wide-1")
			p.sees("#facts h2", "step99")
			p.until("the stream stands", `document.querySelector("[data-live-state]").hidden`)
		}},
		{"take in changes", func() {
			for i := range 5 {
				api.change(fmt.Sprintf("step%d", 2000+i))
				p.until("the change is shown", fmt.Sprintf(`document.querySelectorAll(".graph-node.is-bad").length >= %d`, 31+i))
			}
		}},
		{"choose a step", func() {
			p.do(chromedp.Evaluate(`document.querySelector('a.gantt-row[data-step="step199"]').click()`, nil))
			p.sees("#facts h2", "step199")
		}},
		{"look at the table", func() {
			p.click(`.tabs a[href*="view=table"]`)
			p.sees(".step-filters", "1–100 of 3000")
			p.do(chromedp.SendKeys(`.step-filters input[type=search]`, "step1234\r", chromedp.ByQuery))
			p.sees(".step-filters", "1–1 of 1 found among 3000")
			p.until("the address holds the filter", `location.search.includes("text=step1234")`)
		}},
	} {
		longest, tasks := p.traced(c.do)
		t.Logf("%s: %d tasks, the longest took %v of the processor", c.what, tasks, longest)
		if longest > longestTask {
			t.Errorf("%s: one task took %v, want %v at most", c.what, longest, longestTask)
		}
	}
	if n := p.count(`document.querySelectorAll(".graph-node").length`); n > 500 {
		t.Errorf("%d nodes are drawn, want 500 at most", n)
	}
	p.clean()
}

// count asks the page for a number.
func (p *page) count(js string) int {
	p.t.Helper()
	var n int
	p.do(chromedp.Evaluate(js, &n))
	return n
}

// traced does something and gives the longest task that the main thread of the
// page had meanwhile, and how many there were.
func (p *page) traced(do func()) (longest time.Duration, tasks int) {
	p.t.Helper()
	var mu sync.Mutex
	var events []traceEvent
	done := make(chan struct{})
	var once sync.Once
	chromedp.ListenTarget(p.ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			defer mu.Unlock()
			for _, raw := range e.Value {
				var one traceEvent
				if json.Unmarshal(raw, &one) == nil {
					events = append(events, one)
				}
			}
		case *tracing.EventTracingComplete:
			once.Do(func() { close(done) })
		}
	})
	p.do(tracing.Start().WithTransferMode(tracing.TransferModeReportEvents).WithTraceConfig(&tracing.TraceConfig{IncludedCategories: []string{"toplevel", "__metadata"}, ExcludedCategories: []string{"*"}}))
	do()
	p.do(tracing.End())
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		p.t.Fatal("the browser does not end its trace")
	}
	mu.Lock()
	defer mu.Unlock()
	return longestOf(p.t, events)
}

// traceEvent is one event of a trace of Chromium.
type traceEvent struct {
	Name    string  `json:"name"`
	Thread  int     `json:"tid"`
	Process int     `json:"pid"`
	Took    float64 `json:"tdur"` // microseconds of the processor
	Args    struct {
		Name string `json:"name"`
	} `json:"args"`
}

func longestOf(t *testing.T, events []traceEvent) (longest time.Duration, tasks int) {
	t.Helper()
	main := map[[2]int]bool{}
	for _, e := range events {
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			main[[2]int{e.Process, e.Thread}] = true
		}
	}
	for _, e := range events {
		if main[[2]int{e.Process, e.Thread}] && strings.HasSuffix(e.Name, "RunTask") {
			tasks++
			longest = max(longest, time.Duration(e.Took)*time.Microsecond)
		}
	}
	if tasks == 0 || longest == 0 {
		t.Fatalf("the trace of %d events holds no tasks with their time", len(events))
	}
	return longest, tasks
}

// both serves the API below /api/v1 and the pages elsewhere, as bine server does.
func both(api, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v1/") {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// wideAPI answers as the REST API does about one run of very many steps.
type wideAPI struct {
	mu      sync.Mutex
	steps   []bine.Step
	version bine.PipelineVersion
	changed chan string
}

func newWideAPI(n int) *wideAPI {
	a := &wideAPI{changed: make(chan string, 100)}
	begin := time.Now().Add(-time.Hour)
	type step struct {
		Name  string   `json:"name"`
		Kind  string   `json:"kind"`
		Needs []string `json:"needs,omitempty"`
	}
	var defined []step
	for i := range n {
		layer := i / 20
		start := begin.Add(time.Duration(layer) * time.Second)
		end := start.Add(900 * time.Millisecond)
		s := bine.Step{Run: "wide-1", Name: bine.StepName(fmt.Sprintf("step%d", i)), Kind: "python", State: bine.Succeeded, CreatedAt: begin, StartedAt: &start, EndedAt: &end}
		if i%100 == 99 {
			s.State, s.Reason = bine.Failed, "exit code 1"
		}
		d := step{Name: string(s.Name), Kind: s.Kind}
		for j := max(0, layer-1) * 20; j < layer*20; j += 7 {
			d.Needs = append(d.Needs, fmt.Sprintf("step%d", j))
		}
		a.steps, defined = append(a.steps, s), append(defined, d)
	}
	dag, err := json.Marshal(map[string]any{"name": "wide", "steps": defined})
	if err != nil {
		panic(err) // texts only
	}
	a.version = bine.PipelineVersion{Pipeline: "wide", Version: 1, DAG: dag}
	return a
}

// change lets a step fail, and tells those who listen.
func (a *wideAPI) change(name string) {
	a.mu.Lock()
	for i := range a.steps {
		if string(a.steps[i].Name) == name {
			a.steps[i].State = bine.Failed
		}
	}
	a.mu.Unlock()
	a.changed <- name
}

func (a *wideAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const project = "/api/v1/projects/shop"
	begin := time.Now().Add(-time.Hour)
	run := bine.Run{ID: "wide-1", Project: "shop", Pipeline: "wide", Version: 1, State: bine.Running, Params: json.RawMessage("{}"), StartedBy: "ada", CreatedAt: begin, StartedAt: &begin}
	a.mu.Lock()
	answer, ok := map[string]any{
		"/api/v1/auth/me": client.Identity{User: "ada", Via: "session"}, project: bine.Project{Name: "shop", State: bine.ProjectReady, Role: bine.DataOwner},
		"/api/v1/hosts": []bine.Host{}, "/api/v1/leases": []bine.Lease{}, project + "/runs/wide-1": run, project + "/runs/wide-1/attempts": []bine.Attempt{},
		project + "/runs/wide-1/steps": a.steps, project + "/pipelines/wide/versions/1": a.version,
	}[r.URL.Path]
	var body []byte
	if ok {
		body, _ = json.Marshal(answer)
	}
	a.mu.Unlock()
	switch {
	case ok:
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	case r.URL.Path == project+"/runs/wide-1/events":
		a.tell(w, r)
	default:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		json.NewEncoder(w).Encode(client.Problem{Status: http.StatusNotFound, Kind: bine.NotFound, Detail: "nothing is at " + r.URL.Path})
	}
}

// tell is the stream of the page.
func (a *wideAPI) tell(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	_ = flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case name := <-a.changed:
			fmt.Fprintf(w, "data: {\"object\":\"step\",\"name\":\"wide-1/%s\"}\n\n", name)
			_ = flush()
		}
	}
}
