package store_test

import (
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
	"github.com/bine-ml/bine/internal/store"
)

func TestSearchTracked(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for n := range 6 {
			r := track(t, s, n)
			report := bine.Report{Params: map[string]string{"depth": fmt.Sprint(n % 3)}, Tags: map[string]string{"Team": fmt.Sprintf("T%d%%", n)}}
			if n != 5 {
				report.Metrics = []bine.Metric{{Name: "auc", Value: bine.Number(n) / 10}}
			}
			got(s.Report(ctx, "p", r.ID, report))(t)
		}
		got(s.ChangeTracked(ctx, "p", trackedID(0), store.TrackedChange{State: bine.Succeeded}))(t)
		find := func(where string, order ...string) []string {
			t.Helper()
			q := store.TrackedSearch{Where: got(filter.Parse(where))(t)}
			for _, o := range order {
				q.Order = append(q.Order, got(filter.ParseOrder(o))(t))
			}
			list, _, err := s.SearchTracked(ctx, "p", q)
			ok(t, err)
			names := []string{}
			for _, r := range list {
				names = append(names, r.Name[4:])
			}
			return names
		}
		for where, want := range map[string][]string{
			"metrics.auc > 0.2":                         {"4", "3"},
			"metrics.auc >= 0.2 and params.depth = '0'": {"3"},
			"params.depth != '0'":                       {"5", "4", "2", "1"},
			"params.depth in ('1', '7')":                {"4", "1"},
			"tags.Team like 'T%'":                       {"5", "4", "3", "2", "1", "0"},
			"tags.Team like 't%'":                       {},
			"tags.Team ilike 't3_'":                     {"3"},
			"metrics.auc is null":                       {"5"},
			"status = 'FINISHED'":                       {"0"},
			"state = 'running' and metrics.auc < 0.15":  {"1"},
			"run_name = 'run 2'":                        {"2"},
			"start_time > 0 and end_time is null":       {"5", "4", "3", "2", "1"},
		} {
			same(t, where, find(where), want)
		}
		same(t, "by a metric", find("", "metrics.auc DESC"), []string{"4", "3", "2", "1", "0", "5"})
		same(t, "by a param, then a metric", find("", "params.depth", "metrics.auc DESC"), []string{"3", "0", "4", "1", "2", "5"})
		page, more, err := s.SearchTracked(ctx, "p", store.TrackedSearch{Limit: 2, Offset: 1})
		ok(t, err)
		same(t, "a page", []any{len(page), page[0].Name, more, page[0].Params["depth"]}, []any{2, "run 4", true, "1"})
		for _, bad := range []string{"colour = 'x'", "metrics.auc like '1'", "params.depth > 3", "metrics.auc > 'x'", "datasets.name = 'x'"} {
			_, _, err := s.SearchTracked(ctx, "p", store.TrackedSearch{Where: got(filter.Parse(bad))(t)})
			kind(t, bad, err, bine.Invalid)
		}
	})
}
