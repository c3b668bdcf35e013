package amd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// errorCounts are the errors of a device since its driver was loaded.
type errorCounts struct{ uncorrected, corrected uint64 }

// health is what is compared from look to look, by id.
type health map[bine.DeviceID]errorCounts

func (s *Source) health(ctx context.Context) (health, error) {
	units, err := s.units(ctx)
	if err != nil {
		return nil, err
	}
	out, of := health{}, map[string]errorCounts{}
	for _, u := range units {
		if _, read := of[u.pci]; !read {
			of[u.pci] = count(u.pci)
		}
		out[u.device.ID] = of[u.pci]
	}
	return out, nil
}

// count adds up the errors of all parts of a device.
func count(pci string) errorCounts {
	var sum errorCounts
	files, _ := filepath.Glob(filepath.Join(pci, "ras", "*_err_count")) // the pattern is well-formed
	for _, path := range files {
		for line := range strings.Lines(text(path)) {
			var n uint64
			if _, err := fmt.Sscanf(strings.TrimSpace(line), "ue: %d", &n); err == nil {
				sum.uncorrected += n
			} else if _, err := fmt.Sscanf(strings.TrimSpace(line), "ce: %d", &n); err == nil {
				sum.corrected += n
			}
		}
	}
	return sum
}

// Watch looks every two seconds at the errors that devices counted, and which
// are there.
func (s *Source) Watch(ctx context.Context, tell func(bine.DeviceFault)) error {
	var before health
	for {
		now, err := s.health(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for id, b := range before {
			n, there := now[id]
			for _, f := range differences(b, n, there) {
				f.Device = id
				tell(f)
			}
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.look):
		}
	}
}

func differences(before, now errorCounts, there bool) []bine.DeviceFault {
	at := time.Now().UTC()
	if !there {
		return []bine.DeviceFault{{At: at, Kind: "lost", Text: "the driver does not show the device any more", Fatal: true}}
	}
	var out []bine.DeviceFault
	if now.uncorrected > before.uncorrected {
		out = append(out, bine.DeviceFault{At: at, Kind: "ras", Text: fmt.Sprintf("%d uncorrectable errors", now.uncorrected-before.uncorrected), Fatal: true})
	}
	if now.corrected > before.corrected {
		out = append(out, bine.DeviceFault{At: at, Kind: "ras", Text: fmt.Sprintf("%d corrected errors", now.corrected-before.corrected)})
	}
	return out
}
