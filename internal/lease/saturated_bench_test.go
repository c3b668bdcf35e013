package lease_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
)

// BenchmarkSaturated measures the end of one who has a device, which grants
// another, and one who asks then, while all of so many devices are taken and a
// hundred wait of each of four projects; the first for a host of its own.
func BenchmarkSaturated(b *testing.B) {
	for _, devices := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(devices), func(b *testing.B) {
			db := databasetest.SQLite(b)
			l := lease.New(db)
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
			var running []bine.AttemptID
			n := 0
			ask := func(ctx context.Context, gpus float64) error {
				n++
				g, _, err := l.Ask(ctx, lease.Request{Attempt: bine.AttemptID(fmt.Sprint(n)), Owner: bine.Owner{Project: bine.ProjectName(fmt.Sprint("p", n%4))},
					Resources: bine.Resources{CPU: 1, Memory: gib, GPUs: gpus}, Within: time.Duration(1+n%300) * time.Minute})
				if g.Host != "" {
					running = append(running, g.Attempt)
				}
				return err
			}
			for range devices {
				if err := ask(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
			}
			if err := ask(b.Context(), 8); err != nil {
				b.Fatal(err)
			}
			for range 400 {
				if err := ask(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			for b.Loop() {
				grants, err := l.Release(b.Context(), running[0])
				if err != nil {
					b.Fatal(err)
				}
				running = running[1:]
				for _, g := range grants {
					running = append(running, g.Attempt)
				}
				if err := ask(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
