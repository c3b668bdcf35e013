package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestTheClusterIsShownByRackSharesAndRequests(t *testing.T) {
	busy, at := 0.5, time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	routes := map[string]any{
		"GET cluster/picture": client.ClusterPicture{By: "host", Groups: []client.ClusterGroup{{Name: "b1 / r7", Members: []bine.HostPicture{{Name: "gpu-1", Up: true, Total: bine.Resources{GPUs: 2}, Used: bine.Resources{GPUs: 1},
			Devices: []bine.DevicePicture{{State: bine.DeviceReady, Busy: &busy, By: []bine.ProjectShares{{Project: "demo", Milli: 500}, {Milli: 500}}}, {State: bine.DeviceTesting}}}}}}},
		"GET gpu-shares": client.GPUShares{Projects: []bine.ProjectShare{{Project: "demo", Held: 3, Guaranteed: 2, Borrowed: 1, Total: 12.25}, {Held: 4}}},
		"GET leases/a1":  client.LeaseHistory{Owner: bine.Owner{Project: "demo", Name: "r-1", Step: "train"}, Asked: at, Grants: []bine.GrantRecord{{DeviceGrant: bine.DeviceGrant{Device: "GPU-9", Milli: 1000, Epoch: 7}, GrantedAt: at, Busy: 0.83}}},
	}
	for args, wants := range map[string][]string{
		"gpu map":                {"b1 / r7", "gpu-1", "1 of 2", "50%", "1 testing", "demo 0.5, (others) 0.5"},
		"gpu shares --hours 168": {"demo", "12.2", "(others)"},
		"gpu history a1":         {"demo r-1 train", "GPU-9", "83%"},
	} {
		out, _, err := command(t, routes, strings.Fields(args)...)
		if err != nil {
			t.Errorf("bine %s: %v", args, err)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("bine %s does not show %q:\n%s", args, want, out)
			}
		}
	}
}
