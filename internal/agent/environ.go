package agent

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

// systemPath is where programs of the system are found.
const systemPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

// runnerNames are the platform's names that the engine sets for its own
// programs: what to do is theirs to read, and no pipeline can set them.
func runnerNames() []string { return []string{"BINE_SQL", "BINE_NOTEBOOK"} }

// environment gives the environment of the process: nothing of the agent's own,
// and what the step sets itself unless the name is the platform's.
func (t *attempt) environment(p plan, put placed, token string) []string {
	work := filepath.Join(t.dir, shim.WorkDir)
	process := p.Assignment.Process
	threads := strconv.Itoa(max(1, int(math.Floor(process.Resources.CPU+1e-9))))
	env := map[string]string{
		"PATH": strings.Join(append(slices.Clone(put.path), systemPath), ":"),
		"HOME": work, "TMPDIR": filepath.Join(work, "tmp"), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
		"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": t.pythonPath(put),
		"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "NUMEXPR_NUM_THREADS": threads,
	}
	for name, value := range process.Env {
		if (!strings.HasPrefix(name, "BINE_") || slices.Contains(runnerNames(), name)) && name != "" && !strings.ContainsAny(name, "=\x00") {
			env[name] = value
		}
	}
	maps.Copy(env, p.Assignment.Context)
	maps.Copy(env, map[string]string{
		"BINE_API": t.agent.o.API.URL(), "BINE_TOKEN": token, marker: string(t.id),
		"BINE_WITH": filepath.Join(work, "with.json"), "BINE_INPUTS": filepath.Join(work, "inputs.json"), "BINE_OUTPUTS": filepath.Join(work, "outputs"),
	})
	if len(process.Batch) > 0 {
		env["BINE_BATCH"] = filepath.Join(work, "batch.json")
	}
	env["BINE_CHECKPOINT"] = filepath.Join(work, "outputs", bine.CheckpointName)
	if put.resume != "" {
		env["BINE_RESUME"] = put.resume
	}
	if process.Segment != nil {
		env["BINE_TRIAL"] = filepath.Join(work, "trial.json")
	}
	if process.Resources.Memory > 0 {
		env["BINE_MEMORY"] = strconv.FormatInt(process.Resources.Memory, 10)
	}
	if len(process.Item) > 0 {
		env["BINE_ITEM_VALUE"] = filepath.Join(work, "item.json")
	}
	devices := t.agent.devices.environment(p.Assignment.Devices)
	maps.Copy(env, devices)
	if p.Serving != nil {
		maps.Copy(env, p.Serving.environment(p, put.inputs))
	}
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		_, must := devices[name] // one that is empty hides what the system would show
		if value := env[name]; (value != "" || must) && !strings.ContainsRune(value, 0) {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// pythonPath has the package bine in front, then the code, which a program that
// stands in the pipeline itself can import from.
func (t *attempt) pythonPath(put placed) string {
	var dirs []string
	for _, dir := range []string{t.agent.o.PythonPath, put.code} {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, ":")
}
