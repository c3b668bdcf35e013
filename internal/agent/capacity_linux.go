package agent

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machineMemory is the memory of the machine, or of the cgroup that the agent
// is in, where that is less.
func machineMemory() (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	memory := int64(info.Totalram) * int64(info.Unit)
	for _, dir := range above(ownCgroup()) {
		if limit, err := readNumber(filepath.Join(dir, "memory.max")); err == nil && limit > 0 {
			memory = min(memory, limit)
		}
	}
	for line := range cgroupLines() { // version 1
		if fields := strings.SplitN(line, ":", 3); len(fields) == 3 && fields[1] == "memory" {
			if limit, err := readNumber(filepath.Join("/sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes")); err == nil && limit > 0 {
				memory = min(memory, limit)
			}
		}
	}
	return memory, nil
}

// coreLimit is how many cores the cgroup of the agent gives; 0 is no limit.
func coreLimit() float64 {
	limit := 0.0
	for _, dir := range above(ownCgroup()) {
		text, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
		if err != nil {
			continue
		}
		quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		q, err1 := strconv.ParseFloat(quota, 64)
		p, err2 := strconv.ParseFloat(period, 64)
		if errors.Join(err1, err2) == nil && p > 0 && (limit == 0 || q/p < limit) {
			limit = q / p
		}
	}
	return limit
}

// delegated gives the cgroup v2 directory in which cgroups for processes can be
// made: the parent of the agent's own, where it was delegated to the agent with
// the memory controller (systemd: Delegate=yes, DelegateSubgroup=agent). Empty:
// there is none, and shims watch memory themselves.
func delegated() string {
	own := ownCgroup()
	if own == "" {
		return ""
	}
	parent := filepath.Dir(own)
	controllers, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
	if err != nil || !slices.Contains(strings.Fields(string(controllers)), "memory") {
		return ""
	}
	if unix.Access(parent, unix.W_OK) != nil || unix.Access(filepath.Join(parent, "cgroup.procs"), unix.W_OK) != nil {
		return ""
	}
	return parent
}

// ownCgroup is the cgroup v2 directory of the agent; empty: there is none, or
// it is the root.
func ownCgroup() string {
	for line := range cgroupLines() {
		if path, ok := strings.CutPrefix(line, "0::"); ok && path != "/" {
			for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
				dir := filepath.Join(mount, path)
				if _, err := os.Stat(filepath.Join(dir, "cgroup.controllers")); err == nil {
					return dir
				}
			}
		}
	}
	return ""
}

func cgroupLines() func(func(string) bool) {
	text, _ := os.ReadFile("/proc/self/cgroup") // absent on kernels without cgroups
	return func(yield func(string) bool) {
		for line := range bytes.Lines(text) {
			if !yield(strings.TrimSpace(string(line))) {
				return
			}
		}
	}
}

// above lists a cgroup and those that it is in.
func above(dir string) []string {
	var out []string
	for dir != "" && dir != "/" && dir != "/sys/fs/cgroup" {
		out = append(out, dir)
		dir = filepath.Dir(dir)
	}
	return out
}

func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
