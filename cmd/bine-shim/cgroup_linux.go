package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/internal/shim"
)

// group is the cgroup of one process and its descendants. A nil group is none:
// then the watch of memory and the walk of the process tree do its work.
type group struct {
	path string
	dir  *os.File // what clone3 takes
}

// mostProcesses is how many processes and threads a group may have.
const mostProcesses = "16384"

// newGroup makes the cgroup that spec asks for, with its limit of memory.
func newGroup(spec shim.Spec) (*group, error) {
	if spec.Cgroup == "" {
		return nil, nil
	}
	g := &group{path: filepath.Join(spec.Cgroup, "bine-"+spec.Attempt)}
	if err := os.Mkdir(g.path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	if spec.Memory > 0 {
		if err := g.set("memory.max", strconv.FormatInt(spec.Memory, 10)); err != nil {
			g.remove()
			return nil, err
		}
		_ = g.set("memory.oom.group", "1") // not in every kernel
		_ = g.set("memory.swap.max", "0")  // only where swap is accounted
	}
	_ = g.set("pids.max", mostProcesses) // only where the controller was delegated too
	dir, err := os.Open(g.path)
	if err != nil {
		g.remove()
		return nil, err
	}
	g.dir = dir
	return g, nil
}

func (g *group) set(name, value string) error {
	if err := os.WriteFile(filepath.Join(g.path, name), []byte(value), 0); err != nil {
		return fmt.Errorf("set %s of the process: %w", name, err)
	}
	return nil
}

// attributes put a new process into the group.
func (g *group) attributes(a *syscall.SysProcAttr) {
	if g != nil {
		a.UseCgroupFD, a.CgroupFD = true, int(g.dir.Fd())
	}
}

// kill kills everything in the group.
func (g *group) kill() {
	if g != nil {
		_ = g.set("cgroup.kill", "1") // from 5.14 on; killAll does it before
	}
}

// outOfMemory reports whether the kernel killed for the group's limit.
func (g *group) outOfMemory() bool {
	return g != nil && counter(filepath.Join(g.path, "memory.events"), "oom_kill") > 0
}

// remove removes the group, which empties a moment after its last process ended.
func (g *group) remove() {
	if g == nil {
		return
	}
	if g.dir != nil {
		_ = g.dir.Close()
	}
	for range 20 {
		if err := unix.Rmdir(g.path); err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
