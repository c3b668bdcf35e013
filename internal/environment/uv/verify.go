package uv

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/environment"
)

//go:embed verify.py
var verifyProgram string

// imported is a line of what verify.py reports: Done is false before the import.
type imported struct {
	Package string
	Module  string
	Error   string
	Done    bool
}

// verify imports what is installed in one child process. What was asked for
// must import; of what came with it, a failure is only told.
func (b *Builder) verify(ctx context.Context, dir string, requires []string, log io.Writer) error {
	home, err := os.MkdirTemp("", "bine-verify-")
	if err != nil {
		return onDisk(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	limited, stop := context.WithTimeout(ctx, b.config.Verify)
	defer stop()
	cmd := exec.CommandContext(limited, b.PythonPath(dir), "-I", "-B", "-W", "ignore", "-c", verifyProgram)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "OMP_NUM_THREADS=1"}
	var out bytes.Buffer
	_, failed := b.run(cmd, log, &out)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reports, last := parseReports(out.Bytes())
	if failed != nil && limited.Err() != nil {
		return bine.Errorf(bine.Invalid, "importing %s took longer than %s", last, b.config.Verify)
	}
	if failed != nil {
		return bine.Errorf(bine.Invalid, "importing %s ended the interpreter: %v", last, failed)
	}
	return judge(reports, requires, log)
}

// parseReports gives the imports that ended, and the module that was begun last.
func parseReports(out []byte) (reports []imported, last string) {
	for line := range bytes.Lines(out) {
		var r imported
		if json.Unmarshal(line, &r) != nil {
			continue
		}
		last = r.Module
		if r.Done {
			reports = append(reports, r)
		}
	}
	if last == "" {
		last = "packages"
	}
	return reports, last
}

// judge decides over what did not import.
func judge(reports []imported, requires []string, log io.Writer) error {
	asked := make([]string, 0, len(requires))
	for _, r := range requires {
		if name, err := environment.NameOf(r); err == nil {
			asked = append(asked, name)
		}
	}
	var faults []bine.Detail
	for _, r := range reports {
		if r.Error == "" {
			continue
		}
		message := fmt.Sprintf("%s is installed, but import %s fails: %s", r.Package, r.Module, r.Error)
		if slices.Contains(asked, environment.Name(r.Package)) {
			faults = append(faults, bine.Detail{Message: message, Location: r.Package})
		} else {
			fmt.Fprintln(log, "warning:", message)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	messages := make([]string, len(faults))
	for i, f := range faults {
		messages[i] = f.Message
	}
	return &bine.Error{Kind: bine.Invalid, Details: faults, Message: strings.Join(messages, "; ") + remedy(messages)}
}

// remedy says what helps with failures that are seen often.
func remedy(messages []string) string {
	text := strings.Join(messages, " ")
	switch {
	case strings.Contains(text, "cannot open shared object file"):
		return " (a library of the system is missing on this host: install the package of the system that has it)"
	case strings.Contains(text, "pkg_resources"):
		return " (it needs pkg_resources, which newer setuptools lack: require setuptools<81 beside it)"
	}
	return ""
}
