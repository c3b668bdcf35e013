package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
)

func TestAWorkflowGoesOnAfterRestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Options{Dir: dir})
	c := dial(t, s, dir)
	stopWorker := work(t, c)
	begin(t, c, "waiter", waiting)
	soon(t, func() string {
		h, err := temporal.History(t.Context(), c, "waiter", "")
		if err != nil || len(h.GetEvents()) < 4 {
			return fmt.Sprintf("its first task is not done: %d events, %v", len(h.GetEvents()), err)
		}
		return ""
	})
	stopWorker()
	c.Close()
	stop(t, s)

	began := time.Now()
	s = start(t, embedded.Options{Dir: dir})
	t.Logf("started again in %v", time.Since(began))
	defer stop(t, s)
	c = dial(t, s, dir)
	defer c.Close()
	defer work(t, c)()
	if err := c.SignalWorkflow(t.Context(), "waiter", "", signal, "well met"); err != nil {
		t.Fatal(err)
	}
	var said string
	if err := c.GetWorkflow(t.Context(), "waiter", "").Get(t.Context(), &said); err != nil || said != "well met" {
		t.Errorf("after restart the workflow answered %q, %v", said, err)
	}
}

func TestASecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Options{Dir: dir})
	_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if !bine.IsKind(err, bine.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("second start: got %v, want a conflict that names process %d", err, os.Getpid())
	}
	stop(t, s)
	stop(t, start(t, embedded.Options{Dir: dir}))
}

func TestATakenPortIsRefused(t *testing.T) {
	s := start(t, embedded.Options{Dir: t.TempDir()})
	defer stop(t, s)
	var port int
	if _, err := fmt.Sscanf(s.Address(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Port: port})
	if !bine.IsKind(err, bine.Conflict) || !strings.Contains(err.Error(), fmt.Sprint(port)) {
		t.Errorf("start on a taken port: got %v, want a conflict that names the port", err)
	}
}

func TestDataIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "temporal")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, embedded.Options{Dir: dir})
	defer stop(t, s)
	if err := s.WriteClientCertificates(filepath.Join(dir, "client")); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClosedExecutionsStayForThirtyDays(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Options{Dir: dir, Retention: 24 * time.Hour})
	stop(t, s)
	s = start(t, embedded.Options{Dir: dir}) // has to change it
	defer stop(t, s)
	c := dial(t, s, dir)
	defer c.Close()
	defer work(t, c)()
	answer, err := c.WorkflowService().DescribeNamespace(t.Context(), describe(s.Namespace()))
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != 30*24*time.Hour {
		t.Errorf("retention is %v, want 30 days", got)
	}
}
