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
	used, busy       *prometheus.Desc
	log              *slog.Logger
}

func newLeaseMetrics(l *lease.Ledger, log *slog.Logger) leaseMetrics {
	return leaseMetrics{
		ledger:  l,
		granted: prometheus.NewDesc("bine_leases_granted", "Who holds resources of hosts (process) or slots alone (slots).", []string{"for"}, nil),
		waiting: prometheus.NewDesc("bine_leases_waiting", "Who waits, by what for: host, pool, key or runs.", []string{"for"}, nil),
		used:    prometheus.NewDesc("bine_accelerator_granted", "Share of an accelerator that is granted, 0 to 1.", []string{"host", "device", "model", "state"}, nil),
		busy:    prometheus.NewDesc("bine_accelerator_busy", "Share of the time in which an accelerator computed lately, 0 to 1.", []string{"host", "device", "model"}, nil),
		log:     log,
	}
}

// Describe gives what there is to tell.
func (m leaseMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.granted, m.waiting, m.used, m.busy} {
		to <- d
	}
}

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
	devices, err := m.ledger.Devices(ctx)
	if err != nil {
		m.log.WarnContext(ctx, "accelerators were not looked at for the metrics", "error", err)
	}
	for _, d := range devices {
		host, id, model := string(d.Host), string(d.ID), d.Model
		to <- prometheus.MustNewConstMetric(m.used, prometheus.GaugeValue, float64(d.Used)/1000, host, id, model, string(d.State))
		if d.Use != nil {
			to <- prometheus.MustNewConstMetric(m.busy, prometheus.GaugeValue, d.Use.Busy, host, id, model)
		}
	}
	for _, c := range counts {
		desc := m.waiting
		if c.Granted {
			desc = m.granted
		}
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(c.N), c.For)
	}
}
