package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) experimentCommand() *cobra.Command {
	list := command("list", "List the experiments, newest first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Experiments(c.Context(), p)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(e bine.Experiment) bool { return e.Removed })
		return a.show(all, each(all, func(e bine.Experiment) string { return e.Name }), func(t *table) {
			t.row("ID", "NAME", "RUNS", "BY", "CREATED")
			for _, e := range all {
				t.row(e.ID, e.Name, e.Runs, e.CreatedBy, e.CreatedAt)
			}
		})
	})
	return group("experiment", "Experiments and their tracked runs", list, a.experimentShowCommand(), a.experimentCompareCommand())
}

// experimentNamed finds an experiment by its name or number.
func experimentNamed(all []bine.Experiment, name string) (bine.Experiment, error) {
	for _, e := range all {
		if e.Name == name || strconv.Itoa(e.ID) == name {
			return e, nil
		}
	}
	return bine.Experiment{}, bine.Errorf(bine.NotFound, "there is no experiment %q; `bine experiment list` shows those there are", name)
}

func (a *app) experimentShowCommand() *cobra.Command {
	var body client.TrackedSearch
	c := command("show NAME", "List the tracked runs of an experiment with their params and metrics", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Experiments(c.Context(), p)
		if err != nil {
			return err
		}
		e, err := experimentNamed(all, args[0])
		if err != nil {
			return err
		}
		body.Experiments = []int{e.ID}
		page, err := api.SearchTracked(c.Context(), p, body)
		if err != nil {
			return err
		}
		return a.show(page.Runs, each(page.Runs, func(r bine.TrackedRun) string { return string(r.ID) }), func(t *table) { trackedTable(t, page.Runs) })
	})
	c.Flags().StringVar(&body.Filter, "filter", "", "for example \"metrics.auc > 0.9 and params.depth = '5'\"")
	c.Flags().StringSliceVar(&body.OrderBy, "order-by", nil, "for example \"metrics.auc DESC\"")
	c.Flags().IntVar(&body.Limit, "limit", 100, "how many at most, up to 5000")
	return c
}

func trackedTable(t *table, runs []bine.TrackedRun) {
	t.row("ID", "NAME", "STATE", "PARAMS", "METRICS", "STARTED")
	for _, r := range runs {
		var params, metrics []string
		for _, name := range slices.Sorted(maps.Keys(r.Params)) {
			params = append(params, name+"="+r.Params[name])
		}
		for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
			metrics = append(metrics, fmt.Sprintf("%s %.4g", name, float64(r.Metrics[name].Last)))
		}
		t.row(string(r.ID), r.Name, r.State, strings.Join(params, ", "), strings.Join(metrics, ", "), r.StartedAt)
	}
}

func (a *app) experimentCompareCommand() *cobra.Command {
	var whole bool
	c := &cobra.Command{Use: "compare ID ID...", Short: "Show in what tracked runs differ", Args: cobra.MinimumNArgs(2)}
	c.RunE = func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		var runs []bine.TrackedRun
		for _, id := range args {
			r, err := api.Tracked(c.Context(), p, bine.TrackedID(id))
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		return a.show(runs, each(runs, func(r bine.TrackedRun) string { return string(r.ID) }), func(t *table) { compareTable(t, runs, whole) })
	}
	c.Flags().BoolVar(&whole, "all", false, "also what is the same")
	return c
}

// compareTable has a row for each param and metric, and a column for each run.
func compareTable(t *table, runs []bine.TrackedRun, whole bool) {
	row := func(name string, of func(bine.TrackedRun) string, always bool) {
		cells, same := []any{name}, true
		for _, r := range runs {
			cells = append(cells, of(r))
			same = same && of(r) == of(runs[0])
		}
		if !same || always {
			t.row(cells...)
		}
	}
	row("", func(r bine.TrackedRun) string { return r.Name }, true)
	row("state", func(r bine.TrackedRun) string { return string(r.State) }, whole)
	params, metrics := map[string]bool{}, map[string]bool{}
	for _, r := range runs {
		for name := range r.Params {
			params[name] = true
		}
		for name := range r.Metrics {
			metrics[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		row("params."+name, func(r bine.TrackedRun) string { return r.Params[name] }, whole)
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		row("metrics."+name, func(r bine.TrackedRun) string {
			if l, there := r.Metrics[name]; there {
				return l.Last.String()
			}
			return ""
		}, whole)
	}
}
