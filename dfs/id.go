package dfs

import (
	"math/rand/v2"
	"sync"
	"time"
)

// ids makes the ids of inodes: 51 bits of microseconds since 2025, never the
// same twice in a process, and 12 bits of chance against other processes. They
// grow, so that new rows lie together in an index, and need no round trip. Two
// processes can still meet: the unique index refuses the second, which tries again.
type ids struct {
	mu   sync.Mutex
	last int64
}

const idEpoch = 1735689600_000000 // 2025-01-01 in microseconds

func (s *ids) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, time.Now().UnixMicro()-idEpoch)
	return s.last<<12 | rand.Int64N(1<<12)
}
