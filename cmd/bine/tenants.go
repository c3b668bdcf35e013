package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

// tenantMetrics tells who holds accelerators and who waits for them: projects
// and leases, the largest of them alone, so that there are never more series
// than a reader can bear.
type tenantMetrics struct {
	ledger *lease.Ledger
	log    *slog.Logger

	granted, wanted, waiting, oldest, seconds *prometheus.Desc // of projects
	has, busy, memory, idle                   *prometheus.Desc // of leases
	queue                                     *prometheus.Desc

	mu   sync.Mutex
	at   time.Time // until when seconds are counted
	held map[bine.ProjectName]float64
}

// mostTenants is how many projects, and how many leases, are told of.
const mostTenants = 100

func newTenantMetrics(l *lease.Ledger, log *slog.Logger) *tenantMetrics {
	project, lease := []string{"project"}, []string{"project", "attempt"}
	return &tenantMetrics{ledger: l, log: log, at: time.Now(), held: map[bine.ProjectName]float64{},
		granted: prometheus.NewDesc("bine_project_accelerators_granted", "Accelerators that a project holds.", project, nil),
		wanted:  prometheus.NewDesc("bine_project_accelerators_wanted", "Accelerators that a project waits for.", project, nil),
		waiting: prometheus.NewDesc("bine_project_accelerator_requests_waiting", "Requests of a project that wait for accelerators.", project, nil),
		oldest:  prometheus.NewDesc("bine_project_accelerator_oldest_wait_seconds", "How long the first of them waits.", project, nil),
		seconds: prometheus.NewDesc("bine_project_accelerator_seconds_total", "Time that a project held accelerators, in seconds of whole ones, since this process began.", project, nil),
		has:     prometheus.NewDesc("bine_lease_accelerators", "Accelerators of a lease.", lease, nil),
		busy:    prometheus.NewDesc("bine_lease_accelerator_busy", "Share of the time in which they computed since they were granted, 0 to 1.", lease, nil),
		memory:  prometheus.NewDesc("bine_lease_accelerator_memory_bytes", "The most memory that was used of each, together.", lease, nil),
		idle:    prometheus.NewDesc("bine_lease_accelerator_idle", "1 where they do less than the rule of the project wants.", lease, nil),
		queue:   prometheus.NewDesc("bine_leases_oldest_wait_seconds", "How long the first waits, by what for: host, pool, key or runs.", []string{"for"}, nil),
	}
}

// Describe gives what there is to tell.
func (m *tenantMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.granted, m.wanted, m.waiting, m.oldest, m.seconds, m.has, m.busy, m.memory, m.idle, m.queue} {
		to <- d
	}
}

// Collect tells it.
func (m *tenantMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	for what, tell := range map[string]func(context.Context, chan<- prometheus.Metric) error{"projects": m.projects, "leases": m.leases, "queues": m.queues} {
		if err := tell(ctx, to); err != nil {
			m.log.WarnContext(ctx, "who holds accelerators was not counted for the metrics", "of", what, "error", err)
		}
	}
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (m *tenantMetrics) projects(ctx context.Context, to chan<- prometheus.Metric) error {
	all, err := m.ledger.Demands(ctx, mostTenants)
	if err != nil {
		return err
	}
	for _, s := range all {
		p, wait := string(s.Project), 0.0
		if s.Waiting > 0 {
			wait = max(0, time.Since(s.Oldest).Seconds())
		}
		gauge(to, m.granted, s.Granted, p)
		gauge(to, m.wanted, s.Wanted, p)
		gauge(to, m.waiting, float64(s.Waiting), p)
		gauge(to, m.oldest, wait, p)
	}
	return m.count(ctx, to)
}

// count goes on counting for how long projects held accelerators.
func (m *tenantMetrics) count(ctx context.Context, to chan<- prometheus.Metric) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	more, err := m.ledger.Held(ctx, m.at, now)
	if err != nil {
		return err
	}
	m.at = now
	for p, seconds := range more {
		if _, known := m.held[p]; known || len(m.held) < mostTenants {
			m.held[p] += seconds
		}
	}
	for p, seconds := range m.held {
		to <- prometheus.MustNewConstMetric(m.seconds, prometheus.CounterValue, seconds, string(p))
	}
	return nil
}

func (m *tenantMetrics) leases(ctx context.Context, to chan<- prometheus.Metric) error {
	all, err := m.ledger.Tenancies(ctx, mostTenants)
	for _, t := range all {
		p, id, idle := string(t.Project), string(t.Attempt), 0.0
		if t.Idle {
			idle = 1
		}
		gauge(to, m.has, t.Granted, p, id)
		gauge(to, m.busy, t.Busy, p, id)
		gauge(to, m.memory, float64(t.Memory), p, id)
		gauge(to, m.idle, idle, p, id)
	}
	return err
}

func (m *tenantMetrics) queues(ctx context.Context, to chan<- prometheus.Metric) error {
	oldest, err := m.ledger.Oldest(ctx)
	for what, since := range oldest {
		gauge(to, m.queue, max(0, time.Since(since).Seconds()), what)
	}
	return err
}
