package embedded_test

import (
	"fmt"
	"testing"

	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/internal/temporal/reference"
)

// The reference figures: what the bare SDK needs on this server, on this machine.

func BenchmarkNoopWorkflow(b *testing.B) {
	benchmark(b, func(b *testing.B, run func(name string, args ...any)) {
		for b.Loop() {
			run(reference.NoopName)
		}
	})
}

// BenchmarkChain runs steps one after the other; its figure is ms/step.
func BenchmarkChain(b *testing.B) {
	for _, steps := range []int{10, 40, 160} {
		b.Run(fmt.Sprintf("steps=%d", steps), func(b *testing.B) {
			benchmark(b, func(b *testing.B, run func(name string, args ...any)) {
				for b.Loop() {
					run(reference.ChainName, steps)
				}
				perStep(b, steps)
			})
		})
	}
}

// BenchmarkGraph runs layers of steps; its figure is ms/step.
func BenchmarkGraph(b *testing.B) {
	for _, layers := range []int{1, 5, 10} {
		b.Run(fmt.Sprintf("layers=%d/width=20", layers), func(b *testing.B) {
			nodes := reference.Layers(layers, 20)
			benchmark(b, func(b *testing.B, run func(name string, args ...any)) {
				for b.Loop() {
					run(reference.GraphName, nodes)
				}
				perStep(b, len(nodes))
			})
		})
	}
}

func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	stop(b, start(b, embedded.Options{Dir: dir}))
	for b.Loop() {
		s := start(b, embedded.Options{Dir: dir})
		b.StopTimer()
		stop(b, s)
		b.StartTimer()
	}
}

func perStep(b *testing.B, steps int) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*steps), "ms/step")
}

// benchmark calls measure with a server, a worker, and a function that runs a
// workflow to its end.
func benchmark(b *testing.B, measure func(b *testing.B, run func(name string, args ...any))) {
	dir := b.TempDir()
	s := start(b, embedded.Options{Dir: dir})
	defer stop(b, s)
	c := dial(b, s, dir)
	defer c.Close()
	defer work(b, c)()
	count := 0
	measure(b, func(name string, args ...any) {
		count++
		if err := begin(b, c, fmt.Sprintf("%s-%d", b.Name(), count), name, args...).Get(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	})
}
