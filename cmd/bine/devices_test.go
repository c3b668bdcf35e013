package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/simulated"
)

func TestAccelerators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.yml")
	if err := os.WriteFile(path, []byte("labels: [infiniband, big]\ndevices: [{model: P100, count: 2, memory: 16GiB}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sources, labels, err := accelerators(hostConfig{Name: "h1", Labels: []string{"big", "rack=r1"}, Devices: path})
	if err != nil || len(sources) != 1 || !slices.Equal(labels, []string{"big", "infiniband", "rack=r1"}) {
		t.Fatalf("accelerators = %v, %q, %v", sources, labels, err)
	}
	all, err := sources[0].Devices(t.Context())
	if err != nil || len(all) != 2 || all[1].ID != simulated.ID("h1", 1) {
		t.Errorf("Devices = %+v, %v", all, err)
	}
	if sources, _, err := accelerators(hostConfig{Devices: noDevices}); err != nil || len(sources) != 0 {
		t.Errorf("with none there are %v, %v", sources, err)
	}
	if sources, _, err := accelerators(hostConfig{}); err != nil || len(sources) != 2 {
		t.Errorf("those of the machine come from %v, %v", sources, err)
	}
	if _, _, err := accelerators(hostConfig{Devices: path + ".not"}); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a node file that is not there = %v", err)
	}
}
