package temporal_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	sdktemporal "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/temporal"
)

func TestDialSaysWhatIsMissing(t *testing.T) {
	if _, err := temporal.Dial(t.Context(), temporal.Options{}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("without address: %v", err)
	}
	if _, err := temporal.Dial(t.Context(), temporal.Options{Address: "127.0.0.1:1"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("without key: %v", err)
	}
}

func TestDialGivesUpWhenNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = temporal.Dial(t.Context(), temporal.Options{
		Address: address, Sealer: temporal.NewSealer(loadKey(t)), Patience: 300 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	})
	if !bine.IsKind(err, bine.Unavailable) || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v, want an error of kind unavailable that names %s", err, address)
	}
}

func TestCertificatesOfOthersAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := temporal.LoadTLS(dir); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), dir) {
		t.Errorf("an empty directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, temporal.ClientKeyFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := temporal.LoadTLS(dir); !bine.IsKind(err, bine.Forbidden) {
		t.Errorf("a key that others can read: %v", err)
	}
}

func TestExportNamesStayInTheirDirectory(t *testing.T) {
	for id, want := range map[string]string{
		"demo/run/flights-1":       "demo/run/flights-1/r.json.gz",
		"demo/run/flights-1/train": "demo/run/flights-1/train/r.json.gz",
		"../../etc/passwd":         "%../%../etc/passwd/r.json.gz",
		"/a//b":                    "%/a/%/b/r.json.gz",
		".hidden/a b%c":            "%.hidden/a%20b%25c/r.json.gz",
	} {
		if got := temporal.ExportName(id, "r"); got != want {
			t.Errorf("ExportName(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestReadExportedRefusesWhatIsNone(t *testing.T) {
	if _, err := temporal.ReadExported([]byte("no gzip")); err == nil {
		t.Error("text that is no export was read")
	}
}

// observed runs a workflow with one try of an activity under an observer, and
// gives its log and its metrics.
func observed(t *testing.T, do func(context.Context) error) (log string, counts map[string]uint64) {
	t.Helper()
	var text bytes.Buffer
	reg := prometheus.NewRegistry()
	observer, err := temporal.NewObserver(slog.New(slog.NewTextHandler(&text, nil)), reg)
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(discard{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{observer}})
	env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: "do"})
	env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Second, RetryPolicy: &sdktemporal.RetryPolicy{MaximumAttempts: 1},
		})
		return workflow.ExecuteActivity(ctx, "do").Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "once"})
	env.ExecuteWorkflow("once")
	return text.String(), gather(t, reg)
}

// gather gives the counts of histograms by their labels.
func gather(t *testing.T, reg prometheus.Gatherer) map[string]uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]uint64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			counts[key] = m.GetHistogram().GetSampleCount()
		}
	}
	return counts
}

type discard struct{}

func (discard) Debug(string, ...any) {}
func (discard) Info(string, ...any)  {}
func (discard) Warn(string, ...any)  {}
func (discard) Error(string, ...any) {}

func TestAFailureIsLoggedWithItsWorkflowAndCounted(t *testing.T) {
	log, counts := observed(t, func(context.Context) error { return errors.New("no space left") })
	for _, want := range []string{"activity failed", "activity=do", "workflow=default-test-workflow-id", "attempt=1", "no space left", "workflow failed"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if counts["bine_activity_seconds do failed"] != 1 || counts["bine_workflow_seconds failed once"] != 1 {
		t.Errorf("counted %v", counts)
	}
}

func TestSuccessIsCountedInSilence(t *testing.T) {
	log, counts := observed(t, func(context.Context) error { return nil })
	if log != "" || counts["bine_activity_seconds do succeeded"] != 1 || counts["bine_workflow_seconds succeeded once"] != 1 {
		t.Errorf("log %q, counts %v", log, counts)
	}
}

func TestAPanicIsLogged(t *testing.T) {
	log, counts := observed(t, func(context.Context) error { panic("out of order") })
	if !strings.Contains(log, "activity failed") || counts["bine_activity_seconds do panicked"] != 1 {
		t.Errorf("log %q, counts %v", log, counts)
	}
}

func TestWorkersHaveTheMeasuredOptions(t *testing.T) {
	control := temporal.WorkerOptions(temporal.ControlWorker)
	if control.MaxConcurrentWorkflowTaskPollers != 4 || control.MaxConcurrentActivityTaskPollers != 8 || *control.MaxEagerActivityReservationsPerWorkflowTask != 20 {
		t.Errorf("control worker: %+v", control)
	}
	host := temporal.WorkerOptions(temporal.HostWorker)
	if !host.DisableWorkflowWorker || host.MaxConcurrentActivityTaskPollers != 1 {
		t.Errorf("host worker: %+v", host)
	}
}
