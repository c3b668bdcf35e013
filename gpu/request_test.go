package gpu_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

func TestParseRequest(t *testing.T) {
	with := func(models []string, labels ...string) gpu.Traits {
		tr := gpu.Traits{Models: models}
		for _, l := range labels {
			key, value, _ := strings.Cut(l, "=")
			if tr.Labels == nil {
				tr.Labels = map[string]string{}
			}
			tr.Labels[key] = value
		}
		return tr
	}
	p100 := []string{"P100"}
	for _, c := range []struct {
		text, canonical string
		want            gpu.Request
	}{
		{"4", "4 GPUs on 1 host", gpu.Request{Count: 4, Hosts: 1, PerHost: 4}},
		{"1 gpu", "1 GPU on 1 host", gpu.Request{Count: 1, Hosts: 1, PerHost: 1}},
		{"4gpus", "4 GPUs on 1 host", gpu.Request{Count: 4, Hosts: 1, PerHost: 4}},
		{"4 GPUs on any host", "4 GPUs on any host", gpu.Request{Count: 4}},
		{"10 GPUs on 1 host", "10 GPUs on 1 host", gpu.Request{Count: 10, Hosts: 1, PerHost: 10}},
		{"100 GPUs on 10 hosts with Infiniband", "100 GPUs on 10 hosts with infiniband",
			gpu.Request{Count: 100, Hosts: 10, PerHost: 10, Traits: with(nil, "infiniband")}},
		{"20 GPUs on 2 hosts with Infiniband_P100", "20 GPUs on 2 hosts with P100, infiniband",
			gpu.Request{Count: 20, Hosts: 2, PerHost: 10, Traits: with(p100, "infiniband")}},
		{"20 gpus ON 2 HOSTS WITH infiniband and p100", "20 GPUs on 2 hosts with P100, infiniband",
			gpu.Request{Count: 20, Hosts: 2, PerHost: 10, Traits: with(p100, "infiniband")}},
		{"2 A100 GPUs", "2 GPUs on 1 host with A100", gpu.Request{Count: 2, Hosts: 1, PerHost: 2, Traits: with([]string{"A100"})}},
		{"2 AMD GPUs", "2 GPUs on 1 host with amd", gpu.Request{Count: 2, Hosts: 1, PerHost: 2, Traits: gpu.Traits{Vendor: "amd"}}},
		{"2 GPUs with H100 or A100|V100M16, zone=Eu-1", "2 GPUs on 1 host with A100 or H100 or V100M16, zone=Eu-1",
			gpu.Request{Count: 2, Hosts: 1, PerHost: 2, Traits: with([]string{"A100", "H100", "V100M16"}, "zone=Eu-1")}},
		{"5 GPUs on 2 hosts uneven", "5 GPUs on 2 hosts uneven", gpu.Request{Count: 5, Hosts: 2, Uneven: true}},
		{"5 GPUs on any host uneven", "5 GPUs on any host", gpu.Request{Count: 5}},
		{"16 GPUs on any host within NVLink", "16 GPUs on any host within nvlink", gpu.Request{Count: 16, Within: gpu.LevelLinks}},
		{"16 GPUs on any host with nvlink and H100", "16 GPUs on any host with H100 within nvlink",
			gpu.Request{Count: 16, Within: gpu.LevelLinks, Traits: with([]string{"H100"})}},
		{"4 GPUs on any host within host", "4 GPUs on 1 host", gpu.Request{Count: 4, Hosts: 1, PerHost: 4}},
		{"8 GPUs on 4 hosts within a rack", "8 GPUs on 4 hosts within rack", gpu.Request{Count: 8, Hosts: 4, PerHost: 2, Within: gpu.LevelRack}},
		{"8 GPUs on 4 hosts prefer block, A100 and zone=a", "8 GPUs on 4 hosts prefer block, A100, zone=a",
			gpu.Request{Count: 8, Hosts: 4, PerHost: 2, Prefer: gpu.Preference{Within: gpu.LevelBlock, Traits: with([]string{"A100"}, "zone=a")}}},
		{"0.5 GPU", "0.5 GPU", gpu.Request{Count: 1, Milli: 500, Hosts: 1, PerHost: 1}},
		{"0.125 gpus on any host preemptible", "0.125 GPU preemptible", gpu.Request{Count: 1, Milli: 125, Hosts: 1, PerHost: 1, Preemptible: true}},
		{"1.0 GPU", "1 GPU on 1 host", gpu.Request{Count: 1, Hosts: 1, PerHost: 1}},
		{"MIG 1g.5gb", "1 MIG 1g.5gb on 1 host", gpu.Request{Count: 1, Hosts: 1, PerHost: 1, Profile: "1g.5gb"}},
		{"2 MIG 1G.5GB on any host", "2 MIG 1g.5gb on any host", gpu.Request{Count: 2, Profile: "1g.5gb"}},
		{"2 GPUs MIG 1g.10gb+me", "2 MIG 1g.10gb+me on 1 host", gpu.Request{Count: 2, Hosts: 1, PerHost: 2, Profile: "1g.10gb+me"}},
		{"2 partitions CPX", "2 partition cpx on 1 host", gpu.Request{Count: 2, Hosts: 1, PerHost: 2, Profile: "cpx"}},
		{"4 GPUs for 2h preemptible", "4 GPUs on 1 host for 2h preemptible",
			gpu.Request{Count: 4, Hosts: 1, PerHost: 4, Duration: 2 * time.Hour, Preemptible: true}},
		{"4 for 1 day 90 minutes", "4 GPUs on 1 host for 1d1h30m", gpu.Request{Count: 4, Hosts: 1, PerHost: 4, Duration: 25*time.Hour + 30*time.Minute}},
		{"4 for 1.5h30s", "4 GPUs on 1 host for 1h30m30s", gpu.Request{Count: 4, Hosts: 1, PerHost: 4, Duration: 90*time.Minute + 30*time.Second}},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := gpu.ParseRequest(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got.String() != c.canonical {
				t.Errorf("its words are %q, want %q", got, c.canonical)
			}
			comesBack(t, got)
		})
	}
}

func comesBack(t *testing.T, r gpu.Request) {
	t.Helper()
	again, err := gpu.ParseRequest(r.String())
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if !reflect.DeepEqual(again, r) || again.String() != r.String() {
		t.Fatalf("%q is read as %+v, want %+v", r, again, r)
	}
}

func TestParseRequestSaysWhereItIsWrong(t *testing.T) {
	for _, c := range []struct {
		text   string
		column int
		says   string
	}{
		{"", 1, "but the text ends"},
		{"four GPUs", 1, `not "four"`},
		{"0 GPUs", 1, "at least one GPU"},
		{"-1 GPUs", 1, "a number of GPUs"},
		{"+1 GPUs", 1, "a number of GPUs"},
		{"1.5 GPUs", 1, "a fraction is of one GPU"},
		{"0.0001 GPU", 1, "one to three digits"},
		{"4x GPUs", 1, "a number of GPUs"},
		{"4 CPUs", 3, `"GPU" or "GPUs" is expected, not "CPUs"`},
		{"4 2 GPUs", 3, `not "2"`},
		{"4 A100", 3, `"GPU" or "GPUs" is expected`},
		{"4 GPUs on", 10, "number of hosts is expected, but the text ends"},
		{"4 GPUs on 0 hosts", 11, `not "0"`},
		{"4 GPUs on 2 racks", 13, `"host" or "hosts" is expected`},
		{"5 GPUs on 2 hosts", 8, "cannot be split evenly"},
		{"2 GPUs on 4 hosts", 8, "more than the 2 GPUs"},
		{"0.5 GPU on 2 hosts", 9, "on one host"},
		{"0.5 GPU MIG 1g.5gb", 9, "as a whole"},
		{"4 GPUs with", 12, "but the text ends"},
		{"4 GPUs with A100 and H100", 22, `join alternatives by "or"`},
		{"4 GPUs with A100 or ssd", 21, "a model such as"},
		{"4 GPUs with nvidia, amd", 21, "one vendor"},
		{"4 GPUs with zone=", 13, "a key and a value"},
		{"4 GPUs with zone=a zone=b", 20, `one of on, with`},
		{"4 GPUs with zone=a, zone=b", 21, "a second time"},
		{"4 GPUs with ,", 13, "is expected"},
		{"4 GPUs within city", 15, "one of host, rack, block and nvlink"},
		{"4 GPUs on 2 hosts within host", 19, "not within one host"},
		{"4 GPUs within rack with nvlink", 25, "only one level"},
		{"4 GPUs on 1 host on 2 hosts", 18, "the first is at column 8"},
		{"4 GPUs prefer rack, block", 21, "only one level"},
		{"4 GPUs for", 11, "a duration"},
		{"4 GPUs for ever", 12, `not "ever"`},
		{"4 GPUs for 500ms", 12, "a unit of time"},
		{"4 GPUs for 2", 12, "a unit of time"},
		{"4 GPUs for 99999 days", 12, "at most 3650d"},
		{"4 GPUs for 3000d3000d", 12, "at most 3650d"},
		{"4 GPUs für 2h", 8, `not "für"`},
		{"4 GPUs with größe=1 on 2 hosts", 13, "a label begins"},
		{"2 MIG", 6, "the profile"},
		{strings.Repeat("4 ", 600), 1, "1000 bytes"},
	} {
		t.Run(c.text[:min(len(c.text), 40)], func(t *testing.T) {
			_, err := gpu.ParseRequest(c.text)
			fault := new(bine.Error)
			if !errors.As(err, &fault) || fault.Kind != bine.Invalid || len(fault.Details) != 1 {
				t.Fatalf("got %#v", err)
			}
			if fault.Details[0].Column != c.column || !strings.Contains(fault.Message, c.says) {
				t.Errorf("column %d: %v", fault.Details[0].Column, err)
			}
			_, example, found := strings.Cut(fault.Message, "An example: ")
			if _, err := gpu.ParseRequest(example); !found || err != nil {
				t.Errorf("the example of %q: %v", fault.Message, err)
			}
		})
	}
}

// TestWordsComeBack makes requests by chance and reads their own words.
func TestWordsComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		comesBack(t, someRequest(r))
	}
}

func someRequest(r *rand.Rand) gpu.Request {
	pick := func(some ...string) string { return some[r.IntN(len(some))] }
	traits := func() (t gpu.Traits) {
		t.Vendor = pick("", "", "nvidia", "amd")
		for _, m := range []string{"A100", "MI300X", "RTX_6000", "V100-SXM2-16GB"} {
			if r.IntN(4) == 0 {
				t.Models = append(t.Models, m)
			}
		}
		if r.IntN(2) == 0 {
			t.Labels = map[string]string{pick("zone", "infiniband", "rack/2", "or"): pick("a", "Eu-1", "10.0.0.1:80")}
			t.Labels[pick("ssd", "roce")] = ""
		}
		return t
	}
	q := gpu.Request{Count: 1 + r.IntN(64), Hosts: r.IntN(5), Traits: traits(), Profile: pick("", "", "1g.5gb", "cpx"),
		Within: gpu.Level(pick("", "nvlink", "rack", "block")), Preemptible: r.IntN(2) == 0,
		Prefer: gpu.Preference{Within: gpu.Level(pick("", "nvlink", "rack", "block", "host")), Traits: traits()}}
	if r.IntN(2) == 0 {
		q.Duration = time.Duration(1+r.IntN(1_000_000)) * time.Second
	}
	if r.IntN(4) == 0 {
		q.Count, q.Hosts, q.Milli, q.Profile = 1, 1, 1+r.IntN(999), ""
	}
	q.Hosts = min(q.Hosts, q.Count)
	if q.Hosts > 0 {
		q.Uneven = q.Hosts > 1 && (q.Count%q.Hosts > 0 || r.IntN(4) == 0)
		if !q.Uneven {
			q.PerHost = q.Count / q.Hosts
		}
	}
	return q
}

// TestTheManualIsTrue reads the requests of the table in the manual.
func TestTheManualIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/gpu.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| request |")
	table, _, _ = strings.Cut(table, "\n\n")
	n := 0
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for i, part := range strings.Split(first, "`") {
			if i%2 == 1 {
				n++
				if _, err := gpu.ParseRequest(part); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d requests were found", n)
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, text := range []string{"4", "20 GPUs on 2 hosts with Infiniband_P100", "0.5 GPU for 1h30m", "2 MIG 1g.5gb prefer rack, a=b", "4 GPUs with A100|H100, ssd uneven"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := gpu.ParseRequest(text)
		if err == nil {
			comesBack(t, got)
			return
		}
		fault := new(bine.Error)
		if !errors.As(err, &fault) || len(fault.Details) != 1 {
			t.Fatalf("%q: %#v", text, err)
		}
		if c := fault.Details[0].Column; c < 1 || c > utf8.RuneCountInString(text)+1 {
			t.Fatalf("%q: column %d", text, c)
		}
	})
}

func TestFitsModel(t *testing.T) {
	a100 := gpu.Traits{Models: []string{"A100", "V100"}}
	for model, fits := range map[string]bool{"A100": true, "a100-SXM4-80GB": true, "A100X": false, "V100M16": false, "V100 16GB": true, "A10": false, "": false} {
		if a100.FitsModel(model) != fits {
			t.Errorf("model %q fits: %v", model, !fits)
		}
	}
	if !(gpu.Traits{}).FitsModel("whatever") {
		t.Error("without a model any fits")
	}
}

func ExampleParseRequest() {
	r, err := gpu.ParseRequest("20 gpus on 2 hosts with Infiniband_P100 for 90 minutes")
	fmt.Println(r, r.PerHost, err)
	_, err = gpu.ParseRequest("20 GPUs on 3 hosts")
	fmt.Println(err)
	// Output:
	// 20 GPUs on 2 hosts with P100, infiniband for 1h30m 10 <nil>
	// "20 GPUs on 3 hosts": at column 9, 20 GPUs cannot be split evenly over 3 hosts: change a number, or add "uneven". An example: 18 GPUs on 3 hosts
}
