package embedded_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/internal/temporal/reference"
)

// The queue, and the workflow that waits for a signal and then answers it.
const (
	queue   = "test"
	waiting = "wait-for-signal"
	signal  = "go"
)

func wait(ctx workflow.Context) (string, error) {
	var said string
	workflow.GetSignalChannel(ctx, signal).Receive(ctx, &said)
	return said, nil
}

// start starts a server that is stopped when the test ends.
func start(t testing.TB, o embedded.Options) *embedded.Server {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("start server: %v", err)
	}
	return s
}

func stop(t testing.TB, s *embedded.Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Errorf("stop server: %v", err)
	}
}

// dial connects with a key that is kept in dir.
func dial(t testing.TB, s *embedded.Server, dir string) client.Client {
	t.Helper()
	o := s.ClientOptions(sealerIn(t, dir))
	o.Logger = slog.New(slog.DiscardHandler)
	c, err := temporal.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sealerIn gives the sealer whose key is kept in dir.
func sealerIn(t testing.TB, dir string) *temporal.Sealer {
	t.Helper()
	key, err := temporal.LoadKey(filepath.Join(dir, "payload.key"))
	if err != nil {
		t.Fatal(err)
	}
	return temporal.NewSealer(key)
}

// work runs a worker with all test workflows; the answer stops it.
func work(t testing.TB, c client.Client, register ...func(worker.Worker)) (stop func()) {
	t.Helper()
	w := worker.New(c, queue, temporal.WorkerOptions(temporal.ControlWorker))
	w.RegisterWorkflowWithOptions(wait, workflow.RegisterOptions{Name: waiting})
	reference.Register(w)
	for _, r := range register {
		r(w)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return w.Stop
}

// begin starts a workflow on the test queue.
func begin(t testing.TB, c client.Client, id, name string, args ...any) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, name, args...)
	if err != nil {
		t.Fatalf("start %s: %v", id, err)
	}
	return run
}

// soon waits until the condition holds; what it says last is why it did not.
func soon(t testing.TB, condition func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		why := condition()
		if why == "" {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("still not: %s", why)
		}
	}
}

// copyDir copies the files of a directory of a stopped server.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// testWriter shows logs with the test that made them.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func describe(namespace string) *workflowservice.DescribeNamespaceRequest {
	return &workflowservice.DescribeNamespaceRequest{Namespace: namespace}
}
