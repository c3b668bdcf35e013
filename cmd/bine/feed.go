package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine/dfs"
)

// feedMetrics tells how the feed of file changes stands, when it is asked.
type feedMetrics struct {
	files *dfs.Tree
	kept  *prometheus.Desc
	lag   *prometheus.Desc
	log   *slog.Logger
}

func newFeedMetrics(files *dfs.Tree, log *slog.Logger) feedMetrics {
	return feedMetrics{
		files: files,
		kept:  prometheus.NewDesc("bine_file_changes_kept", "Places in the feed of file changes that are kept for readers.", nil, nil),
		lag:   prometheus.NewDesc("bine_file_changes_lag_seconds", "How old the oldest file change is that readers cannot see yet.", nil, nil),
		log:   log,
	}
}

// Describe gives what there is to tell.
func (m feedMetrics) Describe(to chan<- *prometheus.Desc) { to <- m.kept; to <- m.lag }

// Collect tells it.
func (m feedMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	state, err := m.files.Feed(ctx)
	if err != nil {
		m.log.WarnContext(ctx, "the feed of file changes was not looked at for the metrics", "error", err)
		return
	}
	to <- prometheus.MustNewConstMetric(m.kept, prometheus.GaugeValue, float64(max(0, state.Newest-state.Removed)))
	to <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, state.Lag.Seconds())
}
