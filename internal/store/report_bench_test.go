package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// BenchmarkReport measures reports that are on disk when they are answered: of
// one metric each, from 1, 64 and 512 runs at once, and of batches of 20.
func BenchmarkReport(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *database.DB{"SQLite": databasetest.SQLite, "MariaDB": databasetest.MariaDB} {
		for _, runs := range []int{1, 64, 512} {
			for _, size := range []int{1, 20} {
				b.Run(fmt.Sprintf("%s/runs=%d/metrics=%d", name, runs, size), func(b *testing.B) {
					s := fill(b, open(b))
					for n := range runs {
						track(b, s, n)
					}
					each := max(b.N/runs, 1)
					b.ResetTimer()
					began := time.Now()
					var all sync.WaitGroup
					for n := range runs {
						all.Go(func() {
							for i := range each {
								from := int64(i*size + 1)
								if _, err := s.Report(b.Context(), "p", trackedID(n), bine.Report{Fence: 1, Source: "s", Seq: from, Metrics: points(from, from+int64(size)-1)}); err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					all.Wait()
					took := time.Since(began).Seconds()
					b.ReportMetric(float64(each*runs)/took, "reports/s")
					b.ReportMetric(float64(each*runs*size)/took, "metrics/s")
				})
			}
		}
	}
}

// BenchmarkCurves reads 2,000 curves of 1,000 points each, thinned out for a picture.
func BenchmarkCurves(b *testing.B) {
	s := fill(b, databasetest.SQLite(b))
	var ids []bine.TrackedID
	for n := range 2000 {
		ids = append(ids, track(b, s, n).ID)
		got(s.Report(b.Context(), "p", trackedID(n), bine.Report{Seq: 1, Metrics: points(1, 1000)}))(b)
	}
	b.ReportAllocs()
	for b.Loop() {
		if list := got(s.Curves(b.Context(), "p", ids, []string{"loss"}, 100))(b); len(list) != len(ids) {
			b.Fatalf("%d curves", len(list))
		}
	}
}
