package embedded_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/internal/temporal/reference"
)

func TestAServerKeepsItsDataInMySQL(t *testing.T) {
	dir := t.TempDir()
	o := embedded.Options{Dir: dir, Store: databasetest.MariaDBAddress(t)}
	s := start(t, o)
	c := dial(t, s, dir)
	stopWorker := work(t, c)
	if err := begin(t, c, "chain", reference.ChainName, 3).Get(t.Context(), nil); err != nil {
		t.Error(err)
	}
	begin(t, c, "waiter", waiting)
	stopWorker()
	c.Close()
	stop(t, s)

	s = start(t, o)
	defer stop(t, s)
	c = dial(t, s, dir)
	defer c.Close()
	defer work(t, c)()
	if err := c.SignalWorkflow(t.Context(), "waiter", "", signal, "still here"); err != nil {
		t.Fatal(err)
	}
	var said string
	if err := c.GetWorkflow(t.Context(), "waiter", "").Get(t.Context(), &said); err != nil || said != "still here" {
		t.Errorf("after restart the workflow answered %q, %v", said, err)
	}
}

func TestAWrongStoreIsRefusedWithoutItsPassword(t *testing.T) {
	for store, kind := range map[string]bine.Kind{
		"postgres://bine:hush@localhost/x":     bine.Invalid,
		"mysql://bine:hush@localhost":          bine.Invalid,
		"mysql://bine:hush@127.0.0.1:1/bine":   bine.Unavailable,
		"mysql://bine:hush@local host:3306/db": bine.Invalid,
	} {
		_, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Store: store})
		if !bine.IsKind(err, kind) || strings.Contains(err.Error(), "hush") {
			t.Errorf("start on %s: got %v, want kind %s and no password", store, err, kind)
		}
	}
}
