// Package sim tries policies of placement and of waiting on recorded or
// invented work, without a cluster: it reads traces in the form of Alibaba's
// openb trace of 2023, fills a cluster with them (Fill), or replays them as
// time goes by (Replay). What decides is package place and package queue, as in
// an installation.
package sim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// Pod is one piece of recorded work.
type Pod struct {
	place.Task
	Project  string        // who asked: the class of service of the trace
	Priority int           // within the project
	Yields   bool          // gives back before others
	Created  time.Duration // since the beginning of the trace
	Runs     time.Duration // 0: not known
}

// table reads a CSV file with a header, row by row.
type table struct {
	*csv.Reader
	columns map[string]int
	row     []string
	line    int
	err     error
}

func newTable(r io.Reader, needed ...string) (*table, error) {
	t := &table{Reader: csv.NewReader(r), columns: map[string]int{}, line: 1}
	t.ReuseRecord, t.TrimLeadingSpace = true, true
	header, err := t.Read()
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the header cannot be read: %w", err)
	}
	for i, name := range header {
		t.columns[strings.TrimPrefix(name, "\ufeff")] = i
	}
	for _, name := range needed {
		if _, there := t.columns[name]; !there {
			return nil, bine.Errorf(bine.Invalid, "there is no column %s; the columns are %s", name, strings.Join(header, ", "))
		}
	}
	return t, nil
}

// next goes to the next row.
func (t *table) next() bool {
	if t.err != nil {
		return false
	}
	t.line++
	row, err := t.Read()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			t.err = bine.Errorf(bine.Invalid, "line %d: %w", t.line, err)
		}
		return false
	}
	t.row = row
	return true
}

// text gives a field; "nan", which some programs write for what is not there, is empty.
func (t *table) text(column string) string {
	i, there := t.columns[column]
	if !there {
		return ""
	}
	text := strings.TrimSpace(t.row[i])
	if strings.EqualFold(text, "nan") {
		return ""
	}
	return text
}

// number reads a whole number; an empty field is 0.
func (t *table) number(column string) int64 {
	text := t.text(column)
	if text == "" || t.err != nil {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 1e15 {
		t.fault("%s is %q, not a number that is 0 or more", column, text)
	}
	return int64(n)
}

func (t *table) fault(format string, args ...any) {
	if t.err == nil {
		t.err = bine.Errorf(bine.Invalid, "line %d: %s", t.line, fmt.Sprintf(format, args...))
	}
}

// ReadNodes reads hosts: sn, cpu_milli, memory_mib, gpu (how many), model.
func ReadNodes(r io.Reader) (place.Snapshot, error) {
	var s place.Snapshot
	t, err := newTable(r, "sn", "cpu_milli", "memory_mib", "gpu", "model")
	if err != nil {
		return s, err
	}
	seen := map[string]bool{}
	for t.next() {
		name := t.text("sn")
		if name == "" || seen[name] {
			t.fault("the name %q is empty or was there before", name)
		}
		seen[name] = true
		n := t.number("gpu")
		if n > 1024 {
			t.fault("%d devices are more than a host has", n)
			n = 0
		}
		h := place.Host{Name: bine.HostName(name), Up: true, CPU: t.number("cpu_milli"), Memory: t.number("memory_mib") << 20,
			Rack: t.text("rack"), Block: t.text("block")}
		h.FreeCPU, h.FreeMemory = h.CPU, h.Memory
		for i := range n {
			h.Devices = append(h.Devices, place.Device{Free: 1000, Device: bine.Device{
				ID: bine.DeviceID(name + "/" + strconv.FormatInt(i, 10)), Vendor: bine.VendorSimulated, Model: t.text("model"), Index: int(i), NUMA: -1}})
		}
		s.Hosts = append(s.Hosts, h)
	}
	if t.err == nil && len(s.Hosts) == 0 {
		t.fault("there are no hosts")
	}
	return s, t.err
}

// ReadPods reads work: name, cpu_milli, memory_mib, num_gpu, gpu_milli, and if
// they are there gpu_spec (models, with | between), qos, creation_time and
// deletion_time (seconds). A column request may say in words what is asked for,
// instead of num_gpu and gpu_milli.
func ReadPods(r io.Reader) ([]Pod, error) {
	t, err := newTable(r, "name", "cpu_milli", "memory_mib")
	if err != nil {
		return nil, err
	}
	var all []Pod
	for t.next() {
		p := Pod{Project: t.text("qos"), Created: time.Duration(t.number("creation_time")) * time.Second}
		if end := time.Duration(t.number("deletion_time")) * time.Second; end > p.Created {
			p.Runs = end - p.Created
		}
		p.Task = place.Task{ID: t.text("name"), CPU: t.number("cpu_milli"), Memory: t.number("memory_mib") << 20, Request: t.request()}
		if p.Runs == 0 {
			p.Runs = p.Request.Duration
		}
		all = append(all, p)
	}
	if t.err == nil && len(all) == 0 {
		t.fault("there is no work")
	}
	return all, t.err
}

func (t *table) request() (r gpu.Request) {
	if words := t.text("request"); words != "" {
		r, err := gpu.ParseRequest(words)
		if err != nil {
			t.fault("%v", err)
		}
		return r
	}
	n, milli := t.number("num_gpu"), t.number("gpu_milli")
	switch {
	case n == 0:
		return r
	case n > 100_000 || milli > 1000 || (n > 1 && milli > 0 && milli < 1000):
		t.fault("%d GPUs of %d thousandths each cannot be asked for", n, milli)
	case milli > 0 && milli < 1000:
		r.Milli = int(milli)
	}
	r.Count, r.PerHost, r.Hosts = int(n), int(n), 1
	if spec := t.text("gpu_spec"); spec != "" {
		r.Models = slices.Compact(slices.Sorted(strings.SplitSeq(strings.ToUpper(spec), "|")))
	}
	return r
}
