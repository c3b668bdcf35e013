package mount

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// A file that stays open for writing gets a lease, so that nobody else changes it
// meanwhile. One that was opened by O_APPEND alone does not: several may add to it.

const (
	// leaseAfter is how long a file is open before its lease is taken: what is
	// written and closed at once costs no call more.
	leaseAfter = time.Second
	// leaseTime bounds a call about a lease.
	leaseTime = 10 * time.Second
)

// claim keeps the lease of a file while it is open for writing.
type claim struct {
	s      *system
	path   func() string
	holder string
	stop   context.CancelFunc

	mu    sync.Mutex // also while the lease is being asked for, or something is written without it
	lease client.FileLease
}

// writerCame notes one more who writes. The caller holds mu.
func (f *file) writerCame() {
	if f.writers++; f.writers > 1 {
		return
	}
	ctx, stop := context.WithCancel(f.s.life)
	host, _ := os.Hostname() // for people; without it the rest tells enough
	f.claim = &claim{s: f.s, path: f.path, stop: stop, holder: fmt.Sprintf("bine mount on %.100s (process %d) %s", host, os.Getpid(), rand.Text())}
	f.s.claims.Add(1)
	go f.claim.keep(ctx)
}

// writerLeft notes that one who writes is done. The caller holds mu.
func (f *file) writerLeft() {
	if f.writers--; f.writers == 0 {
		f.claim.stop()
		f.claim = nil
	}
}

// keep takes the lease and renews it until ctx ends, and releases it then.
func (c *claim) keep(ctx context.Context) {
	defer c.s.claims.Done()
	defer c.release()
	timer := time.NewTimer(leaseAfter)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(c.ask())
		}
	}
}

// ask takes or renews the lease and says when to do that again. That somebody else
// has it is told to who writes.
func (c *claim) ask() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	// It does not end with the file: an answer that nobody waits for would be a
	// lease that nobody releases.
	ctx, cancel := context.WithTimeout(context.Background(), leaseTime)
	defer cancel()
	if c.lease.Epoch != 0 {
		_, err := c.s.Client.RenewLease(ctx, c.s.Project, c.lease)
		if err != nil && !bine.IsKind(err, bine.Fenced) {
			return leaseAfter
		}
	} else if l, err := c.s.Client.Lease(ctx, c.s.Project, c.path(), c.holder); err == nil {
		c.lease = l
	} else {
		return leaseAfter
	}
	return c.lease.Yields.Sub(c.lease.Renewed) / 4
}

// release gives the lease back. It is taken again when the file stays open.
func (c *claim) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lease.Epoch == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseTime)
	defer cancel()
	if err := c.s.Client.ReleaseLease(ctx, c.s.Project, c.lease); err != nil {
		c.s.log.Printf("%s: its lease was not released, and ends by itself: %v", c.lease.Path, err)
	}
	c.lease = client.FileLease{}
}

// epoch is that of the lease, 0 for none.
func (c *claim) epoch() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lease.Epoch
}

// under calls write with the lease that there is, again where another one was
// taken meanwhile.
func (f *file) under(write func(lease int64) error) error {
	if f.claim == nil {
		return write(0)
	}
	for {
		lease, err := f.claim.under(write)
		if !bine.IsKind(err, bine.Leased) && !bine.IsKind(err, bine.Fenced) || f.claim.epoch() == lease {
			return err
		}
	}
}

// under calls write with the lease that there is. Where there is none, none is
// taken before write is done: who overwrites a file without its lease ends that.
func (c *claim) under(write func(lease int64) error) (int64, error) {
	if lease := c.epoch(); lease != 0 {
		return lease, write(lease)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lease.Epoch, write(c.lease.Epoch)
}
