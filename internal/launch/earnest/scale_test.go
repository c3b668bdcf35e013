package earnest_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/workflows"
)

// mostEvents is how long a history may get: Temporal warns from 10,240 events on
// and ends what has 51,200, or 50 MiB.
const (
	mostEvents = 51_200 / 2
	mostBytes  = 50 << 20 / 2
	groupMost  = 10_000
	heapGrowth = 64 << 20
)

// short gives the size of a test, which is smaller unless the long forms are asked for.
func short(long, otherwise int) int {
	if os.Getenv("BINE_E2E_LONG") != "" {
		return long
	}
	return otherwise
}

// history gives how long the history of a workflow is.
func (s *stage) history(id string) (events, bytes int64) {
	s.t.Helper()
	about, err := s.client.DescribeWorkflowExecution(s.t.Context(), id, "")
	ok(s.t, err)
	info := about.GetWorkflowExecutionInfo()
	return info.GetHistoryLength(), info.GetHistorySizeBytes()
}

// heap gives the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// ended waits until a run has succeeded; watch is called every second.
func (s *stage) ended(id bine.RunID, watch func()) time.Duration {
	s.t.Helper()
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Since(began) < 20*time.Minute {
		switch state := s.is(id); {
		case state == bine.Succeeded:
			return time.Since(began)
		case state.Ended():
			s.t.Fatalf("run %s is %s", id, state)
		}
		<-tick.C
		watch()
	}
	s.t.Fatalf("run %s is %s after 20 minutes", id, s.is(id))
	return 0
}

func TestAFanOutOfManyLightItemsStaysWithinTheLimits(t *testing.T) {
	for kind, do := range map[string]string{
		"values": `values: {n: "${{ item }}"}`, // done where it is resolved
		"notify": `notify: {webhook: "http://there/", message: "${{ item }}"}`,
	} {
		t.Run(kind, func(t *testing.T) {
			n := short(100_000, 2_000)
			s := newStage(t)
			s.pipeline(fmt.Sprintf("name: wide\nsteps:\n  fan:\n    foreach: {items: \"${{ range(%d) }}\"}\n    %s\n  after: {values: {n: 1}, needs: [fan]}\n", n, do))
			r := s.accept("wide")
			var heaps []uint64
			took := s.ended(r.ID, func() { heaps = append(heaps, heap()) })
			half := len(heaps) / 2
			early, most := slices.Max(append(heaps[:half:half], 0)), slices.Max(append(heaps, 0))
			states, err := s.store.ItemStates(t.Context(), "p", r.ID, "fan")
			ok(t, err)
			same(t, "items", states, map[bine.State]int{bine.Succeeded: n})
			events, bytes := s.history(workflows.RunWorkflowID("p", r.ID))
			var groupEvents, groupBytes int64
			for from := 0; from < n; from += workflows.GroupSize {
				e, b := s.history(workflows.GroupWorkflowID("p", r.ID, "fan", from))
				groupEvents, groupBytes = max(groupEvents, e), max(groupBytes, b)
			}
			t.Logf("%d items in %s, %.2f ms each; run %d events and %d bytes, groups at most %d and %d; heap %d MiB at most in the first half, %d in all",
				n, took.Round(time.Millisecond), took.Seconds()*1000/float64(n), events, bytes, groupEvents, groupBytes, early>>20, most>>20)
			if events > mostEvents || bytes > mostBytes || groupEvents > groupMost || groupBytes > mostBytes {
				t.Error("a history is too long")
			}
			if most > early+heapGrowth {
				t.Errorf("%d MiB were in use at most, %d in the first half: it grows with the items", most>>20, early>>20)
			}
		})
	}
}

func TestAPipelineOfManyStepsStaysWithinTheLimits(t *testing.T) {
	n := short(3_000, 300)
	for name, needs := range map[string]func(i int) int{
		"chain":  func(i int) int { return i - 1 },
		"layers": func(i int) int { return i - 100 },
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			fmt.Fprintf(&text, "name: long\nsteps:\n")
			for i := range n {
				fmt.Fprintf(&text, "  s%d: {notify: {webhook: \"http://there/\", message: done}", i)
				if need := needs(i); need >= 0 {
					fmt.Fprintf(&text, ", needs: [s%d]", need)
				}
				fmt.Fprintf(&text, "}\n")
			}
			s := newStage(t)
			s.pipeline(text.String())
			r := s.accept("long")
			var most uint64
			took := s.ended(r.ID, func() { most = max(most, heap()) })
			whole, err := s.store.Run(t.Context(), "p", r.ID)
			ok(t, err)
			same(t, "steps", whole.Steps, map[bine.State]int{bine.Succeeded: n})
			events, bytes := s.history(workflows.RunWorkflowID("p", r.ID))
			t.Logf("%d steps in %s, %.2f ms each; %d events, %d bytes; heap %d MiB at most",
				n, took.Round(time.Millisecond), took.Seconds()*1000/float64(n), events, bytes, most>>20)
			if events > mostEvents || bytes > mostBytes {
				t.Error("its history is too long")
			}
		})
	}
}
