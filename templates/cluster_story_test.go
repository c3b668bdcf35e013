package templates_test

import (
	"fmt"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// picture is a cluster of so many hosts with eight accelerators each, as the
// API tells of it: one by one, or in racks.
func (f *fixture) picture(n int, one bool) client.ClusterPicture {
	p := client.ClusterPicture{By: "rack", Hosts: n, Devices: 8 * n, Models: []string{"A100-SXM4-80GB", f.text("H100")}, Labels: []string{"infiniband", "rack", f.text("ssd")}, Projects: []bine.ProjectName{"demo", "vision"},
		States: []bine.DeviceState{bine.DeviceCordoned, bine.DeviceLost, bine.DeviceReady}, Profiles: []string{"1g.5gb"}}
	if one {
		p.By = "host"
	}
	projects := []bine.ProjectName{"demo", "vision", "", "speech", "maps", "robots", "search", "ads", "text", "tables"}
	for i := range n {
		rack := fmt.Sprintf("%s%02d", f.text("r"), i/12)
		if len(p.Groups) == 0 || p.Groups[len(p.Groups)-1].Filter.Rack != rack {
			p.Groups = append(p.Groups, client.ClusterGroup{Name: "b1 / " + rack, Filter: client.ClusterFilter{Block: "b1", Rack: rack}, States: map[bine.DeviceState]int{}})
		}
		g := &p.Groups[len(p.Groups)-1]
		h := bine.HostPicture{Name: bine.HostName(fmt.Sprintf("gpu-%04d", i)), Up: i%23 != 7, Cordoned: i == 5, Labels: []string{f.text("ssd"), "rack=" + rack}, Rack: rack, Block: "b1",
			Total: bine.Resources{CPU: 64, Memory: 512 << 30, GPUs: 8}, Used: bine.Resources{CPU: 20, Memory: 100 << 30}}
		for j := range 8 {
			busy := float64((i*8+j)%10) / 9
			d := bine.DevicePicture{ID: bine.DeviceID(fmt.Sprintf("GPU-%d-%d", i, j)), Index: j, Model: p.Models[i%2], State: bine.DeviceReady, Busy: &busy, Memory: 30 << 30}
			switch {
			case !h.Up:
				d.State = bine.DeviceLost
			case (i*8+j)%41 == 40:
				d.State = []bine.DeviceState{bine.DeviceCordoned, bine.DeviceDraining, bine.DeviceTesting, bine.DeviceProbation}[i%4]
			case j == 7:
				d.Used, d.By = 750, []bine.ProjectShares{{Project: "demo", Milli: 500}, {Project: "vision", Milli: 250}}
			case (i+j)%3 > 0:
				d.Used, d.By = 1000, []bine.ProjectShares{{Project: projects[(i/3+j/4)%len(projects)], Milli: 1000}}
			}
			g.States[d.State]++
			g.Used.GPUs += float64(d.Used) / 1000
			h.Used.GPUs += float64(d.Used) / 1000
			g.Projects = append(g.Projects, d.By...)
			h.Devices = append(h.Devices, d)
		}
		if !h.Up {
			g.Lost++
		}
		g.Hosts++
		g.Total.GPUs += 8
		g.Busy = 0.61
		if one {
			g.Members = append(g.Members, h)
		}
	}
	for i := range p.Groups { // each project once
		sums := map[bine.ProjectName]int{}
		for _, s := range p.Groups[i].Projects {
			sums[s.Project] += s.Milli
		}
		p.Groups[i].Projects = nil
		for _, name := range projects {
			if sums[name] > 0 {
				p.Groups[i].Projects = append(p.Groups[i].Projects, bine.ProjectShares{Project: name, Milli: sums[name]})
			}
		}
	}
	return p
}

func (f *fixture) hosts() templates.HostsPage {
	p := f.hostsOf(4, true)
	p.Hosts = []bine.Host{
		{Name: "gpu-0000", State: bine.HostUp, Confine: "landlock-7", Python: "3.11.7", Version: "dev", SeenAt: before(3 * time.Second)},
		{Name: "gpu-0001", State: bine.HostUp, Confine: f.text("none: the kernel has no Landlock"), Version: "dev", SeenAt: before(3 * time.Hour)}}
	return p
}

func (f *fixture) hostsOf(n int, one bool) templates.HostsPage {
	return templates.HostsPage{Shell: f.shell("Hosts", "hosts"), Picture: f.picture(n, one), Filter: client.ClusterFilter{Model: f.text("H100")}}
}

func (f *fixture) host() templates.HostPage {
	h := f.picture(6, true).Groups[0].Members[5]
	return templates.HostPage{Shell: f.shell("gpu-0005", "hosts"), HostView: client.HostView{Picture: h, Others: 2,
		Host: bine.Host{Name: h.Name, Address: "10.0.0.5", Confine: f.text("landlock-7"), Version: "dev", SeenAt: before(time.Second)},
		Leases: []bine.Lease{{Attempt: "a1", Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-9", Step: "train", Item: f.text("gbm")}, Resources: bine.Resources{CPU: 4, Memory: 8 << 30, GPUs: 2, GPU: f.text("2 GPUs on 1 host with A100")},
			AskedAt: before(time.Hour), GrantedAt: beforeP(time.Minute), AskedBack: beforeP(time.Second)}},
		Events: []bine.DeviceEvent{{Device: "GPU-5-0", At: before(time.Hour), State: bine.DeviceTesting, Reason: f.text("XID 79"), User: "ada"}}}}
}

func (f *fixture) ask(what string) templates.AskPage {
	form := templates.AskForm{Project: "demo", Projects: []bine.ProjectName{"demo", "vision"}, Words: f.text("4 GPUs on 2 hosts with A100, infiniband within rack prefer block for 2h preemptible"), CPU: "8", Memory: "32", Open: true, Alone: true,
		Fields:  templates.AskPart{Of: "whole", Count: "4", Hosts: "2", Models: "A100", Fabric: "infiniband", Within: "rack", Prefer: "block", Seconds: "2h", Preemptible: true, Labels: f.text("ssd")},
		Choices: templates.AskChoices{Models: []string{"A100", f.text("H100")}, Profiles: []string{"1g.5gb"}, Fabrics: []string{"infiniband"}, Labels: []string{f.text("ssd")}},
		Verdict: &bine.Verdict{Request: f.text("4 GPUs on 2 hosts with A100, infiniband within rack for 2h preemptible"), Answer: bine.VerdictAnswer(what), Reason: f.text("waits for 4 GPUs on 2 hosts: 3 of 4 are free"), Hosts: []bine.HostName{"gpu-0001", "gpu-0002"}}}
	switch what {
	case "never":
		form.Verdict.Hosts, form.Verdict.Reason = nil, f.text("4 GPUs on 2 hosts with P100 will never be granted as things stand: no host has P100; the cluster has 16 A100 (up to 8 a host, 2 hosts)")
	case "not_now":
		form.Verdict.Hosts = nil
	case "fault":
		form.Words, form.Verdict = "20 GPUs on 3 hosts", nil
		form.Fault = &templates.AskFault{Message: f.text(`20 GPUs cannot be split evenly over 3 hosts: change a number, or add "uneven"`), Column: 9, Example: f.text("18 GPUs on 3 hosts")}
	}
	return templates.AskPage{Shell: f.shell("Ask", "hosts"), Form: form}
}

func (f *fixture) gets() []templates.StepGets {
	return []templates.StepGets{
		{Step: "train", Asks: bine.Resources{CPU: 4, Memory: 8 << 30, GPUs: 4, GPU: f.text("4 GPUs on 2 hosts")}, AskForm: f.ask("not_now").Form},
		{Step: "test", Asks: bine.Resources{CPU: 1, Memory: 1 << 30, GPUs: 1}, AskForm: f.ask("now").Form}}
}

func (f *fixture) shares() templates.SharesPage {
	s := client.GPUShares{From: before(23 * time.Hour).Truncate(time.Hour), To: now, Step: 3600, Devices: 16}
	for i, p := range []bine.ProjectName{"demo", bine.ProjectName(f.text("vision")), "speech", ""} {
		one := bine.ProjectShare{Project: p, Held: float64(6 - i), Guaranteed: 4, Borrowed: float64(max(0, 2-i)), Weight: 1, Limit: 8 * float64(i%2), Wanted: float64(i * 2)}
		for h := range 24 {
			hours := float64((h*(i+2)+3*i)%7) * 0.8
			if h == 23 {
				hours *= 26.0 / 60
			}
			one.Hours = append(one.Hours, hours)
			one.Total += hours
		}
		s.Projects = append(s.Projects, one)
	}
	return templates.SharesPage{Shell: f.shell("Shares", "shares"), GPUShares: s, Hours: 24}
}

// queue is a line in which somebody waits with a place that is kept, and
// somebody gives back.
func (f *fixture) queue(show string) templates.QueuePage {
	owner := func(n string) bine.Owner {
		return bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "flights-" + n, Step: "train", Item: f.text("gbm")}
	}
	soon := now.Add(47 * time.Minute)
	return templates.QueuePage{Shell: f.shell("Queue", "queue"), Show: show, Roles: map[bine.ProjectName]bine.Role{"demo": bine.DataOwner}, Cluster: bine.Cluster{Waiting: 4, ForGPUs: 2, Available: 3, Back: 1, Total: bine.Resources{GPUs: 16}},
		Leases: []bine.Lease{
			{Attempt: "w1", Owner: owner("9"), Resources: bine.Resources{CPU: 32, Memory: 256 << 30, GPUs: 16, GPU: f.text("16 GPUs on 2 hosts with H100, infiniband within rack for 4h")}, Reason: f.text("waits for 16 GPUs on 2 hosts: 3 are free, on 2 hosts"), AskedAt: before(20 * time.Minute), Place: 1, StartsAt: &soon, Priority: bine.PriorityHigh,
				Reservation: &bine.Reservation{At: &soon, Since: before(10 * time.Minute), Hosts: []bine.HostName{"gpu-1", "gpu-2", "gpu-3", "gpu-4"}, Devices: make([]bine.DeviceID, 16)}},
			{Attempt: "w2", Owner: owner("8"), Resources: bine.Resources{CPU: 1, Memory: 1 << 30, GPUs: 1}, Reason: "waits for 1 GPU on 1 host: others go before", AskedAt: before(time.Minute), Place: 2},
			{Attempt: "w3", Owner: bine.Owner{Project: "vision", Kind: bine.OwnerDeployment, Name: "delay@2"}, Resources: bine.Resources{CPU: 32, Memory: 8 << 30}, Slots: []bine.Slot{{Name: f.text("pool/db"), Count: 2}}, Reason: f.text("waits for 32 CPU on one host"), AskedAt: before(time.Minute)},
			{Attempt: "b1", Owner: owner("7"), Host: "gpu-1", Hosts: []bine.HostName{"gpu-1", "gpu-2"}, Devices: make([]bine.DeviceID, 4), Resources: bine.Resources{CPU: 4, Memory: 8 << 30, GPUs: 4, GPU: "4 GPUs on 2 hosts preemptible"}, AskedAt: before(time.Hour), GrantedAt: beforeP(50 * time.Minute), AskedBack: beforeP(12 * time.Second), Yields: true},
			{Attempt: "g1", Owner: owner("6"), Host: "gpu-3", Devices: make([]bine.DeviceID, 1), Resources: bine.Resources{CPU: 4, Memory: 8 << 30, GPUs: 1}, AskedAt: before(time.Hour), GrantedAt: beforeP(50 * time.Minute), EndsAt: &soon}}}
}

func (f *fixture) lease(waits bool) templates.LeasePage {
	q := f.queue("")
	p := templates.LeasePage{Shell: f.shell("train", "queue"), Queue: q, History: client.LeaseHistory{Owner: q.Leases[3].Owner, Asked: before(2 * time.Hour), Granted: beforeP(time.Hour), AskedBack: beforeP(6 * time.Minute), Ended: beforeP(5 * time.Minute),
		Attempt:    bine.Attempt{ID: "b1", Number: 2, State: bine.Lost, Failure: bine.FailurePreempted, Reason: f.text("it made room for others"), Host: "gpu-1", StartedAt: beforeP(59 * time.Minute), EndedAt: beforeP(5 * time.Minute)},
		Checkpoint: &bine.ArtifactRef{Size: 2 << 30}, Resumed: &bine.ArtifactRef{Size: 1 << 30},
		Grants: []bine.GrantRecord{
			{DeviceGrant: bine.DeviceGrant{Device: "GPU-1", Milli: 1000, Epoch: 7}, Host: "gpu-1", GrantedAt: before(time.Hour), EndedAt: beforeP(5 * time.Minute), Busy: 0.83, MemoryPeak: 60 << 30, BusyAt: beforeP(6 * time.Minute)},
			{DeviceGrant: bine.DeviceGrant{Device: bine.DeviceID(f.text("GPU-2")), Milli: 1000, Epoch: 3}, Host: "gpu-2", GrantedAt: before(time.Hour), EndedAt: beforeP(5 * time.Minute), Busy: 0.11}}}}
	p.History.Attempts = []bine.Attempt{{ID: "b0", Number: 1, State: bine.Failed, Reason: f.text("lost")}, p.History.Attempt}
	if waits {
		p.History = client.LeaseHistory{Owner: q.Leases[0].Owner, Live: &q.Leases[0], Asked: q.Leases[0].AskedAt}
	}
	return p
}
