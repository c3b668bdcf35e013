package embedded_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
)

// The canaries must be in no file of the server.
const (
	inputCanary   = "canary-of-an-input"
	resultCanary  = "canary-of-a-result"
	failureCanary = "canary-of-a-failure"
	detailCanary  = "canary-of-a-detail"
)

// sing carries the canaries through a history, locally and by an activity.
func sing(ctx workflow.Context, in string) (string, error) {
	retry := &sdktemporal.RetryPolicy{MaximumAttempts: 1}
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: retry})
	if err := workflow.ExecuteLocalActivity(local, answer, in).Get(ctx, nil); err != nil {
		return "", err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: retry})
	if err := workflow.ExecuteActivity(ctx, "fail", in).Get(ctx, nil); err == nil {
		return "", errors.New("the failing activity did not fail")
	}
	var out string
	err := workflow.ExecuteActivity(ctx, "answer", in).Get(ctx, &out)
	return out, err
}

func answer(_ context.Context, in string) (string, error) {
	if in != inputCanary {
		return "", errors.New("got another input")
	}
	return resultCanary, nil
}

func fail(context.Context, string) error {
	return sdktemporal.NewApplicationError(failureCanary, "kind", detailCanary)
}

func withSong(w worker.Worker) {
	w.RegisterWorkflowWithOptions(sing, workflow.RegisterOptions{Name: "sing"})
	w.RegisterActivityWithOptions(answer, activity.RegisterOptions{Name: "answer"})
	w.RegisterActivityWithOptions(fail, activity.RegisterOptions{Name: "fail"})
}

// sung gives a server on which one workflow has sung.
func sung(t *testing.T, dir string) (*embedded.Server, client.Client, *temporal.Sealer) {
	t.Helper()
	s := start(t, embedded.Options{Dir: dir})
	keys := t.TempDir() // not in dir, which is searched for canaries
	c := dial(t, s, keys)
	t.Cleanup(c.Close)
	defer work(t, c, withSong)()
	var out string
	if err := begin(t, c, "demo/run/song", "sing", inputCanary).Get(t.Context(), &out); err != nil || out != resultCanary {
		t.Fatalf("sing: %q, %v", out, err)
	}
	return s, c, sealerIn(t, keys)
}

func TestNothingIsStoredInClear(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := sung(t, dir)
	stop(t, s)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if !bytes.Contains(all, []byte("demo/run/song")) {
		t.Fatal("the files do not hold the workflow at all")
	}
	for _, canary := range []string{inputCanary, resultCanary, failureCanary, detailCanary} {
		if bytes.Contains(all, []byte(canary)) {
			t.Errorf("%q is in the files in clear", canary)
		}
	}
}

// memory is a sink that can be out of order.
type memory struct {
	sync.Mutex
	files  map[string][]byte
	broken bool
}

func (m *memory) Put(_ context.Context, name string, data []byte) error {
	m.Lock()
	defer m.Unlock()
	if m.broken {
		return errors.New("disk is full")
	}
	m.files[name] = data
	return nil
}

func (m *memory) Has(_ context.Context, name string) (bool, error) {
	m.Lock()
	defer m.Unlock()
	return m.files[name] != nil, nil
}

func TestClosedHistoriesAreExportedSealed(t *testing.T) {
	s, c, sealer := sung(t, t.TempDir())
	defer stop(t, s)
	sink := &memory{files: make(map[string][]byte), broken: true}
	since := time.Now().Add(-time.Hour)
	soon(t, func() string { // until the execution is listed
		done, err := temporal.ExportClosed(t.Context(), c, sink, since)
		if err == nil {
			return "nothing was there to be exported"
		}
		if !done.Next.Equal(since) {
			t.Errorf("after a failure the next pass begins at %v, want %v again", done.Next, since)
		}
		return ""
	})
	sink.broken = false
	first, err := temporal.ExportClosed(t.Context(), c, sink, since)
	if err != nil || first.New != 1 || !first.Next.After(since.Add(-time.Minute)) {
		t.Errorf("first pass: %+v, %v", first, err)
	}
	second, err := temporal.ExportClosed(t.Context(), c, sink, since)
	if err != nil || second.New != 0 || second.Kept != 1 {
		t.Errorf("second pass: %+v, %v", second, err)
	}
	repeatedly(t, c)
	for name, packed := range sink.files {
		if !strings.HasPrefix(name, "demo/run/song/") {
			t.Errorf("exported as %s", name)
		}
		readSong(t, c, sealer, packed)
	}
}

// repeatedly checks that the loop exports what there is, and ends when told.
func repeatedly(t *testing.T, c client.Client) {
	t.Helper()
	sink := &memory{files: make(map[string][]byte)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		temporal.Export(ctx, c, sink, time.Millisecond, slog.New(slog.DiscardHandler))
	}()
	soon(t, func() string {
		sink.Lock()
		defer sink.Unlock()
		if len(sink.files) != 1 {
			return "the loop has not exported the history"
		}
		return ""
	})
	cancel()
	<-ended
}

// readSong checks an exported history: sealed as a file, clear when decoded.
func readSong(t *testing.T, c client.Client, sealer *temporal.Sealer, packed []byte) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil || bytes.Contains(text, []byte("canary")) {
		t.Errorf("the exported history is not sealed (%v)", err)
	}
	exported, err := temporal.ReadExported(packed)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := temporal.History(t.Context(), c, "demo/run/song", "")
	if err != nil || len(stored.GetEvents()) != len(exported.GetEvents()) {
		t.Errorf("exported %d events of %d, %v", len(exported.GetEvents()), len(stored.GetEvents()), err)
	}
	readEvents(t, temporal.DecodeHistory(exported, sealer))
}

// readEvents checks that people can read what happened.
func readEvents(t *testing.T, events []temporal.Event) {
	t.Helper()
	var lines, attributes []string
	for _, e := range events {
		lines = append(lines, e.Type+": "+e.Summary)
		attributes = append(attributes, string(e.Attributes))
	}
	page := strings.Join(lines, "\n")
	for _, want := range []string{
		"WorkflowExecutionStarted: workflow sing started on queue test",
		"MarkerRecorded: answer",
		"ActivityTaskScheduled: fail scheduled on queue test",
		"ActivityTaskFailed: fail failed: " + failureCanary,
		"ActivityTaskCompleted: answer completed",
		"WorkflowExecutionCompleted: workflow completed",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no line %q in\n%s", want, page)
		}
	}
	for _, canary := range []string{inputCanary, resultCanary, failureCanary, detailCanary} {
		if !strings.Contains(strings.Join(attributes, ""), canary) {
			t.Errorf("%q is not in the decoded history\n%s", canary, strings.Join(attributes, "\n"))
		}
	}
}
