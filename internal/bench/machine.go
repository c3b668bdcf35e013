package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine says on what is measured, and how much else it does.
func Machine() string {
	return fmt.Sprintf("%d CPUs (%s), %s, %s, %s; load %s", runtime.NumCPU(), processor(), kernel(), runtime.GOARCH, runtime.Version(), load())
}

// load gives the mean number of tasks that wanted a CPU in the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(text))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "of an unknown kind"
}
