package lease_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

func TestClusterSumsUpWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		ctx := t.Context()
		empty, err := l.Cluster(ctx)
		want(t, "of nothing", err, error(nil))
		want(t, "hosts of nothing", empty.Hosts, 0)
		setDevices(t, l, "a", 3, "P100", "rack=r1", "block=b1", "infiniband")
		setDevices(t, l, "b", 2, "A100")
		setDevices(t, l, "gone", 2, "A100")
		ask(t, l, "one", words(1, "2 P100 GPUs"))
		ask(t, l, "half", gpus(0.5))
		setHost(t, l, "gone", 1000, false)
		ask(t, l, "waits", words(4, "4 A100 GPUs on any host"))
		if _, err := l.Cordon(ctx, "b-1", true, "fan", "root"); err != nil {
			t.Fatal(err)
		}
		c, err := l.Cluster(ctx)
		want(t, "sums", err, error(nil))
		want(t, "hosts", c.Hosts, 3)
		want(t, "lost hosts", c.Lost, 1)
		want(t, "accelerators", c.Total.GPUs, 5.0)
		want(t, "granted", c.Used.GPUs, 2.5)
		want(t, "available", c.Available, 1.5)
		want(t, "waiting", c.Waiting, 1)
		want(t, "waiting for accelerators", c.ForGPUs, 1)
		want(t, "cores granted", c.Used.CPU, 5.0)
		want(t, "ready", c.Devices[bine.DeviceReady], 4)
		want(t, "cordoned", c.Devices[bine.DeviceCordoned], 1)
		want(t, "lost", c.Devices[bine.DeviceLost], 2)

		hosts, err := l.Picture(ctx)
		want(t, "picture", err, error(nil))
		want(t, "hosts in it", len(hosts), 3)
		a := hosts[0]
		want(t, "rack", a.Rack, "r1")
		want(t, "block", a.Block, "b1")
		want(t, "model", a.Devices[0].Model, "P100")
		want(t, "granted of a", a.Used.GPUs, 2.5)
		want(t, "cordoned in it", hosts[1].Devices[1].State, bine.DeviceCordoned)
		want(t, "of a host that is not up", hosts[2].Devices[0].State, bine.DeviceLost)
		held := 0
		for _, d := range a.Devices {
			for _, s := range d.By {
				held += s.Milli
			}
		}
		want(t, "by projects", held, 2500)
	})
}
