package e2e_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// TestOnMariaDB runs the platform with its metadata on MariaDB, and kills it in
// the middle of a run.
func TestOnMariaDB(t *testing.T) {
	s := newSystem(t)
	address := databasetest.MariaDBAddress(t)
	s.env = append(s.env, "BINE_DATABASE="+address)
	up := s.start("up", "--grace", "60s", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("maria")
	s.mustCLI("pipeline", "store", s.pipeline("shaky", shaky, shakyFiles), "-p", "maria")
	run, err := s.client().StartRun(t.Context(), p, "shaky", client.NewRun{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the fan-out runs", func() bool {
		steps, err := s.client().Steps(t.Context(), p, run.ID)
		return err == nil && len(steps) == 3 && steps[1].State == bine.Running
	})
	up.kill()
	s.start("up", "--grace", "60s", "--log-level", "warn")
	s.ready(30 * time.Second)
	if end, _ := s.follow(p, run.ID); end.State != bine.Succeeded {
		t.Errorf("run is %s: %s", end.State, end.Reason)
	}
	cached, steps := s.run(p, "shaky", client.NewRun{})
	if cached.State != bine.Succeeded || steps[0].State != bine.Cached {
		t.Errorf("the second run is %s, its first step %s, want succeeded and cached", cached.State, steps[0].State)
	}
	checkLedger(t, s)
}
