// Package shim is what an agent and the shims that it starts agree on: the
// directory of an attempt and the files in it. Nothing else passes between the
// two, so that either may die and the other go on.
//
// The promises, by file:
//
//   - spec.json is there, whole, before a shim is started.
//   - shim.lock is locked by a living shim and by nobody else; its text is the
//     shim's process id.
//   - started is made by the shim before it starts the process, never twice and
//     never removed: who finds it starts nothing. One process start for each
//     attempt follows from it.
//   - ended.json appears, whole, after the last descendant of the process is
//     gone.
//
// Standard library only: the shim is small because of it.
package shim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Version is that of the files. A shim refuses a spec of another one; an agent
// reads the files of every version that it knows, since shims outlive it.
const Version = 1

// The files of an attempt's directory.
const (
	SpecFile    = "spec.json"
	LockFile    = "shim.lock"
	StartedFile = "started"
	StopFile    = "stop"
	EndedFile   = "ended.json"
	LogFile     = "log"
	ErrorFile   = "shim.err" // what a shim that broke wrote before it did
	WorkDir     = "work"     // working directory of the process
)

// Spec is everything a shim needs.
type Spec struct {
	Version int      `json:"version"`
	Attempt string   `json:"attempt"`
	Args    []string `json:"args"` // the command line; the first is a path, or a name to look up in PATH
	Env     []string `json:"env"`
	// Memory is the limit of the process and its descendants together, in
	// bytes; 0 is none.
	Memory int64 `json:"memory,omitempty"`
	// Timeout is that of the attempt, in seconds; 0 is none.
	Timeout float64 `json:"timeout,omitempty"`
	// LogLimit is how many bytes of output are kept.
	LogLimit int64 `json:"log_limit"`
	// FileSize limits every file that the process writes, in bytes; 0 is none.
	FileSize int64 `json:"file_size,omitempty"`
	// Alive is a file that the agent touches every second. Where it has not
	// been for GraceSeconds less a margin, the shim ends the process.
	Alive        string  `json:"alive"`
	GraceSeconds float64 `json:"grace_seconds"`
	// Ledger is a file to which the shim adds one line for each process that
	// it starts.
	Ledger string `json:"ledger"`
	// Cgroup is a cgroup v2 directory in which the shim may make one for the
	// process; empty where there is none.
	Cgroup string `json:"cgroup,omitempty"`
	// Landlock is the ABI by which the process is confined; 0: it is not.
	Landlock int      `json:"landlock"`
	Read     []string `json:"read,omitempty"`    // paths it may read and execute, besides the system's
	Devices  []string `json:"devices,omitempty"` // device files that it may use, as far as they are there
}

// Started is the text of the started file: which shim started the process.
type Started struct {
	Version int       `json:"version"`
	Shim    int       `json:"shim"` // process id of the shim
	Boot    string    `json:"boot"` // boot id of the machine
	At      time.Time `json:"at"`
}

// Stop asks a shim to end its process; a SIGTERM to the shim tells it to look.
type Stop struct {
	Cause   Cause   `json:"cause"`
	Reason  string  `json:"reason"`
	Seconds float64 `json:"seconds"` // between the SIGTERM and the SIGKILL
}

// Cause says why a process ended.
type Cause string

// The causes. An agent writes Setup and Lost, a shim all others.
const (
	Exited      Cause = "exited"      // by itself; the exit code or signal says more
	OutOfMemory Cause = "memory"      // it was over its limit
	TimedOut    Cause = "timeout"     // it took longer than it may
	Abandoned   Cause = "abandoned"   // the agent gave no sign of life for the grace period
	Cancelled   Cause = "cancelled"   // it was asked to
	Interrupted Cause = "interrupted" // the host's operator stopped the agent
	Preempted   Cause = "preempted"   // it had to make room for others
	Unready     Cause = "unready"     // a model server did not become ready in time
	NotStarted  Cause = "not_started" // the program could not be executed
	Setup       Cause = "setup"       // environment, code or inputs could not be put in place
	Lost        Cause = "lost"        // the shim vanished
)

// Ended is how the process of an attempt ended.
type Ended struct {
	Version    int        `json:"version"`
	Cause      Cause      `json:"cause"`
	Reason     string     `json:"reason,omitempty"` // a sentence
	ExitCode   *int       `json:"exit_code,omitempty"`
	Signal     string     `json:"signal,omitempty"`
	CPUSeconds float64    `json:"cpu_seconds"`
	PeakMemory int64      `json:"peak_memory"` // bytes, of the largest process
	Dropped    int64      `json:"dropped,omitempty"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	EndedAt    time.Time  `json:"ended_at"`
}

// ReadSpec reads the spec in dir.
func ReadSpec(dir string) (Spec, error) {
	spec, err := read[Spec](dir, SpecFile)
	if err == nil && spec.Version != Version {
		err = fmt.Errorf("%s has version %d, and this shim knows %d", SpecFile, spec.Version, Version)
	}
	return spec, err
}

// WriteSpec writes the spec into dir, readable by its owner only.
func WriteSpec(dir string, spec Spec) error { return Write(dir, SpecFile, spec) }

// ReadEnded reads how the process of dir ended; fs.ErrNotExist where it has
// not, or where a power cut left half a file.
func ReadEnded(dir string) (Ended, error) {
	ended, err := read[Ended](dir, EndedFile)
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return Ended{}, fs.ErrNotExist
	}
	return ended, err
}

// ReadStop reads what a shim is asked to do; fs.ErrNotExist where it is not.
func ReadStop(dir string) (Stop, error) { return read[Stop](dir, StopFile) }

// HasStarted reports whether a process of dir was ever about to start.
func HasStarted(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, StartedFile))
	return err == nil
}

// ErrStarted says that the process of an attempt was started before.
var ErrStarted = errors.New("the process of this attempt was started before; an attempt starts one process")

// Begin makes the started file of dir, on disk before it returns. Whoever gets
// ErrStarted starts nothing.
func Begin(dir string, started Started) error {
	f, err := os.OpenFile(filepath.Join(dir, StartedFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return ErrStarted
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := json.Marshal(started)
	if err == nil {
		_, err = f.Write(append(text, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", StartedFile, err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func read[T any](dir, name string) (T, error) {
	var out T
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return out, err
	}
	if len(text) == 0 {
		return out, fs.ErrNotExist
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("read %s: %w", name, err)
	}
	return out, nil
}

// Write makes the file name in dir with v as JSON: a reader sees all of it or
// none.
func Write(dir, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return WriteBytes(dir, name, text)
}

// WriteBytes makes the file name in dir with the text, whole or not at all.
func WriteBytes(dir, name string, text []byte) error {
	partial, err := os.CreateTemp(dir, ".partial-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = partial.Write(text)
	if closed := partial.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(partial.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(partial.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
