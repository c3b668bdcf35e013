package auth

import (
	"sync"
	"time"
)

// Sign-in is limited for each name and address, and keys that are not known for
// each address: a burst for those who mistype, then one try every few seconds.
const (
	triesBurst = 10
	triesEvery = 6 * time.Second
)

// maxBuckets bounds the memory of a limiter.
const maxBuckets = 50_000

// Limiter is a set of token buckets by name.
type Limiter struct {
	burst   float64
	every   time.Duration
	now     func() time.Time
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// NewLimiter makes a limiter that allows burst at once and then one in every.
func NewLimiter(burst int, every time.Duration, now func() time.Time) *Limiter {
	return &Limiter{burst: float64(burst), every: every, now: now, buckets: map[string]bucket{}}
}

// Take takes a token from the bucket of key. Where there is none it answers how
// long until there is.
func (l *Limiter) Take(key string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.level(key)
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) * float64(l.every)), false
	}
	l.trim()
	l.buckets[key] = bucket{b.tokens - 1, b.at}
	return 0, true
}

// Return gives a token back: what it was taken for was no abuse.
func (l *Limiter) Return(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.level(key)
	l.buckets[key] = bucket{min(l.burst, b.tokens+1), b.at}
}

func (l *Limiter) level(key string) bucket {
	now := l.now()
	b, found := l.buckets[key]
	if !found {
		return bucket{l.burst, now}
	}
	return bucket{min(l.burst, b.tokens+float64(now.Sub(b.at))/float64(l.every)), now}
}

// trim makes room: full buckets say nothing that their absence does not.
func (l *Limiter) trim() {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key := range l.buckets {
		if b := l.level(key); b.tokens >= l.burst {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets { // still full: an attack from very many places; forget any
		if len(l.buckets) < maxBuckets {
			return
		}
		delete(l.buckets, key)
	}
}
