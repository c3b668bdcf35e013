package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine/dfs"
)

const (
	quotasTold = 100         // at most so many directories, the fullest
	quotasKept = time.Minute // how long what was read of them is told again
)

// fullestLimits is what quotaMetrics needs of the file system.
type fullestLimits interface {
	FullestLimits(ctx context.Context, most int) ([]dfs.Limit, error)
}

// quotaMetrics tells how full the directories with quotas are, when it is asked:
// the fullest of them, so that there are never many.
type quotaMetrics struct {
	files                          fullestLimits
	bytes, ofBytes, names, ofNames *prometheus.Desc
	log                            *slog.Logger
	mu                             sync.Mutex
	last                           []dfs.Limit
	read                           time.Time
}

func newQuotaMetrics(files fullestLimits, log *slog.Logger) *quotaMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"project", "directory"}, nil)
	}
	return &quotaMetrics{
		files:   files,
		bytes:   desc("bine_file_quota_used_bytes", "Bytes of files that count towards the quota of a directory; of a whole project with an empty directory."),
		ofBytes: desc("bine_file_quota_bytes", "The quota of a directory in bytes."),
		names:   desc("bine_file_quota_used_names", "Files and directories that count towards the quota of a directory."),
		ofNames: desc("bine_file_quota_names", "The quota of a directory in files and directories."),
		log:     log,
	}
}

// Describe gives what there is to tell.
func (m *quotaMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.bytes, m.ofBytes, m.names, m.ofNames} {
		to <- d
	}
}

// Collect tells it.
func (m *quotaMetrics) Collect(to chan<- prometheus.Metric) {
	for _, l := range m.limits() {
		project, directory, _ := strings.Cut(strings.TrimPrefix(l.Path, "/Projects/"), "/")
		tell := func(used, of *prometheus.Desc, n, quota int64) {
			if quota > 0 {
				to <- prometheus.MustNewConstMetric(used, prometheus.GaugeValue, float64(n), project, directory)
				to <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, float64(quota), project, directory)
			}
		}
		tell(m.bytes, m.ofBytes, l.Bytes, l.Quota.Bytes)
		tell(m.names, m.ofNames, l.Names, l.Quota.Names)
	}
}

// limits reads them, unless that was done a moment ago.
func (m *quotaMetrics) limits() []dfs.Limit {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.read.IsZero() && time.Since(m.read) < quotasKept {
		return m.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	found, err := m.files.FullestLimits(ctx, quotasTold)
	if err != nil {
		m.log.WarnContext(ctx, "the quotas of directories were not looked at for the metrics", "error", err)
		return nil
	}
	m.last, m.read = found, time.Now()
	return found
}
