package confine_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/confine"
)

// The test program confines itself where this variable names a directory: that
// cannot be undone, so it is a process of its own.
const envWork = "TEST_CONFINE_WORK"

func TestMain(m *testing.M) {
	if work := os.Getenv(envWork); work != "" {
		fmt.Print(inside(work))
		return
	}
	os.Exit(m.Run())
}

// inside confines this process to work and says what it can still do.
func inside(work string) string {
	runtime.LockOSThread()
	abi, err := confine.ABI()
	if err == nil {
		err = confine.Apply(abi, confine.Rules{Read: []string{filepath.Join(work, "read")}, Write: []string{filepath.Join(work, "write")}})
	}
	if err == nil {
		err = confine.DropPrivileges()
	}
	if err != nil {
		return err.Error()
	}
	_, readable := os.ReadFile(filepath.Join(work, "read", "file"))
	created := os.WriteFile(filepath.Join(work, "write", "file"), []byte("x"), 0o600)
	_, system := os.ReadDir("/usr")
	works := errors.Join(readable, created, system) == nil
	overwritten := os.WriteFile(filepath.Join(work, "read", "file"), nil, 0o600)
	_, outside := os.ReadDir(work)
	signalled := fmt.Sprint(readProcess(os.Getppid()))
	refused := overwritten != nil && outside != nil && strings.Contains(signalled, "denied")
	return fmt.Sprintf("works: %t, refused: %t", works, refused)
}

func readProcess(pid int) error {
	_, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err
}

func TestAConfinedProcessHasWhatItWasGivenAndNoMore(t *testing.T) {
	if _, err := confine.ABI(); err != nil {
		t.Skipf("this kernel does not confine: %v", err)
	}
	work := t.TempDir()
	for _, name := range []string{"read", "write"} {
		if err := os.Mkdir(filepath.Join(work, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(work, "read", "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envWork+"="+work)
	text, err := cmd.CombinedOutput()
	if err != nil || string(text) != "works: true, refused: true" {
		t.Errorf("a confined process says %q, %v", text, err)
	}
}

func TestAnABIThatIsNotThereIsAnError(t *testing.T) {
	for _, abi := range []int{0, 1000} {
		if err := confine.Apply(abi, confine.Rules{}); err == nil {
			t.Errorf("Apply(%d) left the process unconfined without a word", abi)
		}
	}
}

func TestDescribe(t *testing.T) {
	if got := confine.Describe(7, nil); got != "landlock-7" {
		t.Errorf("Describe(7) = %q", got)
	}
	if got := confine.Describe(0, errors.New("an old kernel")); got != "none: an old kernel" {
		t.Errorf("Describe(0) = %q", got)
	}
}
