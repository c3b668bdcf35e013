package agent_test

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// BenchmarkStart compares a no-op Python process as an attempt, from Take to
// the completed activity, with exec of the same command line. The server is a
// local stand-in, so what is left is the agent's and the shim's part.
func BenchmarkStart(b *testing.B) {
	s := newServer(b)
	a, _ := startAgent(b, s)
	process := bine.Process{Command: []string{"/usr/bin/python3", "-c", "pass"}}
	run(b, s, a, "warm", process)
	var plain, attempt, before, after time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		if err := exec.Command(process.Command[0], process.Command[1:]...).Run(); err != nil {
			b.Fatal(err)
		}
		plain += time.Since(began)
		began = time.Now()
		id := begin(b, s, a, fmt.Sprintf("start-%d", n), process)
		<-s.done(id)
		attempt += time.Since(began)
		s.set(func() {
			before += s.results[id].StartedAt.Sub(began)
			after += time.Since(*s.results[id].EndedAt)
		})
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(each(plain), "exec-ms/op")
	b.ReportMetric(each(attempt), "attempt-ms/op")
	b.ReportMetric(each(before), "before-ms/op")
	b.ReportMetric(each(after), "after-ms/op")
	b.ReportMetric(each(attempt-plain), "added-ms/op")
}
