package cli_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/cli"
)

// past is a host with four devices, and work of two projects that was too much for it.
func past() map[string]any {
	host := bine.Host{Name: "gpu-1", State: bine.HostUp, Capacity: bine.Resources{CPU: 64, Memory: 1 << 40}}
	for i := range 4 {
		host.Devices = append(host.Devices, bine.Device{ID: bine.DeviceID(fmt.Sprint("GPU-", i)), Vendor: bine.VendorSimulated, Model: "A100", Index: i})
	}
	began := time.Now().Add(-24 * time.Hour)
	var records []bine.LeaseRecord
	for i := range 24 {
		asked := began.Add(time.Duration(i) * 10 * time.Minute)
		granted := asked.Add(time.Duration(i) * time.Minute)
		r := bine.LeaseRecord{Attempt: bine.AttemptID(fmt.Sprint("a", i)), Project: bine.ProjectName([]string{"vision", "speech"}[i%2]), GPUs: float64(1 + i%4), CPU: 1, Memory: 1 << 30,
			AskedAt: asked, GrantedAt: granted, EndedAt: new(granted.Add(time.Duration(20+i) * time.Minute))}
		if i%5 == 0 {
			r.Request = fmt.Sprintf("%d GPUs preemptible", 1+i%4)
		}
		records = append(records, r)
	}
	return map[string]any{"GET hosts": []bine.Host{host, {Name: "plain"}}, "GET lease-history": records,
		"GET projects/vision/quota": bine.Quota{Guaranteed: 2}, "GET projects/speech/quota": bine.Quota{}}
}

func TestWhatIf(t *testing.T) {
	table, drawing := filepath.Join(t.TempDir(), "x.csv"), filepath.Join(t.TempDir(), "x.svg")
	out, _, err := command(t, past(), "gpu", "whatif", "--policy", "bestfit", "--rule", "first-come,backfill", "--hosts", "2 like gpu-1", "--quota", "vision=4/4/2", "--cells", "speech: 2 GPUs", "--csv", table, "--svg", drawing)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"as it was", "by the rules of now", "policy bestfit", "rule first-come", "rule backfill", "hosts +2 like gpu-1", "quota vision=4/4/2", "cells speech: 2 GPUs", "11.5 min"} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != 9 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	wait := map[string]string{}
	for _, r := range rows[1:] {
		if wait[r[0]] = r[4]; (r[1] != "24") != strings.HasPrefix(r[0], "cells") || (r[2] == "0") == strings.HasPrefix(r[0], "cells") {
			t.Errorf("%s: %s are done, %s never", r[0], r[1], r[2])
		}
	}
	if wait["hosts +2 like gpu-1"] != "0.0000" || wait["replayed by the rules of now"] == "0.0000" {
		t.Errorf("more hosts are of no use: %v", wait)
	}
	drawn, err := os.Open(drawing)
	if err != nil {
		t.Fatal(err)
	}
	defer drawn.Close()
	for d := xml.NewDecoder(drawn); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the drawing: %v", err)
		}
	}
}

func TestWhatIfSaysWhatIsWrong(t *testing.T) {
	for args, exit := range map[string]int{
		"--hosts=many": cli.ExitUsage, "--quota=vision": cli.ExitUsage, "--quota=none=1": cli.ExitUsage, "--rule=lottery": cli.ExitUsage, "--cells=speech": cli.ExitUsage,
	} {
		if _, _, err := command(t, past(), "gpu", "whatif", args); cli.ExitCode(err) != exit {
			t.Errorf("%s: %v", args, err)
		}
	}
	for _, args := range []string{"--policy=best", "--hosts=1 like gpu-9", "--cells=speech: 2 hosts"} {
		if _, _, err := command(t, past(), "gpu", "whatif", args); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("%s: %v", args, err)
		}
	}
	none := past()
	none["GET lease-history"] = []bine.LeaseRecord{}
	if _, _, err := command(t, none, "gpu", "whatif"); err == nil || !strings.Contains(err.Error(), "nobody had accelerators") {
		t.Errorf("without a past: %v", err)
	}
}
