package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// descendants lists every process below root, parents before children.
func descendants(root int) []int {
	queue := children(root)
	for i := 0; i < len(queue); i++ {
		queue = append(queue, children(queue[i])...)
	}
	return queue
}

// children lists the processes that the threads of pid are the parents of.
func children(pid int) []int {
	var out []int
	dir := filepath.Join("/proc", strconv.Itoa(pid), "task")
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is gone
	}
	for _, thread := range threads {
		text, err := os.ReadFile(filepath.Join(dir, thread.Name(), "children"))
		if errors.Is(err, fs.ErrNotExist) && threads[0] == thread {
			return childrenByStat(pid)
		}
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				out = append(out, child)
			}
		}
	}
	return out
}

// childrenByStat is children on kernels that were built without the file that it reads.
func childrenByStat(parent int) []int {
	var out []int
	found, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, path := range found {
		text, _ := os.ReadFile(path)
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			out = append(out, pid)
		}
	}
	return out
}

// killAll kills every process below root.
func killAll(root int) {
	for _, pid := range descendants(root) {
		_ = unix.Kill(pid, unix.SIGKILL) // it may be gone
	}
}

// resident sums up the memory that the processes have in use, counting what
// they share once for each: quick, and never too little.
func resident(pids []int) int64 {
	var pages int64
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if err != nil {
			continue
		}
		if fields := bytes.Fields(text); len(fields) > 1 {
			n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			pages += n
		}
	}
	return pages * int64(os.Getpagesize())
}

// proportional sums up the memory that the processes have in use, counting
// what they share in parts: exact, and slow for large processes.
func proportional(pids []int) int64 {
	var kilobytes int64
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				kilobytes += n
			}
		}
	}
	return kilobytes << 10
}

// oomKills counts the processes that the kernel of this machine ever killed for
// want of memory.
func oomKills() int64 { return counter("/proc/vmstat", "oom_kill") }

// counter reads the number after name in a file of names and numbers.
func counter(path, name string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}
