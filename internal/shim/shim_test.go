package shim_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bine-ml/bine/internal/shim"
)

func TestASpecIsReadAsItWasWrittenAndByNobodyElse(t *testing.T) {
	dir := t.TempDir()
	want := shim.Spec{Version: shim.Version, Attempt: "a", Args: []string{"true"}, Env: []string{"BINE_TOKEN=x"}, LogLimit: 1, Read: []string{"/x"}}
	if err := shim.WriteSpec(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := shim.ReadSpec(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ReadSpec = %+v, %v, want %+v", got, err, want)
	}
	info, err := os.Stat(filepath.Join(dir, shim.SpecFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v, want 0600: the spec holds a token", info.Mode(), err)
	}
	want.Version = shim.Version + 1
	if err := shim.WriteSpec(dir, want); err != nil {
		t.Fatal(err)
	}
	if _, err := shim.ReadSpec(dir); err == nil {
		t.Error("a spec of a later version was accepted")
	}
}

func TestAnAttemptBeginsOnce(t *testing.T) {
	dir := t.TempDir()
	if shim.HasStarted(dir) {
		t.Error("an empty directory counts as started")
	}
	first, second := shim.Begin(dir, shim.Started{}), shim.Begin(dir, shim.Started{})
	if first != nil || !errors.Is(second, shim.ErrStarted) || !shim.HasStarted(dir) {
		t.Errorf("Begin = %v, then %v, want success and ErrStarted", first, second)
	}
}

func TestOneShimLivesInADirectory(t *testing.T) {
	dir := t.TempDir()
	if pid, err := shim.Living(dir); pid != 0 || err != nil {
		t.Errorf("Living before = %d, %v", pid, err)
	}
	lock, err := shim.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := shim.Living(dir); pid != -1 || err != nil {
		t.Errorf("Living of an unsigned lock = %d, %v, want -1", pid, err)
	}
	if err := shim.Sign(lock); err != nil {
		t.Fatal(err)
	}
	if pid, err := shim.Living(dir); pid != os.Getpid() || err != nil {
		t.Errorf("Living = %d, %v, want %d", pid, err, os.Getpid())
	}
	if _, err := shim.Lock(dir); !errors.Is(err, shim.ErrLocked) {
		t.Errorf("second Lock = %v, want ErrLocked", err)
	}
	if inherited := shim.Inherited(dir, lock.Fd()); inherited == nil {
		t.Error("the lock was not recognised")
	}
	if inherited := shim.Inherited(dir, 0); inherited != nil {
		t.Error("standard input was taken for the lock")
	}
	_ = lock.Close()
	if pid, err := shim.Living(dir); pid != 0 || err != nil {
		t.Errorf("Living after = %d, %v", pid, err)
	}
}

func TestHalfAnEndIsNone(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut": `{"version":1,`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, shim.EndedFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := shim.ReadEnded(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: ReadEnded = %v, want fs.ErrNotExist", name, err)
		}
	}
}
