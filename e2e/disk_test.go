package e2e_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// TestAFullDiskIsSaidAndLosesNothing fills the disk under the data directory.
func TestAFullDiskIsSaidAndLosesNothing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a small disk")
	}
	s := newSystem(t)
	data := filepath.Join(s.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=192m,mode=0700", "bine", data).CombinedOutput(); err != nil {
		t.Skipf("no small disk can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", data).Run() })
	s.start("up", "--log-level", "error")
	s.ready(30 * time.Second)
	p := s.project("full")
	s.mustCLI("pipeline", "store", s.pipeline("plain", "name: plain\nsteps:\n  a: {command: 'echo fine'}\n", nil), "-p", "full")

	small := filepath.Join(s.dir, "small")
	if err := os.WriteFile(small, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.mustCLI("fs", "put", small, "Resources/small", "-p", "full")
	big := filepath.Join(s.dir, "big")
	content := make([]byte, 256<<20)
	_, _ = rand.Read(content)
	if err := os.WriteFile(big, content, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.cli("fs", "put", big, "Resources/big", "-p", "full")
	if err == nil || !strings.Contains(out, "full") {
		t.Errorf("an upload over the disk: %v\n%s\nwant it refused because the disk is full", err, out)
	}

	// The disk is full to the last byte: nothing can be written, everything can be read.
	filler := filepath.Join(data, "filler")
	_ = exec.Command("dd", "if=/dev/zero", "of="+filler, "bs=1M").Run()
	if text := s.mustCLI("fs", "cat", "Resources/small", "-p", "full"); text != "kept" {
		t.Errorf("the file that was there reads %q", text)
	}
	if _, err := s.cli("fs", "put", small, "Resources/other", "-p", "full"); err == nil {
		t.Error("a file was written to a full disk")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "files can be written again", func() bool {
		_, err := s.cli("fs", "put", small, "Resources/other", "-p", "full")
		return err == nil
	})
	if run, _ := s.run(p, "plain", client.NewRun{}); run.State != bine.Succeeded {
		t.Errorf("a run afterwards is %s: %s", run.State, run.Reason)
	}
}
