package mount_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/mount"
)

// leased waits until the file has a lease, or has none.
func (w *world) leased(path string, want bool) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		l, err := w.files.LeaseOf(w.t.Context(), dfs.Platform(), dfs.ProjectPath("demo", "Resources", path))
		w.ok(err)
		if (l.Epoch != 0) == want {
			return
		}
	}
	w.t.Fatalf("that %s has a lease does not become %t", path, want)
}

func TestAFileThatStaysOpenHasOneWriter(t *testing.T) {
	w := newWorld(t)
	here, there := w.mounted("olga")+"/f", w.mounted("olga")+"/f"
	write(t, here, "begin ")
	f, err := os.OpenFile(here, os.O_RDWR, 0)
	w.ok(err)
	_, err = f.WriteAt([]byte("Begin "), 0)
	w.ok(err)
	w.ok(f.Sync())
	w.leased("f", true)
	if _, err := os.OpenFile(there, os.O_WRONLY, 0); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("a second writer: %v, want EBUSY", err)
	}
	if err := os.Truncate(there, 1); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("truncate elsewhere: %v, want EBUSY", err)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "Begin " {
		t.Errorf("elsewhere it reads %q (%v)", text, err)
	}
	_, err = f.WriteAt([]byte("B"), 0)
	w.ok(err)
	_, err = f.WriteAt([]byte("and end"), 6)
	w.ok(err)
	w.ok(f.Sync())
	w.ok(os.Rename(here, here+"2"))
	_, err = f.WriteAt([]byte("."), 13)
	w.ok(err)
	w.ok(f.Close())
	w.leased("f2", false) // at once: the next one may
	write(t, there+"2", "theirs")
	if got := w.file("f2"); got != "theirs" {
		t.Errorf("the file holds %q", got)
	}
}

// Who has a file open while its lease is recovered is told, and changes nothing.
func TestWhoLostTheLeaseIsTold(t *testing.T) {
	w := newWorld(t)
	path := w.mounted("olga") + "/f"
	write(t, path, "begin")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	w.ok(err)
	defer f.Close()
	w.leased("f", true)
	full := dfs.ProjectPath("demo", "Resources", "f")
	_, err = w.files.RecoverLease(t.Context(), dfs.Platform(), full)
	w.ok(err)
	_, err = w.files.Append(t.Context(), dfs.Platform(), full, 5, []byte(" theirs"))
	w.ok(err)
	_, err = f.WriteAt([]byte(" mine"), 5)
	w.ok(err)
	if err := f.Sync(); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("what was written after that: %v, want ESTALE", err)
	}
	if got := w.file("f"); got != "begin theirs" {
		t.Errorf("the file holds %q", got)
	}
}

// The kernel does not tell of the last close of a file when the connection with it
// is cut: what the mount holds is given back all the same.
func TestACutConnectionKeepsNoLease(t *testing.T) {
	w := newWorld(t)
	point := t.TempDir()
	m, err := mount.New(t.Context(), mount.Options{Client: w.as("olga"), Project: "demo", Path: "Resources", Point: point,
		Timeout: time.Second, SpoolDir: t.TempDir(), SpoolLimit: 1 << 20, Log: t.Output()})
	w.ok(err)
	f, err := os.Create(point + "/f")
	w.ok(err)
	defer f.Close()
	w.leased("f", true)
	// With MNT_FORCE the kernel cuts first and finds the file open then.
	if err := syscall.Unmount(point, syscall.MNT_FORCE); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("forced: %v, want EBUSY", err)
	}
	w.ok(syscall.Unmount(point, syscall.MNT_DETACH))
	ended := make(chan struct{})
	go func() { m.Wait(); close(ended) }()
	select {
	case <-ended:
		w.leased("f", false)
	case <-time.After(20 * time.Second):
		t.Fatal("the mount waits for closes that nobody tells of")
	}
}

// The lease comes while who gets it is writing all the time.
func TestALeaseThatComesInTheMiddleOfAWriteStands(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	var files []*os.File
	for _, name := range []string{"a", "b", "c", "d"} {
		write(t, at+"/"+name, "begin")
		f, err := os.OpenFile(at+"/"+name, os.O_RDWR, 0)
		w.ok(err)
		defer f.Close()
		files = append(files, f)
	}
	for began := time.Now(); time.Since(began) < 1500*time.Millisecond; {
		for _, f := range files {
			_, err := f.WriteAt([]byte("B"), 0)
			w.ok(err)
			if err := f.Sync(); err != nil {
				t.Fatalf("written after %s: %v", time.Since(began), err)
			}
		}
	}
	w.leased("a", true)
}

// Those who only append do so together, however long the file is open.
func TestWhoAppendsTakesNoLease(t *testing.T) {
	w := newWorld(t)
	path := w.mounted("olga") + "/log"
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	w.ok(err)
	defer f.Close()
	_, err = f.WriteString("one\n")
	w.ok(err)
	w.ok(f.Sync())
	time.Sleep(1500 * time.Millisecond)
	w.leased("log", false)
}
