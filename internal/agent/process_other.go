//go:build !linux

package agent

import (
	"context"
	"errors"
	"time"

	"github.com/bine-ml/bine"
)

// process is never made here: New refuses to make an agent on such a system.
type process struct{ started chan struct{} }

var errLinux = errors.New("processes can be supervised on Linux only")

func (t *attempt) spawn() (*process, error) { return nil, errLinux }

func watchOrphan(int) (*process, error) { return nil, errLinux }

func (p *process) wait(context.Context) {}

func (p *process) close() {}

func terminate(int) {}

const marker = "BINE_ATTEMPT_ID"

func killMarked(bine.AttemptID) bool { return false }

func destroy(int) {}

func sinceBoot() time.Duration { return 0 }

func delegated() string { return "" }

func machineMemory() (int64, error) { return 0, errLinux }

func coreLimit() float64 { return 0 }
