package lease_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

// setDevices gives a host devices of a model, with plenty of cores and memory.
func setDevices(t *testing.T, l *lease.Ledger, host bine.HostName, n int, model string, labels ...string) []bine.AttemptID {
	t.Helper()
	setHost(t, l, host, 1000, true)
	var all []bine.Device
	for i := range n {
		all = append(all, bine.Device{ID: bine.DeviceID(fmt.Sprintf("%s-%d", host, i)), Vendor: bine.VendorSimulated, Model: model, Index: i, Memory: 16 * gib})
	}
	grants, err := l.SetDevices(t.Context(), host, labels, all)
	if err != nil {
		t.Fatal(err)
	}
	return attempts(grants)
}

func gpus(n float64) bine.Resources { return bine.Resources{CPU: 1, Memory: gib, GPUs: n} }

func words(n float64, text string) bine.Resources {
	return bine.Resources{CPU: 4, Memory: 4 * gib, GPUs: n, GPU: text}
}

func granted(t *testing.T, l *lease.Ledger, id bine.AttemptID) string {
	t.Helper()
	list, err := l.Granted(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, g := range list {
		all = append(all, fmt.Sprintf("%s:%d@%d", g.Device, g.Milli, g.Epoch))
	}
	return strings.Join(all, " ")
}

func TestDevicesAreGrantedByName(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100")
		host, _ := ask(t, l, "one", gpus(2))
		want(t, "host", host, "a")
		want(t, "devices", granted(t, l, "one"), "a-0:1000@1 a-1:1000@1")
		host, reason := ask(t, l, "two", gpus(1))
		want(t, "the second's host", host, "")
		if !strings.Contains(reason, "1 GPU") {
			t.Errorf("reason %q does not say what it waits for", reason)
		}
		want(t, "granted next", release(t, l, "one"), []bine.AttemptID{"two"})
		want(t, "its device", granted(t, l, "two"), "a-0:1000@2")
		want(t, "that of who ended", granted(t, l, "one"), "")
	})
}

func TestADeviceIsSharedByFractions(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 1, "P100")
		for i, wanted := range []string{"a-0:400@1", "a-0:400@2"} {
			id := bine.AttemptID(fmt.Sprint(i))
			ask(t, l, id, gpus(0.4))
			want(t, "share", granted(t, l, id), wanted)
		}
		host, _ := ask(t, l, "third", gpus(0.4))
		want(t, "a share that is not left", host, "")
		all, err := l.Devices(t.Context())
		if err != nil || len(all) != 1 || all[0].Used != 800 || len(all[0].Grants) != 2 {
			t.Errorf("devices = %+v, %v; want one of which 800 are used by two", all, err)
		}
	})
}

func TestAGangIsGrantedWholeOrNotAtAll(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100", "Infiniband", "rack=1")
		setDevices(t, l, "b", 2, "P100", "Infiniband", "rack=1")
		ask(t, l, "small", gpus(1))
		host, reason := ask(t, l, "gang", words(4, "4 GPUs on 2 hosts with Infiniband, P100"))
		want(t, "while one is missing", fmt.Sprint(host, granted(t, l, "gang")), "")
		if !strings.Contains(reason, "4 GPUs on 2 hosts") {
			t.Errorf("reason %q does not say what it waits for", reason)
		}
		want(t, "granted", release(t, l, "small"), []bine.AttemptID{"gang"})
		g, _, err := l.Ask(t.Context(), lease.Request{Attempt: "gang"})
		if err != nil || g.Host != "a" || fmt.Sprint(g.Others) != "[b]" {
			t.Errorf("asked again: %+v, %v; want hosts a and b", g, err)
		}
		want(t, "of the first", granted(t, l, "gang"), "a-0:1000@2 a-1:1000@1")
		want(t, "of the second", granted(t, l, bine.AttemptID("gang").Member(1)), "b-0:1000@1 b-1:1000@1")
		leases, err := l.Leases(t.Context())
		if err != nil || len(leases) != 1 || len(leases[0].Hosts) != 2 || len(leases[0].Devices) != 4 || leases[0].Resources.CPU != 2 {
			t.Errorf("leases = %+v, %v; want one on two hosts with four devices and two cores on each", leases, err)
		}
		release(t, l, "gang")
		host, _ = ask(t, l, "after", words(4, "4 GPUs on 2 hosts"))
		want(t, "all of it is free again", host, "a")
	})
}

func TestWhatNoHostsCanGiveIsRefusedWithWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100")
		for _, r := range []bine.Resources{gpus(3), words(1, "1 GPU on 1 host with A100"), words(2, "2 GPUs on 2 hosts"), words(1, "1 GPU on 1 host with Infiniband")} {
			_, _, err := l.Ask(t.Context(), lease.Request{Attempt: "never", Resources: r})
			if !bine.IsKind(err, bine.NoQuota) || !strings.Contains(err.Error(), "P100") {
				t.Errorf("%+v: got %v, want an error that says what there is", r, err)
			}
			v, err := l.Verdict(t.Context(), "p", r)
			if err != nil || v.Answer != bine.VerdictNever {
				t.Errorf("%+v: verdict %+v, %v; want never", r, v, err)
			}
		}
	})
}

func TestAVerdictGrantsNothing(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100")
		for range 2 {
			v, err := l.Verdict(t.Context(), "p", gpus(2))
			if err != nil || v.Answer != bine.VerdictNow || len(v.Devices) != 2 {
				t.Fatalf("verdict %+v, %v; want now, with two devices", v, err)
			}
		}
		ask(t, l, "one", gpus(1))
		want(t, "epoch", granted(t, l, "one"), "a-0:1000@1")
		v, err := l.Verdict(t.Context(), "p", gpus(2))
		if err != nil || v.Answer != bine.VerdictNotNow || v.Reason == "" {
			t.Errorf("verdict %+v, %v; want not now, with the reason", v, err)
		}
	})
}

func TestALostOrCordonedDeviceTakesNoNewWork(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100")
		if _, err := l.Cordon(t.Context(), "a-0", true, "fan is loud", "ada"); err != nil {
			t.Fatal(err)
		}
		ask(t, l, "one", gpus(1))
		want(t, "beside the cordoned one", granted(t, l, "one"), "a-1:1000@1")
		setDevices(t, l, "a", 1, "P100") // a-1 is gone, with who has it
		host, _ := ask(t, l, "two", gpus(1))
		want(t, "nothing is left", host, "")
		want(t, "what is granted stays granted", granted(t, l, "one"), "a-1:1000@1")
		if grants, err := l.Cordon(t.Context(), "a-0", false, "", "ada"); err != nil || len(grants) != 1 {
			t.Errorf("uncordon grants %v, %v; want what waits", grants, err)
		}
		release(t, l, "one")
		want(t, "a lost one is not granted again", release(t, l, "two"), []bine.AttemptID{})
		setDevices(t, l, "a", 2, "P100")
		host, _ = ask(t, l, "three", gpus(2))
		want(t, "it is there again, but not tested", host, "")
		test, _, err := l.Heard(t.Context(), "a", nil, nil)
		want(t, "what is to be tested", fmt.Sprint(test, err), "[a-1] <nil>")
		test, _, err = l.Heard(t.Context(), "a", nil, []bine.DeviceTest{{Device: "a-1", At: time.Now()}})
		want(t, "when it has passed", fmt.Sprint(test, err), "[] <nil>")
		host, _ = ask(t, l, "three", gpus(2))
		want(t, "on probation it takes nothing that cannot be interrupted", host, "")
		release(t, l, "three")
		ask(t, l, "four", words(2, "2 GPUs on 1 host preemptible"))
		want(t, "but what can", granted(t, l, "four"), "a-0:1000@2 a-1:1000@2")
		grants, events, err := l.DeviceHistory(t.Context(), "a-1", 10)
		if err != nil || len(grants) != 2 || grants[1].EndedAt == nil || len(events) != 4 || events[2].State != bine.DeviceLost {
			t.Errorf("history: %+v, %+v, %v; want two grants, and that it was lost", grants, events, err)
		}
	})
}

func TestAQuotaBoundsAccelerators(t *testing.T) {
	eachWorld(t, func(w world) {
		setDevices(w.t, w.Ledger, "a", 4, "P100")
		if _, err := w.SetQuota(w.t.Context(), "p", bine.Quota{GPUs: 2}, nil); err != nil {
			w.t.Fatal(err)
		}
		ask := func(id bine.AttemptID, n float64) (bine.HostName, string, error) {
			g, reason, err := w.Ask(w.t.Context(), lease.Request{Attempt: id, Owner: bine.Owner{Project: "p"}, Resources: gpus(n)})
			return g.Host, reason, err
		}
		if host, _, err := ask("one", 2); host != "a" {
			w.t.Errorf("within the quota: %v", err)
		}
		if host, reason, _ := ask("two", 1); host != "" || !strings.Contains(reason, "quota of 2 GPUs") {
			w.t.Errorf("beyond the quota: host %q, reason %q", host, reason)
		}
		if _, _, err := ask("three", 3); !bine.IsKind(err, bine.NoQuota) {
			w.t.Errorf("more than the quota at once: got %v, want NoQuota", err)
		}
	})
}

func TestWhatIsPreemptibleMakesRoomWithinAGuarantee(t *testing.T) {
	eachWorld(t, func(w world) {
		setDevices(w.t, w.Ledger, "a", 4, "P100")
		if _, err := w.SetQuota(w.t.Context(), "p", bine.Quota{Guaranteed: 2}, nil); err != nil {
			w.t.Fatal(err)
		}
		ask := func(id bine.AttemptID, project bine.ProjectName, r bine.Resources, p bine.Priority) bine.HostName {
			g, _, err := w.Ask(w.t.Context(), lease.Request{Attempt: id, Owner: bine.Owner{Project: project}, Resources: r, Priority: p})
			if err != nil {
				w.t.Fatal(err)
			}
			return g.Host
		}
		back := func() string {
			ids, err := w.AskedBack(w.t.Context(), "a")
			if err != nil {
				w.t.Fatal(err)
			}
			return fmt.Sprint(ids)
		}
		ask("firm", "q", gpus(1), "")
		ask("early", "q", words(1, "1 GPU on 1 host preemptible"), "")
		ask("late", "q", words(2, "2 GPUs on 1 host preemptible"), "")
		want(w.t, "nobody is asked for nothing", back(), "[]")
		want(w.t, "more than is free", ask("mine", "p", gpus(2), ""), "")
		want(w.t, "the one whose place is enough makes room", back(), "[late]")
		want(w.t, "asked again", ask("mine", "p", gpus(2), ""), "")
		want(w.t, "nobody else is asked", back(), "[late]")
		leases, err := w.Leases(w.t.Context())
		if err != nil || leases[2].AskedBack == nil || leases[1].AskedBack != nil {
			w.t.Errorf("leases %+v, %v; want the third asked back alone", leases, err)
		}
		want(w.t, "granted when it has made room", release(w.t, w.Ledger, "late"), []bine.AttemptID{"mine"})
		want(w.t, "beyond the guarantee", ask("more", "p", gpus(1), ""), "")
		want(w.t, "nobody has to make room for that", back(), "[]")
		want(w.t, "of higher priority in the project itself", ask("urgent", "q", gpus(1), bine.PriorityHigh), "")
		want(w.t, "its own make room", back(), "[early]")
		want(w.t, "and it gets what it asked back", release(w.t, w.Ledger, "early"), []bine.AttemptID{"urgent"})
	})
}

func TestADeviceWithAFaultIsDrainedAndTested(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100")
		ask(t, l, "one", gpus(2))
		heard := func(faults ...bine.DeviceFault) []bine.DeviceID {
			t.Helper()
			test, _, err := l.Heard(t.Context(), "a", faults, nil)
			if err != nil {
				t.Fatal(err)
			}
			return test
		}
		heard(bine.DeviceFault{Device: "a-0", At: time.Now(), Kind: "xid", Code: 43, Text: "a program's own fault", Fatal: true})
		fault := bine.DeviceFault{Device: "a-0", At: time.Now(), Kind: "xid", Code: 79, Text: "fell off the bus", Fatal: true}
		for range 2 {
			heard(fault)
		}
		all, err := l.Devices(t.Context())
		if err != nil || all[0].State != bine.DeviceCordoned || all[0].Reason != fault.Text || all[1].State != bine.DeviceReady {
			t.Errorf("devices %+v, %v; want the first cordoned", all, err)
		}
		release(t, l, "one")
		want(t, "idle, it is tested", heard(), []bine.DeviceID{"a-0"})
		host, _ := ask(t, l, "two", gpus(2))
		want(t, "it takes no work meanwhile", host, "")
	})
}

func TestWhoUsesADeviceThatIsDrainedIsAskedToLeave(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100", "rack=1")
		setDevices(t, l, "b", 2, "P100", "rack=1")
		ask(t, l, "gang", words(2, "2 GPUs on 2 hosts"))
		ask(t, l, "beside", gpus(1))
		beside := granted(t, l, "beside")
		if err := lease.Drain(t.Context(), l, "a-0"); err != nil {
			t.Fatal(err)
		}
		for host, member := range map[bine.HostName]bine.AttemptID{"a": "gang", "b": bine.AttemptID("gang").Member(1)} {
			ids, err := l.AskedBack(t.Context(), host)
			want(t, "on host "+string(host), fmt.Sprint(ids, err), fmt.Sprint([]bine.AttemptID{member}, nil))
		}
		want(t, "who uses another device keeps it", granted(t, l, "beside"), beside)
	})
}
