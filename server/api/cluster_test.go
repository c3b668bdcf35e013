package api_test

import (
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

// hosts makes so many hosts with eight accelerators each, ten to a rack.
func (w *world) hosts(n int, labels func(i int) []string) {
	w.t.Helper()
	for i := range n {
		name := bine.HostName(fmt.Sprintf("gpu-%04d", i))
		_, err := w.ledger.SetHost(w.t.Context(), name, bine.Resources{CPU: 64, Memory: 1 << 38}, true)
		w.ok(err)
		var devices []bine.Device
		for j := range 8 {
			devices = append(devices, bine.Device{ID: bine.DeviceID(fmt.Sprintf("%s-%d", name, j)), Index: j, Model: []string{"A100", "H100"}[i%2]})
		}
		_, err = w.ledger.SetDevices(w.t.Context(), name, labels(i), devices)
		w.ok(err)
	}
}

func TestPicturesOfLargeClustersAreSums(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.hosts(8, func(i int) []string { return []string{fmt.Sprintf("rack=r%d", i/4), "infiniband=ib0"} })
	_, _, err := w.ledger.Ask(ctx, lease.Request{Attempt: "a", Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r"}, Resources: bine.Resources{CPU: 1, Memory: 1, GPUs: 3}})
	w.ok(err)

	small, err := w.as("sven").ClusterPicture(ctx, client.ClusterFilter{})
	w.ok(err)
	same(t, "8 hosts are shown", small.By, "host")
	same(t, "racks", len(small.Groups), 2)
	same(t, "hosts of a rack", len(small.Groups[0].Members), 4)
	same(t, "labels", fmt.Sprint(small.Labels, small.Models), "[infiniband rack] [A100 H100]")
	same(t, "the reader's own project", fmt.Sprint(small.Projects), "[demo]")
	for user, want := range map[bine.UserName]string{"root": "[{demo 3000}]", "mallory": "[{ 3000}]"} {
		p, err := w.as(user).ClusterPicture(ctx, client.ClusterFilter{State: "granted"})
		w.ok(err)
		same(t, "granted accelerators", p.Devices, 3)
		same(t, "who has them to "+string(user), fmt.Sprint(p.Groups[0].Projects), want)
	}
	if p, err := w.as("mallory").ClusterPicture(ctx, client.ClusterFilter{Project: "demo"}); err != nil || p.Devices != 0 {
		t.Errorf("what a project holds is found by who does not know it: %d devices, %v", p.Devices, err)
	}

	w.hosts(80, func(i int) []string {
		if i%2 == 0 {
			return nil
		}
		return []string{fmt.Sprintf("rack=r%d", i/10), "block=b1"}
	})
	large, err := w.as("sven").ClusterPicture(ctx, client.ClusterFilter{})
	w.ok(err)
	same(t, "640 accelerators are summed up", large.By, "rack")
	same(t, "all are there", large.Devices, 640)
	same(t, "groups of racks and of neighbours", len(large.Groups), 10)
	hosts := 0
	for _, g := range large.Groups {
		same(t, g.Name+" has no members", len(g.Members), 0)
		p, err := w.as("sven").ClusterPicture(ctx, g.Filter)
		w.ok(err)
		same(t, g.Name+" opened has its hosts", p.Hosts, g.Hosts)
		same(t, g.Name+" opened is shown by host", p.By, "host")
		hosts += g.Hosts
	}
	same(t, "no host is missing", hosts, 80)
	found, err := w.as("sven").ClusterPicture(ctx, client.ClusterFilter{Model: "H100", Host: "001"})
	w.ok(err)
	same(t, "found by name and model", found.Hosts, 6)

	c, err := w.as("mallory").Cluster(ctx)
	w.ok(err)
	same(t, "hosts", c.Hosts, 80)
	same(t, "available", c.Available, 637.0)
}

func TestSharesTellOfTheReadersProjectsApart(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.hosts(1, func(int) []string { return nil })
	for i, p := range []bine.ProjectName{"demo", "demo", "other"} {
		_, _, err := w.ledger.Ask(ctx, lease.Request{Attempt: bine.AttemptID(fmt.Sprint(i)), Owner: bine.Owner{Project: p, Kind: bine.OwnerRun, Name: "r"}, Resources: bine.Resources{CPU: 1, Memory: 1, GPUs: 2}})
		w.ok(err)
	}
	_, err := w.as("root").SetQuotaBecause(ctx, "demo", bine.Quota{GPUs: 6, Guaranteed: 3}, "the paper is due")
	w.ok(err)
	audit, err := w.as("root").Audit(ctx, client.List{Limit: 1})
	w.ok(err)
	same(t, "audit record of the quota", audit.Items[0].Action+" "+audit.Items[0].Note, "set-quota gpus 0 → gpus 6, guaranteed gpus 0 → guaranteed gpus 3: the paper is due")
	for user, want := range map[bine.UserName]string{"root": "demo 4 of 3+1, other 2 of 0+2, ", "sven": "demo 4 of 3+1,  2 of 0+2, ", "mallory": "other 2 of 0+2,  4 of 3+1, "} {
		s, err := w.as(user).GPUShares(ctx, 200)
		w.ok(err)
		got := ""
		held := map[bine.ProjectName]string{}
		for _, p := range s.Projects {
			held[p.Project] = fmt.Sprintf("%s %g of %g+%g, ", p.Project, p.Held, p.Guaranteed, p.Borrowed)
			same(t, "steps", len(p.Hours), 50)
		}
		for _, p := range []bine.ProjectName{"demo", "other", ""} {
			got += held[p]
		}
		same(t, "shares to "+string(user), got, want)
		same(t, "step", s.Step, 4*3600.0)
		same(t, "devices", s.Devices, 8.0)
	}
}
