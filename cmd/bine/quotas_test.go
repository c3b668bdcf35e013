package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine/dfs"
)

type someLimits struct {
	limits []dfs.Limit
	fault  error
	asked  int
}

func (s *someLimits) FullestLimits(context.Context, int) ([]dfs.Limit, error) {
	s.asked++
	return s.limits, s.fault
}

// told gives what a collector tells, in the order of names.
func told(t *testing.T, c prometheus.Collector) (list []string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
			}
			list = append(list, fmt.Sprintf("%s %g", line, m.GetGauge().GetValue()))
		}
	}
	return list
}

func TestQuotasAreToldWithWhatIsUsed(t *testing.T) {
	files := &someLimits{limits: []dfs.Limit{
		{Path: "/Projects/shop/Resources/raw", Quota: dfs.Quota{Bytes: 100}, Bytes: 90, Names: 3},
		{Path: "/Projects/shop", Quota: dfs.Quota{Names: 10}, Names: 4},
	}}
	m := newQuotaMetrics(files, slog.New(slog.DiscardHandler))
	want := []string{
		"bine_file_quota_bytes directory=Resources/raw project=shop 100", "bine_file_quota_names directory= project=shop 10",
		"bine_file_quota_used_bytes directory=Resources/raw project=shop 90", "bine_file_quota_used_names directory= project=shop 4",
	}
	for range 2 {
		if got := told(t, m); !slices.Equal(got, want) {
			t.Errorf("it tells\n%q, want\n%q", got, want)
		}
	}
	if files.asked != 1 {
		t.Errorf("the file system was asked %d times within a moment", files.asked)
	}
}

func TestQuotasThatCannotBeReadAreLeftOut(t *testing.T) {
	files := &someLimits{fault: errors.New("the database is away")}
	if got := told(t, newQuotaMetrics(files, slog.New(slog.DiscardHandler))); len(got) != 0 || files.asked != 1 {
		t.Errorf("it tells %q after %d looks", got, files.asked)
	}
}
