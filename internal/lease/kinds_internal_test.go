package lease

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

func TestWhatWasGrantedIsTypicalWork(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		l := New(db)
		equip(t, l, 4)
		typical := func(l *Ledger) string {
			t.Helper()
			l.seen = nil // as after a minute
			told := ""
			err := l.write(t.Context(), func(t *tx) error {
				p, err := t.picture()
				if err != nil {
					return err
				}
				told = ""
				for _, k := range p.board.policy.Typical {
					told += fmt.Sprintf("%g × %s, %d; ", k.Weight, k.Task.Request, k.Task.CPU)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return told
		}
		n := 0
		ask := func(ctx context.Context, r bine.Resources) {
			t.Helper()
			n++
			if g, _, err := l.Ask(ctx, Request{Attempt: bine.AttemptID(fmt.Sprint(n)), Resources: r}); err != nil || g.Host == "" {
				t.Fatal(g, err)
			}
		}
		if got := typical(l); got != "" {
			t.Errorf("nothing was granted yet, but %s is typical", got)
		}
		ask(t.Context(), bine.Resources{CPU: 1, GPUs: 1})
		ask(t.Context(), bine.Resources{CPU: 1, GPUs: 1, GPU: "1 GPU on 1 host for 2h preemptible"})
		ask(t.Context(), bine.Resources{CPU: 2, GPUs: 2, GPU: "2 GPUs on 2 hosts with A100"})
		ask(t.Context(), bine.Resources{CPU: 1})
		_ = db.Together(t.Context(), func(ctx context.Context) error {
			ask(ctx, bine.Resources{CPU: 3, GPUs: 3})
			return errors.New("second thoughts")
		})
		want := "2 × 1 GPU on 1 host, 1000; 1 × 2 GPUs on 2 hosts with A100, 2000; "
		for _, l := range []*Ledger{l, l, New(db)} {
			if got := typical(l); got != want {
				t.Errorf("typical are %s, want %s", got, want)
			}
		}
	})
}
