// Package agent is what runs on a compute host: it makes the host known, puts
// environments, code and inputs in place, has a shim start and supervise each
// process, and tells the server and Temporal how it went.
//
// An agent has no database. It talks to the REST API, with a key of the scope
// agent, and completes the activities of its host's queue by their tokens. All
// that it must not forget lies in its directory, one directory for each
// attempt, written so that an agent killed at any moment goes on where it was.
// It promises one process start for each attempt, and that what a process gave
// is reported before its attempt counts as ended. While the server or Temporal
// does not answer, processes go on and results wait on disk; but those that have
// accelerators end before the server may grant these to others.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/internal/confine"
)

// completer is the part of a Temporal client that the agent uses.
type completer interface {
	CompleteActivity(ctx context.Context, task []byte, result any, err error) error
	RecordActivityHeartbeat(ctx context.Context, task []byte, details ...any) error
}

// environments puts Python environments in place, each in a directory that the
// agent chooses.
type environments interface {
	// Lock resolves requirements to exact versions.
	Lock(ctx context.Context, python string, requires []string, log io.Writer) (activities.LockEnvironmentResult, error)
	// Install puts a lock in place at dir, complete or not at all.
	Install(ctx context.Context, lock, python, dir string, log io.Writer) error
	// Installed reports whether dir is complete.
	Installed(dir string) bool
	// Remove takes dir away; one that is not there is no error.
	Remove(dir string) error
	// PythonPath is the interpreter of the environment at dir.
	PythonPath(dir string) string
	// ReadPaths lists what a process must be able to read to use it.
	ReadPaths(dir string) []string
}

// Options say what an agent works with.
type Options struct {
	Dir     string        // its own; nobody else may use it
	Host    bine.HostName // the name of this machine
	Address string        // where its model servers can be reached; 127.0.0.1 where empty
	Labels  []string
	Version string // of the program

	API          *client.Client // with a key of the scope agent
	HTTP         *http.Client   // for artifacts, with the tokens of jobs; nil: the default
	Temporal     completer
	Environments environments // nil: steps that name an environment fail in their setup
	Shim         string       // path of the program bine-shim, see Extract
	PythonPath   string       // directory that holds the Python package bine
	SystemPython string       // interpreter of steps without an environment; where empty, the system's python3

	Sources   []gpu.Source   // of accelerators; the agent closes them
	NoReset   bool           // leaves accelerators as they are that fail their test
	Capacity  bine.Resources // what may be given to processes; fields that are zero are found out
	CacheSize int64          // bytes of code and inputs that are kept; 0 is 10 GiB
	Heartbeat time.Duration  // between the heartbeats of an activity; 0 is 10 s
	Logger    *slog.Logger
}

// Agent supervises the processes of one host. It is an activities.Supervisor.
type Agent struct {
	o        Options
	log      *slog.Logger
	lock     *os.File
	cache    *cache
	landlock int    // ABI; 0 is none
	confined string // the same for people
	cgroup   string
	python   string // version of the system's Python
	devices  *devices
	tenure   *tenure

	ctx    context.Context // ends when the agent does; processes go on
	cancel context.CancelFunc
	work   sync.WaitGroup

	adopted    chan struct{} // closed when what an earlier agent left is taken over
	registered chan struct{} // closed when the server knows the host

	mu       sync.Mutex
	welcome  client.Welcome
	attempts map[bine.AttemptID]*attempt
	closing  bool
}

var _ activities.Supervisor = (*Agent)(nil)

// New makes an agent, which does nothing before Run. The directory must not be
// in use by another one.
func New(o Options) (*Agent, error) {
	if runtime.GOOS != "linux" {
		return nil, bine.Errorf(bine.Invalid, "an agent needs Linux: it supervises and confines processes by means that %s does not have", runtime.GOOS)
	}
	if err := check(&o); err != nil {
		return nil, err
	}
	for _, name := range []string{attemptsDir, doneDir, cacheDir, environmentsDir} {
		if err := os.MkdirAll(filepath.Join(o.Dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make the agent's directory: %w", err)
		}
	}
	lock, err := own(o.Dir)
	if err != nil {
		return nil, err
	}
	a := &Agent{o: o, log: o.Logger, lock: lock, cgroup: delegated(),
		adopted: make(chan struct{}), registered: make(chan struct{}), attempts: map[bine.AttemptID]*attempt{}}
	a.cache = newCache(filepath.Join(o.Dir, cacheDir), o.CacheSize)
	if a.devices, err = newDevices(o.Dir, o.Sources, o.Logger); err != nil {
		_ = lock.Close()
		return nil, err
	}
	a.devices.resets = !o.NoReset
	a.tenure = newTenure(o.Dir, bootID(), sinceBoot)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.python = pythonVersion(o.SystemPython)
	var reason error
	a.landlock, reason = confine.ABI()
	a.confined = confine.Describe(a.landlock, reason)
	if a.landlock == 0 {
		a.log.Warn("PROCESSES ON THIS HOST ARE NOT CONFINED: they can read and change whatever the agent's user can", "reason", reason)
	}
	if o.SystemPython == "" {
		a.log.Warn("this host has no python3 of its own: Python steps that name no environment will fail")
	} else {
		a.log.Info("Python steps that name no environment run on the system's Python", "python", o.SystemPython, "version", a.python)
	}
	return a, nil
}

// What an agent keeps in its directory.
const (
	attemptsDir     = "attempts"
	doneDir         = "done" // how attempts ended whose directory is gone, for two days
	cacheDir        = "cache"
	environmentsDir = "environments"
	aliveFile       = "alive"
	ledgerFile      = "ledger"
	lockFile        = "agent.lock"
)

func check(o *Options) error {
	if o.API == nil || o.Temporal == nil || o.Dir == "" || o.Shim == "" {
		return bine.Errorf(bine.Invalid, "an agent needs a directory, an API, Temporal and the program bine-shim")
	}
	if err := o.Host.Check(); err != nil {
		return err
	}
	for _, path := range []string{o.Shim, o.PythonPath} {
		if _, err := os.Stat(path); path != "" && err != nil {
			return bine.Errorf(bine.Invalid, "an agent needs what should be at %s: %w", path, err)
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	if o.Dir, err = realPath(dir); err != nil {
		return err
	}
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	if o.CacheSize == 0 {
		o.CacheSize = 10 << 30
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = beatEvery
	}
	if o.SystemPython == "" {
		o.SystemPython = systemPython()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Capacity, err = capacity(o.Capacity)
	return err
}

// realPath makes dir and resolves the links in it: Landlock goes by real paths.
func realPath(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the agent's directory: %w", err)
	}
	return filepath.EvalSymlinks(dir)
}

// own takes the directory for this agent alone.
func own(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, bine.Errorf(bine.Conflict, "another agent uses %s: stop it, or give this one a directory of its own", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// Run takes over what an earlier agent left and works until ctx ends or Close
// is called. Processes then go on, to be taken over by the next agent, unless
// Close ended them.
func (a *Agent) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = a.Close(context.WithoutCancel(ctx), KeepProcesses) })
	defer stop()
	if err := errors.Join(a.touch(), a.adopt()); err != nil {
		_ = a.Close(ctx, KeepProcesses)
		return err
	}
	a.work.Go(a.keepAlive)
	close(a.adopted)
	a.work.Go(a.report)
	a.work.Go(a.tidy)
	a.devices.run(a.ctx, a.work.Go)
	a.work.Go(a.keepTenure)
	a.work.Wait()
	return nil
}

// CloseMode says what becomes of the processes when an agent closes.
type CloseMode int

const (
	// KeepProcesses lets processes go on; the next agent attaches to them.
	KeepProcesses CloseMode = iota
	// EndProcesses ends them as interrupted; they are tried again later.
	EndProcesses
)

const (
	// interruptSeconds is what a process has to end after Ctrl-C.
	interruptSeconds = 4
	// reportWithin is how long a closing agent tries to report; the next one
	// reports what is left.
	reportWithin = 3 * time.Second
)

// Close ends the agent's work. Under EndProcesses it returns when every
// process is gone, at the latest after about five seconds, and its end
// reported, where the server still answers.
func (a *Agent) Close(ctx context.Context, mode CloseMode) error {
	a.mu.Lock()
	if a.closing {
		a.mu.Unlock()
		a.work.Wait() // another call closes it
		return nil
	}
	a.closing = true
	var open []*attempt
	for _, t := range a.attempts {
		open = append(open, t)
	}
	a.mu.Unlock()
	if mode == EndProcesses {
		a.interrupt(ctx, open)
	}
	a.cancel()
	a.work.Wait()
	a.devices.close()
	return a.lock.Close()
}

// interrupt ends all processes side by side and waits for the reports.
func (a *Agent) interrupt(ctx context.Context, open []*attempt) {
	ctx, cancel := context.WithTimeout(ctx, interruptSeconds*time.Second+reportWithin)
	defer cancel()
	for _, t := range open {
		t.stop(interrupted())
	}
	for _, t := range open {
		select {
		case <-t.gone:
		case <-ctx.Done():
		}
	}
	ctx, done := context.WithTimeout(ctx, reportWithin)
	defer done()
	for _, t := range open {
		select {
		case <-t.reported:
		case <-ctx.Done():
		}
	}
}

func (a *Agent) grace() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.welcome.GraceSeconds
}
