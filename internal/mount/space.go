package mount

import (
	"context"
	"sync"
	"time"

	"github.com/bine-ml/bine/client"
)

// space remembers for a while how full the project is.
type space struct {
	mu    sync.Mutex
	usage client.FileUsage
	until time.Time
}

func (p *space) look(s *system) (client.FileUsage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return p.usage, nil
	}
	err := s.again(func(ctx context.Context, _ bool) (err error) {
		p.usage, err = s.Client.Usage(ctx, s.Project, "")
		return err
	})
	if err == nil {
		p.until = time.Now().Add(5 * time.Second)
	}
	return p.usage, err
}
