package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestAFileHasOneWriter(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	const path = "Resources/log"
	_, err := olga.AppendFile(ctx, "demo", path, 0, []byte("one "))
	w.ok(err)
	nobody, err := sven.LeaseOf(ctx, "demo", path)
	w.ok(err)
	same(t, "whom nobody wrote to", []any{nobody.Path, nobody.Holder, nobody.Epoch, nobody.Taken.IsZero()}, []any{path, "", int64(0), true})
	l, err := olga.Lease(ctx, "demo", path, "test of olga")
	w.ok(err)
	same(t, "the lease", []any{l.Path, l.Holder, l.By, l.Size, l.Epoch != 0, l.ID == nobody.ID}, []any{path, "test of olga", "demo__olga", int64(4), true, true})

	_, err = sven.Lease(ctx, "demo", path, "test of sven")
	wants(t, "a second lease", err, bine.Leased)
	if err == nil || !strings.Contains(err.Error(), "test of olga (demo__olga)") {
		t.Errorf("%v does not say who has it", err)
	}
	_, err = olga.AppendFile(ctx, "demo", path, 4, []byte("x"))
	wants(t, "an append without the lease", err, bine.Leased)
	_, err = sven.AppendUnder(ctx, "demo", path, 4, []byte("x"), l.Epoch)
	wants(t, "an append under somebody else's lease", err, bine.Fenced)
	for range 2 {
		f, err := olga.AppendUnder(ctx, "demo", path, 4, []byte("two"), l.Epoch)
		w.ok(err)
		same(t, "the size", f.Size, int64(7))
	}
	_, err = olga.ChangeFile(ctx, "demo", path, client.FileChange{Op: "truncate", Size: 3})
	wants(t, "a cut without the lease", err, bine.Leased)
	_, err = olga.ChangeFile(ctx, "demo", path, client.FileChange{Op: "truncate", Size: 3, Lease: l.Epoch})
	w.ok(err)
	_, err = olga.UploadFile(ctx, "demo", path, strings.NewReader("whole"), client.UploadOptions{Overwrite: true, Lease: l.Epoch})
	w.ok(err)

	_, err = olga.ChangeFile(ctx, "demo", path, client.FileChange{Op: "rename", To: "Resources/moved"})
	w.ok(err)
	again, err := olga.RenewLease(ctx, "demo", l)
	w.ok(err)
	same(t, "the lease of what was renamed", []any{again.Epoch, again.Renewed.Before(l.Renewed)}, []any{l.Epoch, false})
	ended, err := sven.RecoverLease(ctx, "demo", "Resources/moved")
	w.ok(err)
	same(t, "what was recovered", []any{ended.Epoch, ended.Holder}, []any{l.Epoch, "test of olga"})
	_, err = olga.RenewLease(ctx, "demo", l)
	wants(t, "renewing what was recovered", err, bine.Fenced)
	_, err = olga.AppendUnder(ctx, "demo", "Resources/moved", 5, []byte("x"), l.Epoch)
	wants(t, "writing under what was recovered", err, bine.Fenced)
	mine, err := sven.Lease(ctx, "demo", "Resources/moved", "test of sven")
	w.ok(err)
	w.ok(olga.ReleaseLease(ctx, "demo", mine))
	w.ok(sven.ReleaseLease(ctx, "demo", mine))
	w.ok(sven.ReleaseLease(ctx, "demo", mine))
	_, err = olga.AppendFile(ctx, "demo", "Resources/moved", 5, []byte("!"))
	w.ok(err)

	_, err = sven.Lease(ctx, "demo", "Models/m", "test of sven")
	wants(t, "a Data Scientist writing what is no program", err, bine.Forbidden)
	_, err = olga.Lease(ctx, "demo", "Resources/none", "x")
	wants(t, "a file that is not there", err, bine.NotFound)
	_, err = olga.Lease(ctx, "demo", "Resources/moved", "")
	wants(t, "a writer without a name", err, bine.Invalid)
	_, err = olga.Lease(ctx, "demo", ".lake/x/y", "x")
	if err == nil {
		t.Error("a lease of what a connector leads to is given")
	}
}
