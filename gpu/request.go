package gpu

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is what somebody asks for in accelerators. ParseRequest makes one
// from words, and String gives the words back in their canonical form. The zero
// one asks for none.
type Request struct {
	Count       int           `json:"count" doc:"devices in all; 1 of a fraction"`
	Milli       int           `json:"milli,omitempty" doc:"of a fraction: thousandths of one device, 1 to 999; 0 is whole devices"`
	Hosts       int           `json:"hosts,omitempty" doc:"on how many hosts; 0 is any number, as few as possible"`
	PerHost     int           `json:"per_host,omitempty" doc:"devices on each of the hosts; 0 where the split is free"`
	Traits                    // what the devices and their hosts must be
	Profile     string        `json:"profile,omitempty" doc:"of partitions: 1g.5gb, cpx; empty is whole devices"`
	Within      Level         `json:"within,omitempty" doc:"what all devices must have in common"`
	Prefer      Preference    `json:"prefer,omitzero" doc:"what decides between places that fit"`
	Duration    time.Duration `json:"duration,omitempty" doc:"nanoseconds after which they are given back at the latest; 0 is not known"`
	Preemptible bool          `json:"preemptible,omitempty" doc:"may be asked back before it is done"`
	Uneven      bool          `json:"uneven,omitempty" doc:"the hosts may get different numbers of devices"`
}

// Traits are what devices and their hosts are or have.
type Traits struct {
	Vendor string            `json:"vendor,omitempty" doc:"nvidia, amd, simulated"`
	Models []string          `json:"models,omitempty" doc:"any one of these, which all devices then are: P100, MI300X"`
	Labels map[string]string `json:"labels,omitempty" doc:"of the hosts; one with an empty value may have any, but the same on all hosts"`
}

// Preference is what somebody would rather have, but does not wait for.
type Preference struct {
	Within Level `json:"within,omitempty"`
	Traits
}

// Level is what devices can have in common, the closest first.
type Level string

// The levels. Devices are within LevelLinks when each reaches each other by the
// vendor's own links: NVLink, XGMI.
const (
	LevelLinks Level = "nvlink"
	LevelHost  Level = "host"
	LevelRack  Level = "rack"
	LevelBlock Level = "block"
)

// Zero says whether no accelerators are asked for.
func (r Request) Zero() bool { return r.Count == 0 }

// Each gives the thousandths of each device that are asked for.
func (r Request) Each() int {
	if r.Milli == 0 {
		return 1000
	}
	return r.Milli
}

// Zero says whether t demands nothing.
func (t Traits) Zero() bool { return t.Vendor == "" && len(t.Models) == 0 && len(t.Labels) == 0 }

// FitsModel says whether a device of a model is what t asks for: A100 fits
// A100-SXM4-80GB, but not A1000.
func (t Traits) FitsModel(model string) bool {
	return len(t.Models) == 0 || slices.ContainsFunc(t.Models, func(m string) bool {
		if len(model) < len(m) || !strings.EqualFold(model[:len(m)], m) {
			return false
		}
		return len(model) == len(m) || strings.ContainsRune("-_ ", rune(model[len(m)]))
	})
}

// String gives the canonical words: ParseRequest of them is r again.
func (r Request) String() string {
	if r.Zero() {
		return "0 GPUs"
	}
	text := r.amount()
	switch {
	case r.Milli > 0: // always of one host
	case r.Hosts == 0:
		text += " on any host"
	default:
		text += " on " + plural(r.Hosts, "host")
	}
	if r.Uneven {
		text += " uneven"
	}
	if !r.Traits.Zero() {
		text += " with " + r.Traits.String()
	}
	if r.Within != "" {
		text += " within " + string(r.Within)
	}
	if p := r.Prefer.String(); p != "" {
		text += " prefer " + p
	}
	if r.Duration > 0 {
		text += " for " + durationText(r.Duration)
	}
	if r.Preemptible {
		text += " preemptible"
	}
	return text
}

func (r Request) amount() string {
	switch {
	case r.Profile != "" && isMIG(r.Profile):
		return strconv.Itoa(r.Count) + " MIG " + r.Profile
	case r.Profile != "":
		return strconv.Itoa(r.Count) + " partition " + r.Profile
	case r.Milli > 0:
		return strings.TrimRight("0."+strconv.Itoa(1000 + r.Milli)[1:], "0") + " GPU"
	default:
		return plural(r.Count, "GPU")
	}
}

// String gives the words, joined by commas.
func (t Traits) String() string {
	var words []string
	if t.Vendor != "" {
		words = append(words, t.Vendor)
	}
	if len(t.Models) > 0 {
		words = append(words, strings.Join(t.Models, " or "))
	}
	for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
		if value := t.Labels[key]; value != "" {
			key += "=" + value
		}
		words = append(words, key)
	}
	return strings.Join(words, ", ")
}

// String gives the words, joined by commas.
func (p Preference) String() string {
	words := p.Traits.String()
	if p.Within == "" {
		return words
	}
	return strings.TrimSuffix(string(p.Within)+", "+words, ", ")
}

// isMIG tells a profile of Nvidia (1g.5gb) from one of AMD (cpx).
func isMIG(profile string) bool { return strings.Contains(profile, "g.") }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// durationText writes whole seconds in the largest units: 1d12h, 90m as 1h30m.
func durationText(d time.Duration) string {
	text := ""
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / u.size; n > 0 {
			text, d = text+strconv.FormatInt(int64(n), 10)+u.name, d%u.size
		}
	}
	return text
}
