package agent

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

const (
	// shipAfter and shipSize: output travels when it is that old or that much.
	shipAfter = 300 * time.Millisecond
	shipSize  = 256 << 10
	// chunkSize is the most that one call carries.
	chunkSize = 1 << 20
	// lookOften and lookSeldom bound how often a log is looked at.
	lookOften  = 20 * time.Millisecond
	lookSeldom = 160 * time.Millisecond
)

// shipWhile sends the log as it grows, until running ends. A call under way is
// let finish.
func (t *attempt) shipWhile(running context.Context) {
	var last time.Time
	pause := lookOften
	for {
		select {
		case <-running.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lookSeldom)
		fresh := t.unshipped()
		if fresh == 0 || (fresh < shipSize && time.Since(last) < shipAfter) {
			continue
		}
		last, pause = time.Now(), lookOften
		if err := t.ship(t.agent.ctx); err != nil {
			if !whileAway(err, 1) {
				return // what is left is sent, or given up, at the end
			}
			pause = mostPause / 5
		}
	}
}

// unshipped counts the bytes of log that the server does not have.
func (t *attempt) unshipped() int64 {
	info, err := os.Stat(filepath.Join(t.dir, shim.LogFile))
	if err != nil {
		return 0
	}
	return max(0, info.Size()-t.shipped)
}

// ship sends the next piece of the log. The server's answer says where the next begins.
func (t *attempt) ship(ctx context.Context) error {
	f, err := os.Open(filepath.Join(t.dir, shim.LogFile))
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, min(t.unshipped(), chunkSize))
	n, err := f.ReadAt(buf, t.shipped)
	if err != nil && err != io.EOF {
		return err
	}
	var size int64
	err = brief(func(ctx context.Context) (err error) {
		size, err = t.agent.o.API.AppendLog(ctx, t.id, t.shipped, buf[:n])
		return err
	})(ctx)
	if err != nil {
		return err
	}
	if size < t.shipped+int64(n) { // a server that keeps less than we may send keeps no more
		t.agent.log.Warn("server took less of a log than it was sent", "attempt", t.id, "has", size, "sent", t.shipped+int64(n))
		size = t.shipped + int64(n)
	}
	t.shipped = size
	return nil
}

// shipAll sends what is left of the log; an error means that the agent ends.
func (t *attempt) shipAll(ctx context.Context) error {
	for t.unshipped() > 0 {
		err := t.agent.persist(ctx, "send a log", t.ship, whileAway)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) && !bine.IsKind(err, bine.Fenced) {
				t.agent.log.Warn("rest of a log is lost", "attempt", t.id, "error", err)
			}
			return nil
		}
	}
	return nil
}
