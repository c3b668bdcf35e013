package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/shim"
)

// plan is what is to be run, as kept on disk: without the job token.
type plan struct {
	Assignment client.Assignment `json:"assignment"`
	Serving    *serving          `json:"serving,omitempty"`
}

// placed is what setting up put in place.
type placed struct {
	python string            // interpreter; empty where there is none
	path   []string          // directories to put in front of PATH
	inputs map[string]string // name to path
	read   []string          // what the process may read
	code   string            // directory of the code
	resume string            // directory of the checkpoint to go on from
}

// defaultLog is how much output is kept where the process does not say.
const defaultLog = 10 << 20

// errReplaced says that the server does not want the attempt run any more.
var errReplaced = errors.New("the attempt is not current")

// prepare puts everything in place and writes the spec. It stops early when the
// attempt is to stop.
func (t *attempt) prepare(ctx context.Context) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	go func() {
		select {
		case <-t.stopped:
			done()
		case <-ctx.Done():
		}
	}()
	if stop, err := shim.ReadStop(t.dir); err == nil { // told to an earlier agent
		return bine.Errorf(bine.Conflict, "%s", stop.Reason)
	}
	select {
	case <-t.agent.registered:
	case <-ctx.Done():
		return ctx.Err()
	}
	var p plan
	err := t.agent.persist(ctx, "ask for an attempt", brief(func(ctx context.Context) (err error) {
		p.Assignment, err = t.agent.o.API.Assignment(ctx, t.id)
		return err
	}), whileAway)
	if bine.IsKind(err, bine.Fenced) || bine.IsKind(err, bine.NotFound) {
		return fmt.Errorf("%w: %w", errReplaced, err)
	}
	if err != nil {
		return err
	}
	err = t.agent.persist(ctx, "set up a process", func(ctx context.Context) error { return t.setUp(ctx, p) }, whileSilent)
	if bine.IsKind(err, bine.Unauthenticated) || bine.IsKind(err, bine.Fenced) { // the job token ends with its attempt, a grant with the next
		return fmt.Errorf("%w: %w", errReplaced, err)
	}
	return err
}

func (t *attempt) setUp(ctx context.Context, p plan) error {
	process := p.Assignment.Process
	token := p.Assignment.Token
	if err := t.takeDevices(ctx, p.Assignment.Devices); err != nil {
		return err
	}
	if err := t.clear(); err != nil {
		return err
	}
	put, err := t.put(ctx, p)
	if err != nil {
		return err
	}
	if process.Serve != nil {
		if p.Serving, err = t.agent.newServing(); err != nil {
			return err
		}
	}
	if err := t.describe(process, put); err != nil {
		return err
	}
	args, err := t.arguments(process, put)
	if err != nil {
		return err
	}
	p.Assignment.Token = ""
	if err := shim.Write(t.dir, planFile, p); err != nil {
		return err
	}
	a := t.agent
	spec := shim.Spec{
		Version: shim.Version, Attempt: string(t.id), Args: args, Env: t.environment(p, put, token),
		Memory: process.Resources.Memory, Timeout: process.Timeout, LogLimit: process.LogLimit,
		Alive: filepath.Join(a.o.Dir, aliveFile), GraceSeconds: a.grace(), Ledger: filepath.Join(a.o.Dir, ledgerFile),
		Cgroup: a.cgroup, Landlock: a.landlock, Read: put.read,
		Devices: append(a.devices.files(p.Assignment.Devices), fabricFiles(p, infiniband)...),
	}
	if spec.LogLimit <= 0 {
		spec.LogLimit = defaultLog
	}
	return shim.WriteSpec(t.dir, spec)
}

// takeDevices waits until nobody on this host holds what the attempt was
// granted. Whoever still does has lost it: the server would not have granted it.
func (t *attempt) takeDevices(ctx context.Context, grants []bine.DeviceGrant) error {
	if len(grants) > 0 && t.agent.tenure.at() != good {
		return bine.Errorf(bine.Unavailable, "the server has not heard of this host for too long for a process to begin on its devices")
	}
	others, err := t.agent.devices.admit(t.id, grants)
	if err != nil {
		return err
	}
	for _, id := range others {
		other := t.agent.find(id)
		if other == nil {
			continue
		}
		other.stop(shim.Stop{Cause: shim.Cancelled, Reason: "its device was granted to another attempt since", Seconds: stopSeconds})
		select {
		case <-other.gone:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// clear makes the directories of the process anew.
func (t *attempt) clear() error {
	for _, name := range []string{shim.WorkDir, inputsDir} {
		if err := os.RemoveAll(filepath.Join(t.dir, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{shim.WorkDir, filepath.Join(shim.WorkDir, "tmp"), filepath.Join(shim.WorkDir, "outputs"), inputsDir} {
		if err := os.Mkdir(filepath.Join(t.dir, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// put puts environment, code and inputs in place, side by side.
func (t *attempt) put(ctx context.Context, p plan) (placed, error) {
	process := p.Assignment.Process
	out := placed{read: []string{filepath.Join(t.dir, inputsDir)}}
	if t.agent.o.PythonPath != "" {
		out.read = append(out.read, t.agent.o.PythonPath)
	}
	from, err := t.agent.artifacts(process.Owner.Project, p.Assignment.Token)
	if err != nil {
		return placed{}, err
	}
	var environment, inputs placed
	var code, resume string
	err = together(ctx,
		func(ctx context.Context) (err error) { environment, err = t.putEnvironment(ctx, p); return err },
		func(ctx context.Context) (err error) { inputs, err = t.putInputs(ctx, process, from); return err },
		func(ctx context.Context) (err error) {
			if process.Resume != nil {
				resume, err = t.agent.cache.Dir(ctx, from, process.Resume.Hash)
			}
			return err
		},
		func(ctx context.Context) (err error) {
			if process.Code != "" {
				code, err = t.agent.cache.Dir(ctx, from, process.Code)
			}
			return err
		})
	if err != nil {
		return placed{}, err
	}
	out.python, out.path, out.inputs = environment.python, environment.path, inputs.inputs
	out.read = slices.Concat(out.read, environment.read, inputs.read)
	if resume != "" {
		out.resume, out.read = resume, append(out.read, resume)
	}
	if code != "" {
		out.code, out.read = code, append(out.read, code)
		return out, os.Symlink(code, filepath.Join(t.dir, shim.WorkDir, "code"))
	}
	return out, nil
}

// putEnvironment finds or installs the interpreter of the process.
func (t *attempt) putEnvironment(ctx context.Context, p plan) (placed, error) {
	process := p.Assignment.Process
	if process.Environment > 0 {
		return t.agent.installed(ctx, process.Owner.Project, process.Environment, p.Assignment.Lock, p.Assignment.Python)
	}
	python := t.agent.o.SystemPython
	if python == "" {
		if process.Python != "" {
			return placed{}, bine.Errorf(bine.Invalid, "the step names no environment, and host %s has no python3 of its own in /usr/bin or /usr/local/bin: give the step an environment, or install Python", t.agent.o.Host)
		}
		return placed{}, nil
	}
	return placed{python: python, read: systemPythonPaths(python)}, nil
}

// describe writes the files that tell the process what it is to do.
func (t *attempt) describe(process bine.Process, put placed) error {
	with := process.With
	if len(with) == 0 {
		with = json.RawMessage("{}")
	}
	files := map[string]any{"with.json": with, "inputs.json": put.inputs}
	if len(process.Batch) > 0 {
		files["batch.json"] = process.Batch
	}
	if len(process.Item) > 0 {
		files["item.json"] = process.Item
	}
	if process.Segment != nil {
		files["trial.json"] = process.Segment
	}
	for name, v := range files {
		text, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(t.dir, shim.WorkDir, name), text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// inlineFile holds a program that stands in the pipeline itself.
const inlineFile = "step.py"

// arguments gives the command line.
func (t *attempt) arguments(process bine.Process, put placed) ([]string, error) {
	switch {
	case strings.Contains(process.Python, "\n"):
		return []string{put.python, inlineFile}, os.WriteFile(filepath.Join(t.dir, shim.WorkDir, inlineFile), []byte(process.Python), 0o600)
	case process.Python != "":
		if put.code == "" || !filepath.IsLocal(process.Python) {
			return nil, bine.Errorf(bine.Invalid, "%q is not a file in the code of the pipeline", process.Python)
		}
		if _, err := os.Stat(filepath.Join(put.code, process.Python)); err != nil {
			return nil, bine.Errorf(bine.Invalid, "the code of the pipeline holds no file %q", process.Python)
		}
		return []string{put.python, "code/" + filepath.ToSlash(filepath.Clean(process.Python))}, nil
	case len(process.Command) > 0:
		return process.Command, nil
	default:
		return nil, bine.Errorf(bine.Invalid, "the process has neither a Python file nor a command")
	}
}

// together calls all functions at once and gives the first error, which ends
// the others.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	results := make(chan error, len(all))
	for _, do := range all {
		go func() { results <- do(ctx) }()
	}
	var first error
	for range all {
		if err := <-results; err != nil && first == nil {
			first = err
			stop()
		}
	}
	return first
}
