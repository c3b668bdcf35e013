package agent

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/simulated"
)

// TestNoDeviceIsHeldTwice lets grants come late and in any order, and the agent
// start anew in between: whole devices go to later grants only, and nobody
// begins beside a holder that he was not told of.
func TestNoDeviceIsHeldTwice(t *testing.T) {
	node, err := simulated.Parse([]byte("devices: [{model: P100, count: 2, memory: 16GiB}]"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "bine-admit-*")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		open := func(held map[bine.AttemptID][]bine.DeviceGrant) *devices {
			d, err := newDevices(dir, []gpu.Source{simulated.New("h1", node)}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			d.discover(t.Context())
			for id, grants := range held {
				d.hold(id, grants)
			}
			return d
		}
		d := open(nil)
		newest := map[bine.DeviceID]epochs{}
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"grant", "grant", "grant", "release", "restart"}).Draw(t, "what") {
			case "restart":
				d = open(d.held)
			case "release":
				for id := range d.held {
					d.release(id)
					break
				}
			default:
				g := bine.DeviceGrant{Device: simulated.ID("h1", rapid.IntRange(0, 1).Draw(t, "device")),
					Milli: rapid.SampledFrom([]int{250, 500, 1000}).Draw(t, "milli"), Epoch: rapid.Int64Range(1, 20).Draw(t, "epoch")}
				admitOne(t, d, bine.AttemptID(fmt.Sprintf("a%d", n)), g, newest)
			}
		}
	})
}

func admitOne(t *rapid.T, d *devices, id bine.AttemptID, g bine.DeviceGrant, newest map[bine.DeviceID]epochs) {
	others, err := d.admit(id, []bine.DeviceGrant{g})
	if err != nil {
		if !bine.IsKind(err, bine.Fenced) || d.held[id] != nil {
			t.Fatalf("admit(%+v) = %v, and holds %+v", g, err, d.held[id])
		}
		if !newest[g.Device].late(g) && len(d.held) == 0 {
			t.Fatalf("admit(%+v) = %v, though it is the newest", g, err)
		}
		return
	}
	if newest[g.Device].late(g) {
		t.Fatalf("admit(%+v) after %+v", g, newest[g.Device])
	}
	newest[g.Device] = newest[g.Device].with(g)
	for other, held := range d.held {
		for _, h := range held {
			if other != id && h.Device == g.Device && h.Milli+g.Milli > wholeDevice && !slices.Contains(others, other) {
				t.Fatalf("admit(%+v) does not tell of %s, which holds %+v", g, other, h)
			}
		}
	}
	for _, other := range others { // the agent ends them before it begins
		if d.held[other][0].Epoch >= g.Epoch {
			t.Fatalf("admit(%+v) ends %s, which has it by %+v", g, other, d.held[other])
		}
		d.release(other)
	}
}
