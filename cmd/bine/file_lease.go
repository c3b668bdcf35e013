package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine/dfs"
)

// fileLeaseMetrics tells how the leases of files stand, when it is asked.
type fileLeaseMetrics struct {
	files     *dfs.Tree
	held      *prometheus.Desc
	recovered *prometheus.Desc
	log       *slog.Logger
}

func newFileLeaseMetrics(files *dfs.Tree, log *slog.Logger) fileLeaseMetrics {
	return fileLeaseMetrics{
		files:     files,
		held:      prometheus.NewDesc("bine_file_leases_held", "Leases of files that writers have, in all projects.", nil, nil),
		recovered: prometheus.NewDesc("bine_file_leases_recovered_total", "Leases of files that this process ended for somebody else than their writer.", nil, nil),
		log:       log,
	}
}

// Describe gives what there is to tell.
func (m fileLeaseMetrics) Describe(to chan<- *prometheus.Desc) { to <- m.held; to <- m.recovered }

// Collect tells it.
func (m fileLeaseMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	state, err := m.files.Leases(ctx)
	if err != nil {
		m.log.WarnContext(ctx, "the leases of files were not counted for the metrics", "error", err)
		return
	}
	to <- prometheus.MustNewConstMetric(m.held, prometheus.GaugeValue, float64(state.Held))
	to <- prometheus.MustNewConstMetric(m.recovered, prometheus.CounterValue, float64(state.Recovered))
}
