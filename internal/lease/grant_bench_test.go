package lease_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

// BenchmarkGrant measures one request for a device and its end, with so many
// devices on hosts of 8, by so many who ask at once. MariaDB does not sync here:
// bine bench gpu --durable measures what does.
func BenchmarkGrant(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *database.DB{"SQLite": databasetest.SQLite, "MariaDB": databasetest.MariaDB} {
		for _, devices := range []int{100, 1000, 10000} {
			l := lease.New(open(b))
			for i := 0; i*8 < devices; i++ {
				host := bine.HostName(fmt.Sprintf("h%05d", i))
				var all []bine.Device
				for d := range min(8, devices-i*8) {
					all = append(all, bine.Device{ID: bine.DeviceID(fmt.Sprintf("%s/%d", host, d)), Vendor: bine.VendorSimulated, Model: "A100", Index: d})
				}
				if _, err := l.SetHost(b.Context(), host, bine.Resources{CPU: 128, Memory: 1 << 40}, true); err != nil {
					b.Fatal(err)
				}
				if _, err := l.SetDevices(b.Context(), host, nil, all); err != nil {
					b.Fatal(err)
				}
			}
			for _, at := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/%d/%d", name, devices, at), func(b *testing.B) { benchmarkGrant(b, l, at) })
			}
		}
	}
}

func benchmarkGrant(b *testing.B, l *lease.Ledger, at int) {
	var n atomic.Int64
	var wait sync.WaitGroup
	for range at {
		wait.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				id := bine.AttemptID(fmt.Sprintf("%s-%d", b.Name(), i))
				g, _, err := l.Ask(b.Context(), lease.Request{Attempt: id, Resources: gpus(1)})
				if err != nil || g.Host == "" {
					b.Error(g, err)
					return
				}
				if _, err := l.Release(b.Context(), id); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}
