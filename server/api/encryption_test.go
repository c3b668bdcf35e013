package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestEncryptionOfAProject(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven, root := t.Context(), w.as("olga"), w.as("sven"), w.as("root")
	e, err := sven.Encryption(ctx, "demo")
	w.ok(err)
	same(t, "at first", []any{e.On, len(e.Keys)}, []any{false, 0})
	_, err = sven.SetEncryption(ctx, "demo", client.SetEncryption{On: true})
	wants(t, "a Data Scientist", err, bine.Forbidden)
	_, err = w.as("mallory").SetEncryption(ctx, "demo", client.SetEncryption{On: true})
	wants(t, "a stranger", err, bine.NotFound)
	for range 2 {
		e, err = olga.SetEncryption(ctx, "demo", client.SetEncryption{On: true})
		w.ok(err)
		same(t, "on", []any{e.On, len(e.Keys), e.Keys[0].Version, e.Keys[0].Used}, []any{true, 1, 1, true})
	}
	e, err = root.SetEncryption(ctx, "demo", client.SetEncryption{On: true, Rotate: true})
	w.ok(err)
	same(t, "by an administrator", []any{e.On, len(e.Keys), e.Keys[0].Version}, []any{true, 2, 2})
	_, err = sven.Upload(ctx, "demo", "Resources/a", strings.NewReader("secret"), false)
	w.ok(err)
	_, err = olga.SetEncryption(ctx, "demo", client.SetEncryption{Rotate: true})
	wants(t, "a new key for nothing", err, bine.Invalid)
	e, err = olga.SetEncryption(ctx, "demo", client.SetEncryption{})
	w.ok(err)
	same(t, "off", []any{e.On, len(e.Keys)}, []any{false, 2})
	e, err = root.Encryption(ctx, "demo")
	w.ok(err)
	same(t, "as an administrator sees it", []any{e.On, len(e.Keys)}, []any{false, 2})
}

func TestRelocationsAreTransfers(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga")
	made, err := olga.StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Relocate, Files: "Resources/"})
	w.ok(err)
	same(t, "made", []any{made.ID, made.State, made.Files, w.launched.made("transfer relocate-1")}, []any{"relocate-1", "running", "Resources", true})
	whole, err := olga.StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Relocate})
	w.ok(err)
	same(t, "all of the project", whole.Files, "")
	for what, body := range map[string]client.NewTransfer{
		"a connector":             {Direction: bine.Relocate, Connector: "sea", Files: "Resources"},
		"what the platform keeps": {Direction: bine.Relocate, Files: ".artifacts"},
		"no connector":            {Direction: bine.Import, Files: "a"},
	} {
		_, err := olga.StartTransfer(t.Context(), "demo", body)
		wants(t, what, err, bine.Invalid)
	}
	_, err = olga.StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Relocate, Files: "nothing"})
	wants(t, "what is not there", err, bine.NotFound)
	_, err = w.as("sven").StartTransfer(t.Context(), "demo", client.NewTransfer{Direction: bine.Relocate})
	wants(t, "a Data Scientist", err, bine.Forbidden)
}
