package temporal

import (
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
)

// WorkerKind says what a worker is for.
type WorkerKind string

// The kinds of worker.
const (
	// ControlWorker runs workflows and control activities.
	ControlWorker WorkerKind = "control"
	// HostWorker runs the activities of one host. There are hundreds of them,
	// and Temporal grants a limited number of long polls to all together.
	HostWorker WorkerKind = "host"
)

// workflowCacheSize is the number of workflows that a process keeps in memory
// instead of replaying them: without it a workflow of 1,000 steps takes ten
// times as long.
const workflowCacheSize = 4096

// SizeWorkflowCache fixes the size of the workflow cache that all workers of
// this process share. It has no effect once a worker has been made, and an
// embedded server makes workers of its own: Dial, Lazy and embedded.Start call
// it first.
func SizeWorkflowCache() { worker.SetStickyWorkflowCacheSize(workflowCacheSize) }

// WorkerOptions gives the options of a worker of a kind; the interceptors see
// its workflows and activities, the first one outermost.
func WorkerOptions(kind WorkerKind, interceptors ...interceptor.WorkerInterceptor) worker.Options {
	o := worker.Options{
		Interceptors:      interceptors,
		WorkerStopTimeout: 10 * time.Second,
		// A host that beats every few seconds must not wait for 80 % of the
		// timeout: what it reports is read from the heartbeats.
		MaxHeartbeatThrottleInterval: 10 * time.Second,
	}
	switch kind {
	case HostWorker:
		o.DisableWorkflowWorker = true
		o.MaxConcurrentActivityTaskPollers = 1
		o.MaxConcurrentActivityExecutionSize = 1000
	default:
		o.MaxConcurrentWorkflowTaskPollers = 4
		o.MaxConcurrentActivityTaskPollers = 8
		o.MaxEagerActivityReservationsPerWorkflowTask = new(20)
	}
	return o
}
