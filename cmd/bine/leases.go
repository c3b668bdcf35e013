package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine/internal/lease"
)

// leaseMetrics tells how many hold resources and slots, and how many wait, when
// it is asked. It names no project: whoever reads metrics need not know them.
type leaseMetrics struct {
	ledger           *lease.Ledger
	granted, waiting *prometheus.Desc
	log              *slog.Logger
}

func newLeaseMetrics(l *lease.Ledger, log *slog.Logger) leaseMetrics {
	return leaseMetrics{
		ledger:  l,
		granted: prometheus.NewDesc("bine_leases_granted", "Who holds resources of hosts (process) or slots alone (slots).", []string{"for"}, nil),
		waiting: prometheus.NewDesc("bine_leases_waiting", "Who waits, by what for: host, pool, key or runs.", []string{"for"}, nil),
		log:     log,
	}
}

// Describe gives what there is to tell.
func (m leaseMetrics) Describe(to chan<- *prometheus.Desc) { to <- m.granted; to <- m.waiting }

const countTime = 5 * time.Second

// Collect tells it.
func (m leaseMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	counts, err := m.ledger.Counts(ctx)
	if err != nil {
		m.log.WarnContext(ctx, "leases were not counted for the metrics", "error", err)
		return
	}
	for _, c := range counts {
		desc := m.waiting
		if c.Granted {
			desc = m.granted
		}
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(c.N), c.For)
	}
}
