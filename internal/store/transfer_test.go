package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestAConnectorKeepsItsSecretForWhatItWasGivenFor(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, sealed := t.Context(), "sealed"
		c := bine.Connector{Name: "sea", Kind: bine.ConnectorS3, Endpoint: "https://a", Bucket: "raw", AccessKey: "k", Access: bine.ConnectorRead, CreatedBy: "ann"}
		made := got(s.PutConnector(ctx, "p", c, &sealed))(t)
		same(t, "made", []any{made.HasSecret, made.CreatedBy, made.CreatedAt.IsZero()}, []any{true, bine.UserName("ann"), false})
		c.Description, c.CreatedBy = "changed", "bob"
		for range 2 { // the same again is no other
			changed := got(s.PutConnector(ctx, "p", c, nil))(t)
			same(t, "changed", []any{changed.HasSecret, changed.CreatedBy, changed.CreatedAt, changed.Description}, []any{true, bine.UserName("ann"), made.CreatedAt, "changed"})
		}
		c.Endpoint = "https://b"
		_, err := s.PutConnector(ctx, "p", c, nil)
		kind(t, "a secret for something else", err, bine.Conflict)
		_, secret, sandboxed, err := s.OpenConnector(ctx, "p", "sea")
		ok(t, err)
		same(t, "opened", []any{secret, sandboxed}, []any{"sealed", false})
		none := ""
		same(t, "without", got(s.PutConnector(ctx, "p", c, &none))(t).HasSecret, false)
		ok(t, s.SetSandboxed(ctx, "p", true))
		ok(t, s.SetSandboxed(ctx, "p", true))
		_, _, sandboxed, err = s.OpenConnector(ctx, "p", "sea")
		ok(t, err)
		same(t, "sandboxed", sandboxed, true)
		kind(t, "no such project", s.SetSandboxed(ctx, "none", true), bine.NotFound)
		_, err = s.PutConnector(ctx, "none", c, nil)
		kind(t, "a connector of no project", err, bine.NotFound)
		ok(t, s.DeleteConnector(ctx, "p", "sea"))
		_, err = s.Connector(ctx, "p", "sea")
		kind(t, "removed", err, bine.NotFound)
	})
}

func TestTransfersAreNumberedAndFenced(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		v := bine.Transfer{Project: "p", Direction: bine.Import, Connector: "sea", Path: "a", Files: "b", CreatedBy: "ann"}
		var wait sync.WaitGroup
		for i := range 6 {
			wait.Go(func() {
				if _, _, err := s.AcceptTransfer(ctx, v, fmt.Sprint("k", i%3)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		list, next, err := s.Transfers(ctx, "p", "", 2)
		ok(t, err)
		same(t, "newest", []any{len(list), list[0].ID, list[1].ID}, []any{2, bine.TransferID("import-3"), bine.TransferID("import-2")})
		list, next, err = s.Transfers(ctx, "p", next, 2)
		ok(t, err)
		same(t, "oldest", []any{len(list), list[0].ID, next}, []any{1, bine.TransferID("import-1"), ""})
		v.Path = "other"
		_, _, err = s.AcceptTransfer(ctx, v, "k1")
		kind(t, "the key of another", err, bine.Conflict)
		same(t, "unfinished", len(got(s.UnfinishedTransfers(ctx, time.Now().Add(time.Minute)))(t)), 3)

		at := got(s.TransferAt(ctx, "p", "import-1"))(t)
		made := bine.Progress{Copied: 3, Bytes: 30, Skipped: 2, Failed: 1, Omitted: 4}
		ok(t, s.AdvanceTransfer(ctx, at, "d/f", made, []bine.TransferFault{{Path: "x", Reason: "no"}}))
		kind(t, "an older revision", s.AdvanceTransfer(ctx, at, "d/f", made, nil), bine.Conflict)
		at = got(s.TransferAt(ctx, "p", "import-1"))(t)
		same(t, "advanced", []any{at.Position, at.Progress}, []any{"d/f", made})
		for range 2 {
			same(t, "shown", got(s.ShowTransfer(ctx, at, "d/g", 5, "slow"))(t), bine.TransferRunning)
		}
		now := got(s.Transfer(ctx, "p", "import-1"))(t)
		same(t, "seen", []any{now.Current, now.Moving, now.Reason}, []any{"d/g", int64(5), "slow"})
		ok(t, s.MoveTransfer(ctx, "p", "import-1", []bine.TransferState{bine.TransferRunning}, bine.TransferFailed, "broken"))
		same(t, "faults", len(got(s.TransferFaults(ctx, "p", "import-1"))(t)), 1)
		kind(t, "what has ended", s.AdvanceTransfer(ctx, at, "z", made, nil), bine.Conflict)
		ok(t, s.RestartTransfer(ctx, "p", "import-1"))
		at = got(s.TransferAt(ctx, "p", "import-1"))(t)
		same(t, "begun again", []any{at.State, at.Position, at.Progress, at.EndedAt == nil}, []any{bine.TransferRunning, "", bine.Progress{}, true})
		same(t, "faults", len(got(s.TransferFaults(ctx, "p", "import-1"))(t)), 0)
		_, err = s.Transfer(ctx, "p", "import-9")
		kind(t, "one that is not there", err, bine.NotFound)
	})
}
