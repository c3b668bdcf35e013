package store_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
)

func TestHostsComeAndGo(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if known, err := s.BeatHost(ctx, "h", soon(0)); known || err != nil {
			t.Errorf("an unknown host: %v, %v", known, err)
		}
		h := bine.Host{Name: "h", State: bine.HostUp, Address: "10.0.0.1", Capacity: bine.Resources{CPU: 4, Memory: 8}, Labels: []string{"gpu"},
			Confine: "landlock-7", Python: "3.11", Version: "v1", SeenAt: soon(-time.Hour), CreatedAt: soon(-time.Hour)}
		ok(t, s.PutHost(ctx, h))
		h.Free = h.Capacity
		same(t, "hosts", got(s.Hosts(ctx))(t), []bine.Host{h})
		same(t, "lost", got(s.MarkLost(ctx, soon(-time.Minute)))(t), []bine.HostName{"h"})
		same(t, "lost then", len(got(s.MarkLost(ctx, soon(-time.Minute)))(t)), 0)
		same(t, "state", got(s.Hosts(ctx))(t)[0].State, bine.HostLost)
		same(t, "known", got(s.BeatHost(ctx, "h", soon(0)))(t), true)
		same(t, "state after a beat", got(s.Hosts(ctx))(t)[0].State, bine.HostUp)
		ok(t, s.PutHost(ctx, bine.Host{Name: "h", Capacity: bine.Resources{CPU: 8}}))
		is := got(s.Hosts(ctx))(t)[0]
		same(t, "put again", []any{is.Capacity.CPU, is.CreatedAt}, []any{8.0, h.CreatedAt})
	})
}

func TestHostsSayWhatIsFree(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, l, ctx := store.New(db), lease.New(db), t.Context()
		all := bine.Resources{CPU: 4, Memory: 8}
		ok(t, s.PutHost(ctx, bine.Host{Name: "h", Capacity: all}))
		got(l.SetHost(ctx, "h", all, true))(t)
		_, _, err := l.Ask(ctx, lease.Request{Attempt: "a", Resources: bine.Resources{CPU: 1.5, Memory: 3}})
		ok(t, err)
		same(t, "free", got(s.Hosts(ctx))(t)[0].Free, bine.Resources{CPU: 2.5, Memory: 5})
	})
}
