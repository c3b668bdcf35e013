package place

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// Answer says when a task can have a place.
type Answer string

// The answers.
const (
	Now    Answer = "now"
	NotNow Answer = "not now" // when others have given back, or hosts are back
	Never  Answer = "never"   // as the cluster is made
)

// Verdict is an answer with its reason.
type Verdict struct {
	Answer    Answer     `json:"answer"`
	Reason    string     `json:"reason"`              // now: where it would go; not now: what it waits for; never: what the cluster has
	Placement *Placement `json:"placement,omitempty"` // now
}

// Assess says whether a task has a place in a snapshot: now, not now and what it
// waits for, or never, and what there is instead.
func Assess(s Snapshot, t Task, p Policy) Verdict {
	if placed, err := Place(s, t, p); err == nil {
		return Verdict{Now, placed.Why(), &placed}
	}
	return refuse(s, t, p)
}

// Assess is the function of that name over the cluster as it is now.
func (c *Cluster) Assess(t Task) Verdict {
	if placed, err := c.Place(t); err == nil {
		return Verdict{Now, placed.Why(), &placed}
	}
	return refuse(c.Snapshot(), t, c.policy)
}

func refuse(s Snapshot, t Task, p Policy) Verdict {
	willing := t
	willing.Avoid = nil
	if _, err := Place(idle(s, true), willing, p); err != nil {
		return Verdict{Answer: Never, Reason: impossible(s, willing)}
	}
	if _, err := Place(idle(s, false), t, p); err != nil {
		return Verdict{Answer: NotNow, Reason: missing(s, t, p)}
	}
	e := newEngine(Policy{Name: BestFit})
	e.hosts(s, nil)
	return Verdict{Answer: NotNow, Reason: e.waits(t)}
}

// Waits says what others have to give back for a task that has no place now, but
// would have one if nobody had anything. It is Assess for who knows that already.
func (c *Cluster) Waits(t Task) string { return c.waits(t) }

// idle gives the cluster as if nobody had anything of it; with all, as if hosts
// and devices that take no work now did so too.
func idle(s Snapshot, all bool) Snapshot {
	s.Hosts = slices.Clone(s.Hosts)
	for i := range s.Hosts {
		h := &s.Hosts[i]
		h.FreeCPU, h.FreeMemory, h.Up = h.CPU, h.Memory, h.Up || all
		h.Devices = slices.Clone(h.Devices)
		for j := range h.Devices {
			h.Devices[j].Free, h.Devices[j].Out = 1000, h.Devices[j].Out && !all
		}
	}
	return s
}

// missing says which hosts would have to come back.
func missing(s Snapshot, t Task, p Policy) string {
	without := t
	without.Avoid = nil
	if _, err := Place(idle(s, false), without, p); err == nil {
		return fmt.Sprintf("it waits for another host than those that it avoids: %s", list(t.Avoid, 5))
	}
	var away []bine.HostName
	for _, h := range s.Hosts {
		if !h.Up || slices.ContainsFunc(h.Devices, func(d Device) bool { return d.Out }) {
			away = append(away, h.Name)
		}
	}
	slices.Sort(away)
	return fmt.Sprintf("it waits for hosts or devices that take no work now, on %s", list(away, 5))
}

func list[T ~string](names []T, most int) string {
	var words []string
	for _, n := range names[:min(len(names), most)] {
		words = append(words, string(n))
	}
	if more := len(names) - most; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

// waits says what others have to give back.
func (e *engine) waits(t Task) string {
	d := newDemand(t)
	if t.Request.Zero() {
		return fmt.Sprintf("it waits for %s to be free on one host", amount(t.CPU, t.Memory))
	}
	free, all, most, devices := 0, 0, 0, 0
	var where bine.HostName
	for _, h := range e.all {
		for at := range h.groups {
			g := &h.groups[at]
			if !d.fits(h.kind, g) {
				continue
			}
			all += len(g.devices)
			if !h.up || d.avoids(h.name) {
				continue
			}
			n := h.wholly(at)
			free, devices = free+n, max(devices, n)
			if can := d.most(&h.state, g); where == "" || can > most {
				most, where = can, h.name
			}
		}
	}
	r := t.Request
	what := fmt.Sprintf("%d of %d such devices are free", free, all)
	switch {
	case r.Milli > 0:
		return fmt.Sprintf("it waits for %.3g of one device, with %s; %s wholly", float64(r.Milli)/1000, amount(t.CPU, t.Memory), what)
	case r.Hosts == 1 && devices >= r.Count:
		cpu, memory := d.share(r.Count)
		return fmt.Sprintf("it waits for %s beside free devices of one host; %s", amount(cpu, memory), what)
	case r.Hosts == 1:
		return fmt.Sprintf("it waits for %s to be free on one host; at most %d are, on %s (%s)", count(r.Count), most, where, what)
	case r.Hosts == 0:
		return fmt.Sprintf("it waits for %s to be free%s; %s", count(r.Count), within(r), what)
	case r.Uneven:
		return fmt.Sprintf("it waits for %s to be free on %d hosts%s; %s", count(r.Count), r.Hosts, within(r), what)
	default:
		return fmt.Sprintf("it waits for %d hosts with %d free devices each%s; %d hosts have as many now (%s)", r.Hosts, r.PerHost, within(r), e.withFree(d), what)
	}
}

// withFree counts the hosts that could take their share now.
func (e *engine) withFree(d *demand) int {
	v := &scan{e}
	all, _ := v.candidates(d, d.PerHost)
	return len(all)
}

func count(n int) string {
	if n == 1 {
		return "1 device"
	}
	return fmt.Sprintf("%d devices", n)
}

func within(r gpu.Request) string {
	switch r.Within {
	case "":
		return ""
	case gpu.LevelLinks:
		return " that the vendor's links join"
	default:
		return " in one " + string(r.Within)
	}
}

func amount(cpu, memory int64) string {
	return fmt.Sprintf("%.3g cores and %.3g GiB of memory", float64(cpu)/1000, float64(memory)/(1<<30))
}

// impossible says what a task asks for that there is not, and what there is.
func impossible(s Snapshot, t Task) string {
	e := newEngine(Policy{Name: BestFit})
	e.hosts(idle(s, true), nil)
	return e.lack(newDemand(t)) + "; " + inventory(s)
}

// lack names the first demand that no host, or no number of hosts, meets.
func (e *engine) lack(d *demand) string {
	hosts, labelled, matching, largest, enough := 0, 0, 0, 0, 0
	var cpu, memory int64
	for _, h := range e.all {
		cpu, memory = max(cpu, h.cpu), max(memory, h.memory)
		if !h.has(d.Labels) {
			continue
		}
		labelled++
		for at := range h.groups {
			if g := &h.groups[at]; d.fits(h.kind, g) {
				hosts, matching, largest = hosts+1, matching+len(g.devices), max(largest, len(g.devices))
				if d.most(&h.state, g) >= max(d.PerHost, 1) {
					enough++
				}
			}
		}
	}
	switch {
	case labelled == 0 && len(d.Labels) > 0:
		return fmt.Sprintf("no host has the labels %s", gpu.Traits{Labels: d.Labels})
	case d.Count == 0:
		return fmt.Sprintf("no host has %s; the largest have %s", amount(d.cpu, d.memory), amount(cpu, memory))
	case matching == 0:
		return fmt.Sprintf("there are no %s", wanted(d.Request))
	case matching < d.Count:
		return fmt.Sprintf("it asks for %d and there are only %d %s", d.Count, matching, wanted(d.Request))
	case d.PerHost > largest:
		return fmt.Sprintf("it asks for %d on one host and the largest has %d; ask for any host, or for more hosts", d.PerHost, largest)
	case d.Hosts > hosts:
		return fmt.Sprintf("it asks for %d hosts and only %d have %s", d.Hosts, hosts, wanted(d.Request))
	case d.PerHost > 0 && enough < d.Hosts:
		c, m := d.share(d.PerHost)
		return fmt.Sprintf("%d hosts have as much as %s beside %s", enough, amount(c, m), count(d.PerHost))
	default:
		return fmt.Sprintf("no hosts with %s are together%s, of one model", wanted(d.Request), within(d.Request))
	}
}

// wanted names the devices that are asked for.
func wanted(r gpu.Request) string {
	words := "devices"
	if r.Profile != "" {
		words = "partitions " + r.Profile
	}
	t := r.Traits
	if t.Labels = nil; !t.Zero() {
		words += " that are " + t.String()
	}
	if len(r.Labels) > 0 {
		words += " on hosts with " + gpu.Traits{Labels: r.Labels}.String()
	}
	return words
}

// inventory says what the cluster has.
func inventory(s Snapshot) string {
	type model struct {
		name                 string
		devices, hosts, most int
	}
	models := map[string]*model{}
	for _, h := range s.Hosts {
		here := map[string]int{}
		for _, d := range h.Devices {
			name := d.Model
			if d.Profile != "" {
				name += " " + d.Profile
			}
			here[name]++
		}
		for name, n := range here {
			m := models[name]
			if m == nil {
				m = &model{name: name}
				models[name] = m
			}
			m.devices, m.hosts, m.most = m.devices+n, m.hosts+1, max(m.most, n)
		}
	}
	if len(models) == 0 {
		return "the cluster has no devices"
	}
	sorted := slices.SortedFunc(maps.Values(models), func(a, b *model) int {
		return cmp.Or(cmp.Compare(b.devices, a.devices), cmp.Compare(a.name, b.name))
	})
	var words []string
	for _, m := range sorted {
		words = append(words, fmt.Sprintf("%d %s (up to %d a host, %d hosts)", m.devices, m.name, m.most, m.hosts))
	}
	return "the cluster has " + list(words, 8)
}
