package agent

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/simulated"
)

// silent is a source whose driver keeps its answers.
type silent struct {
	*simulated.Source
	answers chan struct{} // closed when it answers again
}

func (s silent) Use(context.Context) ([]bine.DeviceUse, error) {
	<-s.answers // whatever the context: a call of a driver cannot be given up
	return nil, nil
}

func TestADriverThatHangsFailsItsDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, err := simulated.Parse([]byte("devices: [{model: P100, count: 2, memory: 16GiB}]"))
		if err != nil {
			t.Fatal(err)
		}
		source := silent{simulated.New("h1", node), make(chan struct{})}
		d, err := newDevices(t.TempDir(), []gpu.Source{source}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		d.discover(ctx)
		var work sync.WaitGroup
		d.run(ctx, work.Go)
		time.Sleep(silentAfter - time.Second)
		synctest.Wait()
		var beat client.Heartbeat
		if d.fill(&beat); len(beat.Faults) != 0 {
			t.Errorf("told of %+v too early", beat.Faults)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if d.fill(&beat); len(beat.Faults) != 2 || !beat.Faults[0].Fatal || beat.Faults[0].Device == "" {
			t.Errorf("told of %+v, want one fatal fault for each device", beat.Faults)
		}
		cancel()
		work.Wait() // nobody waits for the driver
		close(source.answers)
	})
}

func BenchmarkSample(b *testing.B) {
	node, err := simulated.Parse([]byte("devices: [{model: A100, count: 8, memory: 80GiB}]"))
	if err != nil {
		b.Fatal(err)
	}
	d, err := newDevices(b.TempDir(), []gpu.Source{simulated.New("h1", node)}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	d.discover(b.Context())
	for b.Loop() { // what an agent does each second
		uses, err := ask(b.Context(), d.sources[0], laneUse, silentAfter, d.sources[0].Use)
		if err != nil {
			b.Fatal(err)
		}
		d.add(uses)
	}
}
