package store_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

var building = []bine.EnvironmentState{bine.EnvironmentBuilding}

func TestTheNewestEnvironmentThatIsReadyIsUsed(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for n := range 3 {
			e := got(s.CreateEnvironment(ctx, "p", bine.Environment{Base: n, Add: []string{"numpy"}, Requires: []string{"numpy"}, CreatedBy: "ann"}))(t)
			same(t, "version and state", []any{e.Version, e.State}, []any{n + 1, bine.EnvironmentBuilding})
		}
		same(t, "current at first", got(s.CurrentEnvironment(ctx, "p"))(t), 0)
		ok(t, s.MoveEnvironment(ctx, "p", 2, building, bine.EnvironmentReady, ""))
		ok(t, s.MoveEnvironment(ctx, "p", 1, building, bine.EnvironmentReady, "")) // was slower
		ok(t, s.MoveEnvironment(ctx, "p", 1, building, bine.EnvironmentReady, "")) // again
		same(t, "current", got(s.CurrentEnvironment(ctx, "p"))(t), 2)
		ok(t, s.MoveEnvironment(ctx, "p", 3, building, bine.EnvironmentFailed, "no network"))
		same(t, "current after one that failed", got(s.CurrentEnvironment(ctx, "p"))(t), 2)
		kind(t, "using one that failed", s.UseEnvironment(ctx, "p", 3), bine.Conflict)
		kind(t, "using none", s.UseEnvironment(ctx, "p", 9), bine.NotFound)
		ok(t, s.UseEnvironment(ctx, "p", 1))
		list := got(s.Environments(ctx, "p"))(t)
		if len(list) != 3 || list[0].Version != 3 || list[0].Reason != "no network" || list[1].Current || !list[2].Current || list[2].ReadyAt == nil {
			t.Errorf("environments = %+v; want three, the first version current", list)
		}
		kind(t, "in no project", second(s.CreateEnvironment(ctx, "q", bine.Environment{})), bine.NotFound)
	})
}

func TestAnEnvironmentSaysWhatItIsAndWhere(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		got(s.CreateEnvironment(ctx, "p", bine.Environment{Remove: []string{"x"}, CreatedBy: "ann"}))(t)
		packages := []bine.Package{{Name: "numpy", Version: "2.0"}}
		ok(t, s.SetLock(ctx, "p", 1, "numpy==2.0", packages, "3.11.7"))
		ok(t, s.SetEnvironmentHost(ctx, "p", 1, "h", "installing"))
		ok(t, s.SetEnvironmentHost(ctx, "p", 1, "h", "ready"))
		e := got(s.Environment(ctx, "p", 1))(t)
		same(t, "environment", []any{e.Lock, e.Packages, e.Python, e.Hosts, e.Remove}, []any{"numpy==2.0", packages, "3.11.7", map[bine.HostName]string{"h": "ready"}, []string{"x"}})
		kind(t, "a lock of none", s.SetLock(ctx, "p", 9, "", nil, ""), bine.NotFound)
		kind(t, "a host of none", s.SetEnvironmentHost(ctx, "p", 9, "h", ""), bine.NotFound)
		kind(t, "none", second(s.Environment(ctx, "p", 9)), bine.NotFound)
	})
}

func TestTheLogOfABuildIsReadOn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		got(s.CreateEnvironment(ctx, "p", bine.Environment{}))(t)
		same(t, "an empty log", got(s.EnvironmentLog(ctx, "p", 1, 0))(t), "")
		for _, lines := range []string{"résolu\n", "installed\n"} {
			ok(t, s.AppendEnvironmentLog(ctx, "p", 1, "h", lines))
		}
		all := "résolu\ninstalled\n"
		for offset := range len(all) + 1 {
			same(t, "log", got(s.EnvironmentLog(ctx, "p", 1, int64(offset)))(t), all[offset:])
		}
		same(t, "past its end", got(s.EnvironmentLog(ctx, "p", 1, 100))(t), "")
		kind(t, "of none", s.AppendEnvironmentLog(ctx, "p", 9, "h", "x"), bine.NotFound)
	})
}
