package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/internal/temporal/reference"
)

// childDir is where a test's child process keeps its server.
const childDir = "BINE_TEST_SERVER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, serve(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serve runs a server until the parent kills the process or is gone.
func serve(dir string) error {
	s, err := embedded.Start(context.Background(), embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := s.WriteClientCertificates(filepath.Join(dir, "client")); err != nil {
		return err
	}
	fmt.Println(s.Address())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Stop()
}

// child starts a process with a server and connects to it.
func child(t *testing.T, dir string) (*exec.Cmd, client.Client) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = testWriter{t}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the child has no server: %v", lines.Err())
	}
	config, err := temporal.LoadTLS(filepath.Join(dir, "client"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := temporal.Dial(t.Context(), temporal.Options{
		Address: lines.Text(), TLS: config, Sealer: sealerIn(t, dir), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return cmd, c
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	const workflows, steps = 10, 20
	cmd, c := child(t, dir)
	stopWorker := work(t, c)
	for i := range workflows {
		begin(t, c, fmt.Sprintf("chain-%d", i), reference.ChainName, steps)
	}
	soon(t, func() string { // in the midst of it
		h, err := temporal.History(t.Context(), c, "chain-0", "")
		if err != nil || len(h.GetEvents()) < 20 {
			return fmt.Sprintf("the first chain has %d events, %v", len(h.GetEvents()), err)
		}
		return ""
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	c.Close()
	go stopWorker() // it waits for a server that is gone

	s := start(t, embedded.Options{Dir: dir})
	defer stop(t, s)
	c = dial(t, s, dir)
	defer c.Close()
	defer work(t, c)()
	for i := range workflows {
		if err := c.GetWorkflow(t.Context(), fmt.Sprintf("chain-%d", i), "").Get(t.Context(), nil); err != nil {
			t.Errorf("chain %d after the kill: %v", i, err)
		}
	}
}
