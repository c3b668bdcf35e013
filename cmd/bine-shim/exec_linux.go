package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/internal/confine"
	"github.com/bine-ml/bine/internal/shim"
)

// errorPipe is the descriptor on which become says why it could not.
const errorPipe = 3

// become turns this process, a child of the shim in its working directory,
// into the program: limited, confined, without privileges.
func become(dir string) error {
	runtime.LockOSThread() // what is set below belongs to the thread that calls exec
	unix.CloseOnExec(errorPipe)
	err := enter(dir)
	pipe := os.NewFile(errorPipe, "error pipe")
	_, _ = pipe.WriteString(err.Error())
	return err
}

func enter(dir string) error {
	spec, err := shim.ReadSpec(dir)
	if err != nil {
		return err
	}
	if err := dieWithShim(); err != nil {
		return err
	}
	if err := limit(spec); err != nil {
		return err
	}
	path, err := lookUp(spec.Args[0], spec.Env)
	if err != nil {
		return err
	}
	if spec.Landlock > 0 {
		rules := confine.Rules{Read: spec.Read, Devices: spec.Devices, Write: []string{filepath.Join(dir, shim.WorkDir)}}
		if err := confine.Apply(spec.Landlock, rules); err != nil {
			return err
		}
	}
	if err := confine.DropPrivileges(); err != nil {
		return err
	}
	err = unix.Exec(path, spec.Args, spec.Env)
	return fmt.Errorf("start %s: %w", path, err)
}

// dieWithShim has the kernel kill this thread's process when the shim dies.
func dieWithShim() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("die with the shim: %w", err)
	}
	if unix.Getppid() == 1 {
		return errors.New("the shim died")
	}
	return nil
}

// limit sets the limits that the kernel keeps by itself. Memory is not one of
// them: a limit of the address space breaks programs that map more than they use.
func limit(spec shim.Spec) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit core dumps: %w", err)
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	files.Max = min(files.Max, mostFiles)
	files.Cur = files.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("limit open files: %w", err)
	}
	if spec.FileSize > 0 {
		size := uint64(spec.FileSize)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: size}); err != nil {
			return fmt.Errorf("limit the size of files: %w", err)
		}
	}
	// Where the host runs out of memory, the program goes before its shim.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)
	return nil
}

// mostFiles is how many files a process may have open.
const mostFiles = 1 << 16

// lookUp finds a program as a shell would, in the PATH that it is going to have.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	var dirs string
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			dirs = value
		}
	}
	for _, dir := range filepath.SplitList(dirs) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no program %q in %s: %w", name, dirs, syscall.ENOENT)
}
