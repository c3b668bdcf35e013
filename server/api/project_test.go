package api_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestMakingAProject(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	p, err := sven.CreateProject(t.Context(), client.NewProject{Name: "mine", Description: "of sven", Requires: []string{"pandas", "numpy>=2"}})
	w.ok(err)
	if p.State != bine.ProjectProvisioning || p.Role != bine.DataOwner || !w.launched.made("provision mine") {
		t.Errorf("CreateProject = %+v, launched %v", p, w.launched.calls)
	}
	e, err := sven.Environment(t.Context(), "mine", 1)
	w.ok(err)
	same(t, "the first environment asks for", e.Requires, "[numpy>=2 pandas]")
	_, err = sven.CreateProject(t.Context(), client.NewProject{Name: "mine"})
	wants(t, "the same name again", err, bine.Conflict)
	_, err = sven.CreateProject(t.Context(), client.NewProject{Name: "Mine!"})
	wants(t, "a name that is none", err, bine.Invalid)
	_, err = sven.CreateProject(t.Context(), client.NewProject{Name: "bad", Requires: []string{"-r x"}})
	wants(t, "a requirement that is none", err, bine.Invalid)
	if _, err := w.store.Project(t.Context(), "bad"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a project with bad requirements is there: %v", err)
	}
	_, err = sven.CreateEnvironment(t.Context(), "mine", client.NewEnvironment{Add: []string{"x"}})
	wants(t, "work in a project that is not ready", err, bine.Conflict)
}

func TestAProjectThatFailedIsProvisionedAgain(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	body := client.NewProject{Name: "mine", Requires: []string{"pandas"}}
	_, err := sven.CreateProject(t.Context(), body)
	w.ok(err)
	w.ok(w.store.MoveProject(t.Context(), "mine", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectFailed, "no disk"))
	p, err := sven.CreateProject(t.Context(), body)
	w.ok(err)
	same(t, "the state", p.State, bine.ProjectProvisioning)
}

func TestAProjectIsAcceptedThoughItsWorkflowCannotStartNow(t *testing.T) {
	w := newWorld(t)
	w.launched.fail = bine.Errorf(bine.Unavailable, "no answer")
	if _, err := w.as("sven").CreateProject(t.Context(), client.NewProject{Name: "mine"}); err != nil {
		t.Errorf("CreateProject = %v, want it accepted: the reconciler starts the workflow", err)
	}
}

func TestWhoSeesWhichProjects(t *testing.T) {
	w := newWorld(t)
	for user, want := range map[bine.UserName]string{"sven": "demo data_scientist;", "olga": "demo data_owner;", "root": "demo ;other ;"} {
		all, err := w.as(user).Projects(t.Context())
		w.ok(err)
		got := ""
		for _, p := range all {
			got += string(p.Name) + " " + string(p.Role) + ";"
		}
		same(t, "the projects of "+string(user), got, want)
	}
	p, err := w.as("root").Project(t.Context(), "demo")
	w.ok(err)
	same(t, "the role of an administrator", p.Role, "")
}

func TestMembers(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga")
	m, err := olga.SetMember(t.Context(), "demo", "mallory", bine.DataScientist)
	w.ok(err)
	same(t, "SetMember", []any{m.User, m.Role, m.AddedBy}, []any{"mallory", "data_scientist", "olga"})
	_, err = olga.SetMember(t.Context(), "demo", "nobody", bine.DataScientist)
	wants(t, "adding nobody", err, bine.NotFound)
	_, err = olga.SetMember(t.Context(), "demo", "mallory", "king")
	wants(t, "a role that is none", err, bine.Invalid)
	all, err := w.as("sven").Members(t.Context(), "demo")
	w.ok(err)
	same(t, "number of members", len(all), 3)
	w.ok(olga.RemoveMember(t.Context(), "demo", "mallory"))
	wants(t, "removing the last Data Owner", olga.RemoveMember(t.Context(), "demo", "olga"), bine.Conflict)
	_, err = olga.SetMember(t.Context(), "demo", "olga", bine.DataScientist)
	wants(t, "demoting the last Data Owner", err, bine.Conflict)
}

func TestDeletingAProject(t *testing.T) {
	w := newWorld(t)
	w.ok(w.as("olga").DeleteProject(t.Context(), "demo"))
	p, err := w.as("olga").Project(t.Context(), "demo")
	w.ok(err)
	if p.State != bine.ProjectDeleting || !w.launched.made("delete demo") {
		t.Errorf("after DeleteProject: %+v, launched %v", p, w.launched.calls)
	}
	w.ok(w.as("olga").DeleteProject(t.Context(), "demo"))
}

func TestEnvironments(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga")
	first, err := olga.CreateEnvironment(t.Context(), "demo", client.NewEnvironment{Add: []string{"pandas<3", "numpy"}, Python: "3.11"})
	w.ok(err)
	same(t, "CreateEnvironment", []any{first.Version, first.State, first.Base, first.Requires}, []any{1, "building", 0, "[numpy pandas<3]"})
	_, err = olga.EnvironmentExport(t.Context(), "demo", 1, "lock")
	wants(t, "exporting what is not locked", err, bine.Conflict)
	_, err = olga.UseEnvironment(t.Context(), "demo", 1)
	wants(t, "using what is not ready", err, bine.Conflict)

	w.ready(1, []bine.Package{{Name: "numpy", Version: "2.0"}, {Name: "pandas", Version: "2.2.3"}})
	second, err := olga.CreateEnvironment(t.Context(), "demo", client.NewEnvironment{Add: []string{"scikit-learn"}, Remove: []string{"pandas"}})
	w.ok(err)
	same(t, "the second asks for", []any{second.Version, second.Base, second.Requires, second.Python}, []any{2, 1, "[numpy scikit-learn]", "3.11.7"})
	_, err = olga.CreateEnvironment(t.Context(), "demo", client.NewEnvironment{Remove: []string{"nothing"}})
	wants(t, "removing what is not there", err, bine.Invalid)
	w.ready(2, []bine.Package{{Name: "numpy", Version: "2.1"}, {Name: "scikit-learn", Version: "1.9.1"}})

	diff, err := olga.EnvironmentDiff(t.Context(), "demo", 2, 1)
	w.ok(err)
	same(t, "EnvironmentDiff", diff, "[{numpy 2.0 2.1} {pandas 2.2.3 } {scikit-learn  1.9.1}]")
	lock, err := olga.EnvironmentExport(t.Context(), "demo", 2, "lock")
	w.ok(err)
	same(t, "the lock", lock, "# lock 2")
	if yml, err := olga.EnvironmentExport(t.Context(), "demo", 2, "yml"); err != nil || len(yml) < 20 {
		t.Errorf("EnvironmentExport yml = %q, %v", yml, err)
	}
	back, err := olga.UseEnvironment(t.Context(), "demo", 1)
	w.ok(err)
	same(t, "after the rollback version 1 is current", back.Current, true)
	all, err := w.as("sven").Environments(t.Context(), "demo")
	w.ok(err)
	if len(all) != 2 || all[0].Version != 2 || all[0].Lock != "" || all[0].Packages != nil {
		t.Errorf("Environments = %+v, want two, newest first, without locks and packages", all)
	}
}

// ready makes a version of demo's environment ready, as its workflow does.
func (w *world) ready(version int, packages []bine.Package) {
	w.t.Helper()
	lock := "# lock " + string(rune('0'+version))
	w.ok(w.store.SetLock(w.t.Context(), "demo", version, lock, packages, "3.11.7"))
	w.ok(w.store.MoveEnvironment(w.t.Context(), "demo", version, []bine.EnvironmentState{bine.EnvironmentBuilding}, bine.EnvironmentReady, ""))
}

func TestTheLogOfAnEnvironment(t *testing.T) {
	w := newWorld(t)
	_, err := w.as("olga").CreateEnvironment(t.Context(), "demo", client.NewEnvironment{Add: []string{"numpy"}})
	w.ok(err)
	w.ok(w.as("root").AppendEnvironmentLog(t.Context(), "demo", 1, "h1", []byte("resolving\n")))
	text, err := w.as("sven").EnvironmentLog(t.Context(), "demo", 1, 0)
	w.ok(err)
	rest, err := w.as("sven").EnvironmentLog(t.Context(), "demo", 1, int64(len(text)))
	w.ok(err)
	if len(text) < len("resolving\n") || rest != "" {
		t.Errorf("EnvironmentLog = %q, behind that %q", text, rest)
	}
}

func TestHistories(t *testing.T) {
	w := newWorld(t)
	h, err := w.as("sven").ProjectHistory(t.Context(), "demo", "provision")
	w.ok(err)
	same(t, "the workflow", h.WorkflowID, "demo/provision")
	run := w.run("sven")
	h, err = w.as("sven").RunHistory(t.Context(), "demo", run.ID)
	w.ok(err)
	same(t, "the workflow", h.WorkflowID, "demo/run/flights-1")
}
