package agent

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestAGangReachesTheFabricAndNobodyElse(t *testing.T) {
	dir := t.TempDir()
	var all []string
	for _, name := range []string{"rdma_cm", "uverbs0"} {
		all = append(all, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "by-path"), 0o700); err != nil {
		t.Fatal(err)
	}
	held := []bine.DeviceGrant{{Device: "d", Epoch: 1, Milli: 1000}}
	for _, c := range []struct {
		name  string
		size  string
		held  []bine.DeviceGrant
		where string
		want  []string
	}{
		{"a gang on two hosts", "2", held, dir, all},
		{"one host", "", held, dir, nil},
		{"a gang of one", "1", held, dir, nil},
		{"a gang without devices", "2", nil, dir, nil},
		{"a host without Infiniband", "2", held, filepath.Join(dir, "none"), nil},
	} {
		p := plan{Assignment: client.Assignment{Devices: c.held, Context: map[string]string{"BINE_WORLD_SIZE": c.size}}}
		if got := fabricFiles(p, c.where); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
