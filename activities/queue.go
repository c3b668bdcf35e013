package activities

import "github.com/bine-ml/bine"

// ControlQueue is the task queue of the workers that run workflows and control activities.
const ControlQueue = "control"

// HostQueue is the task queue of the agent on a host.
func HostQueue(host bine.HostName) string { return "host-" + string(host) }
