package agent

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// capacity fills in what the configuration leaves open: all cores, and the
// memory less an eighth (at most 2 GiB) that stays with the system.
func capacity(given bine.Resources) (bine.Resources, error) {
	if given.CPU == 0 {
		given.CPU = float64(runtime.NumCPU())
		if limit := coreLimit(); limit > 0 {
			given.CPU = min(given.CPU, limit)
		}
	}
	if given.Memory == 0 {
		all, err := machineMemory()
		if err != nil {
			return given, err
		}
		given.Memory = all - min(all/8, 2<<30)
	}
	return given, nil
}

// systemPython finds the system's own interpreter. What stands elsewhere in the
// PATH of the agent's user is often a script that needs that user's home.
func systemPython() string {
	for _, path := range []string{"/usr/bin/python3", "/usr/local/bin/python3"} {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// systemPythonPaths lists what a process must read to use an interpreter that
// lies outside of the system's directories.
func systemPythonPaths(python string) []string {
	real, err := filepath.EvalSymlinks(python)
	if err != nil {
		return nil
	}
	var out []string
	for _, path := range []string{python, real} {
		if !strings.HasPrefix(path, "/usr/") && !strings.HasPrefix(path, "/bin/") {
			out = append(out, filepath.Dir(filepath.Dir(path)))
		}
	}
	return out
}

// pythonVersion asks an interpreter for its version.
func pythonVersion(python string) string {
	if python == "" {
		return ""
	}
	ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	text, err := exec.CommandContext(ctx, python, "-V").Output()
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(string(text)), "Python ")
}
