package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestTransfersAreAcceptedOnceAndStarted(t *testing.T) {
	w := newWorld(t)
	w.lake("sea", bine.ConnectorOwners)
	olga := w.as("olga")
	body := client.NewTransfer{Direction: bine.Import, Connector: "sea", Path: "/2026/", Files: "sales", Key: "k"}
	made, err := olga.StartTransfer(t.Context(), "demo", body)
	w.ok(err)
	same(t, "made", []any{made.ID, made.State, made.Path, made.CreatedBy, w.launched.made("transfer import-1")}, []any{"import-1", "running", "2026", "olga", true})
	again, err := olga.StartTransfer(t.Context(), "demo", body)
	w.ok(err)
	same(t, "again", again.ID, made.ID)
	body.Path = "other"
	_, err = olga.StartTransfer(t.Context(), "demo", body)
	wants(t, "the key of another", err, bine.Conflict)
	page, err := w.as("sven").Transfers(t.Context(), "demo", client.List{})
	w.ok(err)
	same(t, "listed", len(page.Items), 1)
	_, err = olga.RetryTransfer(t.Context(), "demo", made.ID)
	w.ok(err) // it runs: nothing is to be done
	cancelled, err := olga.CancelTransfer(t.Context(), "demo", made.ID)
	w.ok(err)
	same(t, "cancelled", []any{cancelled.State, cancelled.Reason}, []any{"cancelling", "cancelled by olga"})
	_, err = olga.RetryTransfer(t.Context(), "demo", made.ID)
	wants(t, "begun again before it has stopped", err, bine.Conflict)
	w.ok(w.store.MoveTransfer(t.Context(), "demo", made.ID, []bine.TransferState{bine.TransferCancelling}, bine.TransferCancelled, ""))
	retried, err := olga.RetryTransfer(t.Context(), "demo", made.ID)
	w.ok(err)
	same(t, "begun again", retried.State, "running")
	faults, err := olga.TransferFaults(t.Context(), "demo", made.ID)
	w.ok(err)
	same(t, "faults", len(faults), 0)
	_, err = olga.Transfer(t.Context(), "demo", "import-9")
	wants(t, "one that is not there", err, bine.NotFound)
}

func TestTransfersThatCannotBeAreRefused(t *testing.T) {
	w := newWorld(t)
	w.lake("sea", bine.ConnectorOwners)
	w.lake("dry", bine.ConnectorRead)
	olga := w.as("olga")
	_, err := olga.Upload(t.Context(), "demo", "Resources/x", strings.NewReader("x"), false)
	w.ok(err)
	for what, c := range map[string]struct {
		body client.NewTransfer
		kind bine.Kind
	}{
		"no such connector":       {client.NewTransfer{Direction: bine.Import, Connector: "none", Files: "a"}, bine.NotFound},
		"a path that leads out":   {client.NewTransfer{Direction: bine.Import, Connector: "sea", Path: "a/../b", Files: "a"}, bine.Invalid},
		"no directory":            {client.NewTransfer{Direction: bine.Import, Connector: "sea", Files: "/"}, bine.Invalid},
		"what the platform keeps": {client.NewTransfer{Direction: bine.Export, Connector: "sea", Files: ".artifacts"}, bine.Invalid},
		"another project":         {client.NewTransfer{Direction: bine.Export, Connector: "sea", Files: "other::x"}, bine.Invalid},
		"into a file":             {client.NewTransfer{Direction: bine.Import, Connector: "sea", Files: "Resources/x"}, bine.Conflict},
		"what is not there":       {client.NewTransfer{Direction: bine.Export, Connector: "sea", Files: "none"}, bine.NotFound},
		"a connector to read":     {client.NewTransfer{Direction: bine.Export, Connector: "dry", Files: "Resources"}, bine.Forbidden},
	} {
		_, err := olga.StartTransfer(t.Context(), "demo", c.body)
		wants(t, what, err, c.kind)
	}
	_, err = olga.SetSandboxed(t.Context(), "demo", true)
	w.ok(err)
	_, err = olga.StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Export, Connector: "sea", Files: "Resources"})
	wants(t, "an export from a sandbox", err, bine.Forbidden)
	_, err = olga.StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Import, Connector: "sea", Files: "sales"})
	w.ok(err)
	_, err = w.as("sven").StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Import, Connector: "sea", Files: "sales"})
	wants(t, "a Data Scientist", err, bine.Forbidden)
}
