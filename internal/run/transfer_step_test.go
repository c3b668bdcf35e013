package run_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/run"
)

const ferries = `
name: n
steps:
  fetch: {import: {connector: sea, from: "in/${{ run.id }}", to: sales}}
  give: {export: {connector: sea, from: sales, to: out}}
`

// newFerryOf is a ferry whose project has the connector and a run of a pipeline.
func newFerryOf(t *testing.T, db *database.DB, yaml string) (*ferry, activities.StepRef) {
	t.Helper()
	f := newFerry(t, db)
	_, err := f.store.PutConnector(t.Context(), "p", bine.Connector{Name: "sea", Kind: bine.ConnectorDirectory, Root: f.lakes.dir, Access: bine.ConnectorOwners, CreatedBy: "ann"}, nil)
	f.ok(err)
	f.ok(f.store.SetMember(t.Context(), "p", bine.Member{User: "ann", Role: bine.DataOwner, AddedBy: "ann"}))
	return f, f.begin(f.pipeline(yaml))
}

func (f *ferry) looks(ref activities.StepRef) []any {
	f.t.Helper()
	out := f.waits(ref)
	return []any{out.State, f.row(ref).Reason}
}

func TestAStepImportsAndAnotherExports(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		f, ref := newFerryOf(t, db, ferries)
		f.lay("in/"+string(ref.Run)+"/a.csv", "a,b\n")
		f.is("import", f.looks(at(ref, "fetch")), []any{bine.Waiting, "waits for import-1"})
		f.is("looked at again", f.peek(at(ref, "fetch")).State, bine.Waiting)
		f.is("started", f.launcher.calls, []string{"start import-1"})
		f.end(activities.TransferRef{Project: "p", Transfer: "import-1"})
		f.is("come", f.peek(at(ref, "fetch")).State, bine.Succeeded)
		values := f.row(at(ref, "fetch")).Values
		f.is("outputs", []string{string(values["transfer"]), string(values["copied"]), string(values["skipped"]), string(values["bytes"])}, []string{`"import-1"`, "1", "0", "4"})
		f.is("the file", f.read("sales/a.csv"), "a,b\n")

		f.is("export", f.looks(at(ref, "give")), []any{bine.Waiting, "waits for export-2"})
		f.end(activities.TransferRef{Project: "p", Transfer: "export-2"})
		f.is("given", f.peek(at(ref, "give")).State, bine.Succeeded)
	})
}

// TestATransferOfAStepIsAcceptedOnce has the step forget what it started, as
// nothing does but a restored database.
func TestATransferOfAStepIsAcceptedOnce(t *testing.T) {
	f, ref := newFerryOf(t, databasetest.SQLite(t), ferries)
	f.launcher.fault = bine.Errorf(bine.Unavailable, "Temporal is away") // the reconciler starts it
	f.is("not started yet", f.looks(at(ref, "fetch")), []any{bine.Waiting, "waits for import-1"})
	f.launcher.fault = nil
	row := f.row(at(ref, "fetch"))
	row.Values = nil
	f.ok(f.store.PutStep(t.Context(), "p", row, 0))
	f.is("again", f.peek(at(ref, "fetch")).State, bine.Waiting)
	all, _, err := f.store.Transfers(t.Context(), "p", "", 10)
	f.ok(err)
	f.is("transfers", len(all), 1)
}

func TestATransferThatFailsFailsItsStep(t *testing.T) {
	f, ref := newFerryOf(t, databasetest.SQLite(t), ferries)
	f.looks(at(ref, "fetch"))
	moves, err := f.moves.GiveUp(t.Context(), activities.GaveUp{TransferRef: activities.TransferRef{Project: "p", Transfer: "import-1"}, Reason: "the bucket is gone"})
	f.ok(err)
	f.is("given up", moves.State, bine.TransferFailed)
	f.is("the step", f.peek(at(ref, "fetch")), activities.Awaited{State: bine.Failed, Reason: "import-1 is failed: the bucket is gone"})
}

func TestWhatCannotBeTransferredFailsAtOnce(t *testing.T) {
	f, ref := newFerryOf(t, databasetest.SQLite(t), `
name: n
steps:
  gone: {import: {connector: lake, to: sales}}
  hidden: {import: {connector: sea, to: .trash/x}}
  foreign: {export: {connector: sea, from: "weather::stations"}}
  late: {import: {connector: sea, to: sales}}
`)
	for step, says := range map[bine.StepName]string{"gone": "connector", "hidden": "no file or directory of the project's own", "foreign": "no file or directory of the project's own"} {
		if out := f.waits(at(ref, step)); out.State != bine.Failed || !strings.Contains(out.Reason, says) {
			t.Errorf("%s: %+v, want a failure that says %q", step, out, says)
		}
	}
	f.ok(f.store.CreateUser(t.Context(), bine.User{Name: "bob"}, "hash"))
	f.ok(f.store.SetMember(t.Context(), "p", bine.Member{User: "bob", Role: bine.DataOwner, AddedBy: "ann"}))
	f.ok(f.store.SetMember(t.Context(), "p", bine.Member{User: "ann", Role: bine.DataScientist, AddedBy: "bob"}))
	f.is("no owner", f.waits(at(ref, "late")), activities.Awaited{State: bine.Failed, Reason: "only Data Owners import and export, and ann, who started the run, is none"})
	f.is("nothing was started", len(f.launcher.calls), 0)
}

func TestACancelledStepStopsItsTransfer(t *testing.T) {
	f, ref := newFerryOf(t, databasetest.SQLite(t), ferries)
	f.looks(at(ref, "fetch"))
	in := activities.TransferRef{Project: "p", Transfer: "import-1"}
	for range 2 {
		f.ok(run.Awaits{Engine: f.engine}.Abandon(t.Context(), activities.AwaitInput{StepRef: at(ref, "fetch")}))
		f.is("state", []any{f.transfer(in).State, f.transfer(in).Reason}, []any{bine.TransferCancelling, "cancelled with " + string(ref.Run)})
	}
	f.is("in the end", f.end(in).State, bine.TransferCancelled)
	f.ok(run.Awaits{Engine: f.engine}.Abandon(t.Context(), activities.AwaitInput{StepRef: at(ref, "fetch")}))
}
