package agent

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/shim"
)

// serving is where the process of a model server listens.
type serving struct {
	Address string `json:"address"` // host and port
	Secret  string `json:"secret"`
}

// newServing chooses a free port and a secret.
func (a *Agent) newServing() (*serving, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(a.o.Address, "0"))
	if err != nil {
		return nil, fmt.Errorf("find a free port on %s for a model server: %w", a.o.Address, err)
	}
	defer l.Close()
	return &serving{Address: l.Addr().String(), Secret: rand.Text()}, nil
}

// environment says it to the process. The model is the input of that name, or
// the only one.
func (s *serving) environment(p plan, inputs map[string]string) map[string]string {
	serve := p.Assignment.Process.Serve
	host, port, _ := net.SplitHostPort(s.Address) // newServing joined it
	model := inputs["model"]
	if len(inputs) == 1 {
		for _, path := range inputs {
			model = path
		}
	}
	return map[string]string{
		"BINE_SERVE_BIND": host, "BINE_SERVE_PORT": port, "BINE_SERVE_TOKEN": s.Secret, "BINE_SERVE_MODEL": model,
		"BINE_SERVE_NAME": string(serve.Model), "BINE_SERVE_VERSION": strconv.Itoa(serve.Version),
	}
}

// awaitReady tells the server when a model server answers, and ends one that
// does not in time. An attempt that serves nothing has nothing to await.
func (t *attempt) awaitReady(ctx context.Context) {
	var p plan
	if readJSON(filepath.Join(t.dir, planFile), &p) != nil || p.Serving == nil || p.Assignment.Process.Serve == nil {
		return
	}
	limit := p.Assignment.Process.Serve.ReadyTimeout
	if limit <= 0 {
		limit = 300
	}
	waiting, done := context.WithTimeout(ctx, time.Duration(limit*float64(time.Second)))
	defer done()
	if !pollReady(waiting, p.Serving.Address) {
		if ctx.Err() == nil {
			t.stop(shim.Stop{Cause: shim.Unready, Reason: fmt.Sprintf("the model server was not ready within %gs; its log says more", limit), Seconds: stopSeconds})
		}
		return
	}
	body := client.ReadyAttempt{Address: p.Serving.Address, Secret: p.Serving.Secret}
	_ = t.agent.persist(ctx, "report a model server as ready", brief(func(ctx context.Context) error {
		return t.agent.o.API.AttemptReady(ctx, t.id, body)
	}), whileAway) // what it refuses is an attempt that has ended
}

// pollReady asks until the server says that it is ready, or ctx ends.
func pollReady(ctx context.Context, address string) bool {
	asking := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v2/health/ready", nil)
		if err != nil {
			return false
		}
		if res, err := asking.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}
