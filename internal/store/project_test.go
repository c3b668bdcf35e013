package store_test

import (
	"database/sql"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
)

func TestAProjectIsMadeOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		p := got(s.Project(ctx, "p"))(t)
		if p.State != bine.ProjectProvisioning || p.CreatedAt.IsZero() {
			t.Errorf("a new project is %+v; want provisioning", p)
		}
		kind(t, "the same name again", s.CreateProject(ctx, bine.Project{Name: "p", CreatedBy: "ann"}), bine.Conflict)
		ok(t, s.MoveProject(ctx, "p", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectFailed, "no disk"))
		same(t, "reason", got(s.Project(ctx, "p"))(t).Reason, "no disk")
		kind(t, "a failed one by somebody else", s.CreateProject(ctx, bine.Project{Name: "p", CreatedBy: "bob"}), bine.Conflict)
		ok(t, s.CreateProject(ctx, bine.Project{Name: "p", CreatedBy: "ann", Description: "again"}))
		p = got(s.Project(ctx, "p"))(t)
		same(t, "state, reason and description of one that is tried again", []any{p.State, p.Reason, p.Description}, []any{bine.ProjectProvisioning, "", "again"})
		kind(t, "one by nobody known", s.CreateProject(ctx, bine.Project{Name: "q", CreatedBy: "eve"}), bine.NotFound)
		kind(t, "one that is not there", second(s.Project(ctx, "q")), bine.NotFound)
	})
}

func TestAProjectComesWithItsFirstEnvironment(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		p, first := bine.Project{Name: "q", CreatedBy: "ann"}, &bine.Environment{Python: "3.12", Add: []string{"pandas"}, Requires: []string{"pandas"}, CreatedBy: "ann"}
		ok(t, s.CreateProjectWith(ctx, p, first))
		kind(t, "again", s.CreateProjectWith(ctx, p, first), bine.Conflict)
		ok(t, s.MoveProject(ctx, "q", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectFailed, "no disk"))
		ok(t, s.CreateProjectWith(ctx, p, first))
		made := got(s.Environments(ctx, "q"))(t)
		if len(made) != 1 || made[0].Version != 1 || made[0].State != bine.EnvironmentBuilding || made[0].Python != "3.12" {
			t.Errorf("environments = %+v; want version 1 alone, building", made)
		}
	})
}

func TestAProjectIsNotMadeWithoutItsFirstEnvironment(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s, ctx := fill(t, db), t.Context()
		ok(t, db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "ALTER TABLE environments RENAME TO elsewhere")
			return err
		}))
		if err := s.CreateProjectWith(ctx, bine.Project{Name: "q", CreatedBy: "ann"}, &bine.Environment{CreatedBy: "ann"}); err == nil {
			t.Error("an environment was written to a table that is not there")
		}
		kind(t, "the project", second(s.Project(ctx, "q")), bine.NotFound)
	})
}

func second[T any](_ T, err error) error { return err }

func TestProjectsAreListedWithTheRole(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		ok(t, s.CreateProject(ctx, bine.Project{Name: "a", CreatedBy: "bob"}))
		ok(t, s.SetMember(ctx, "p", bine.Member{User: "bob", Role: bine.DataScientist, AddedBy: "ann"}))
		list := func(user bine.UserName) (names []string) {
			for _, p := range got(s.Projects(ctx, user))(t) {
				names = append(names, string(p.Name)+" "+string(p.Role))
			}
			return names
		}
		same(t, "bob's", list("bob"), []string{"a data_owner", "p data_scientist"})
		same(t, "ann's", list("ann"), []string{"p data_owner"})
		same(t, "all", list(""), []string{"a ", "p "})
	})
}

func TestAProjectMovesByCompareAndSet(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		move := func(to bine.ProjectState) error {
			return s.MoveProject(ctx, "p", []bine.ProjectState{bine.ProjectProvisioning}, to, "")
		}
		ok(t, move(bine.ProjectReady))
		ok(t, move(bine.ProjectReady)) // again
		kind(t, "from another state", move(bine.ProjectFailed), bine.Conflict)
		kind(t, "one that is not there", s.MoveProject(ctx, "q", []bine.ProjectState{bine.ProjectReady}, bine.ProjectFailed, ""), bine.NotFound)
	})
}

func TestADeletedProjectLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		run := accept(t, s, "flights")
		ref := putStep(t, s, run.ID, "train", "", bine.Pending)
		owner := bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: string(run.ID), Step: "train"}
		a := got(s.StartAttempt(ctx, owner, 1, bine.Process{}))(t)
		ok(t, s.PutToken(ctx, "t", a.ID, "ann"))
		ok(t, s.DeleteProject(ctx, "p"))
		ok(t, s.DeleteProject(ctx, "p")) // again
		kind(t, "its row", second(s.Project(ctx, "p")), bine.NotFound)
		kind(t, "its step", second(s.Step(ctx, "p", ref)), bine.NotFound)
		kind(t, "its attempt", second(s.Attempt(ctx, a.ID)), bine.NotFound)
		events := got(s.Events(ctx, "p", 0, 10))(t)
		if len(events) != 1 || events[0].State != "deleted" {
			t.Errorf("events = %+v; want that it was deleted", events)
		}
		ok(t, s.CreateProject(ctx, bine.Project{Name: "p", CreatedBy: "bob"}))
		if again := accept(t, s, "flights"); again.Number != run.Number+1 {
			t.Errorf("the first run of a new project with the name is %s; want a number never given before", again.ID)
		}
	})
}
