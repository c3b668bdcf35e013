package mlflow

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
	"github.com/bine-ml/bine/internal/store"
)

type adder = func(method, path string, run func(*call) (any, error))

func experimentRoutes(read, change adder) {
	change(post, "experiments/create", (*call).createExperiment)
	read(get, "experiments/get", (*call).getExperiment)
	read(get, "experiments/get-by-name", (*call).getExperiment)
	read(post, "experiments/search", (*call).searchExperiments)
	read(get, "experiments/search", (*call).searchExperiments)
	change(post, "experiments/update", (*call).updateExperiment)
	change(post, "experiments/delete", (*call).deleteExperiment)
	change(post, "experiments/restore", (*call).restoreExperiment)
	change(post, "experiments/set-experiment-tag", (*call).tagExperiment)
	change(post, "experiments/delete-experiment-tag", (*call).untagExperiment)
}

// experiment is how MLflow writes one.
type experiment struct {
	ID       string `json:"experiment_id"`
	Name     string `json:"name"`
	Location string `json:"artifact_location"`
	Stage    string `json:"lifecycle_stage"`
	Updated  int64  `json:"last_update_time"`
	Created  int64  `json:"creation_time"`
	Tags     []pair `json:"tags,omitempty"`
}

const scheme = "mlflow-artifacts:/"

func stage(removed bool) string {
	if removed {
		return "deleted"
	}
	return "active"
}

func experimentOf(e bine.Experiment) experiment {
	return experiment{ID: strconv.Itoa(e.ID), Name: e.Name, Location: scheme + strconv.Itoa(e.ID), Stage: stage(e.Removed), Updated: e.UpdatedAt.UnixMilli(), Created: e.CreatedAt.UnixMilli(), Tags: pairsOf(e.Tags)}
}

// anExperiment is what names one in a request.
type anExperiment struct {
	ID      string `json:"experiment_id"`
	Name    string `json:"experiment_name"`
	NewName string `json:"new_name"`
	Key     string `json:"key"`
	Value   string `json:"value"`
}

func experimentID(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, bine.Errorf(bine.NotFound, "there is no experiment %q", text)
	}
	return n, nil
}

func (c *call) createExperiment() (any, error) {
	in, err := read[struct {
		Name string `json:"name"`
		Tags []pair `json:"tags"`
	}](c)
	if err != nil {
		return nil, err
	}
	e, err := c.store().CreateExperiment(c.ctx(), c.project, in.Name, mapOf(in.Tags), c.actor.Identity.User)
	if bine.IsKind(err, bine.Conflict) {
		return nil, exists{err}
	}
	return map[string]string{"experiment_id": strconv.Itoa(e.ID)}, err
}

func (c *call) getExperiment() (any, error) {
	in, err := read[anExperiment](c)
	if err != nil {
		return nil, err
	}
	var e bine.Experiment
	if in.Name != "" {
		e, err = c.store().ExperimentNamed(c.ctx(), c.project, in.Name)
	} else {
		var id int
		if id, err = experimentID(in.ID); err == nil {
			e, err = c.store().Experiment(c.ctx(), c.project, id)
		}
	}
	return map[string]any{"experiment": experimentOf(e)}, err
}

func (c *call) searchExperiments() (any, error) {
	in, err := read[struct {
		Max    whole    `json:"max_results"`
		Token  string   `json:"page_token"`
		Filter string   `json:"filter"`
		Order  []string `json:"order_by"`
		View   string   `json:"view_type"`
	}](c)
	if err != nil {
		return nil, err
	}
	all, err := c.store().Experiments(c.ctx(), c.project)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e bine.Experiment) bool {
		return in.View == "DELETED_ONLY" && !e.Removed || in.View != "DELETED_ONLY" && in.View != "ALL" && e.Removed
	})
	where, err := filter.Parse(in.Filter)
	if err != nil {
		return nil, err
	}
	if all, err = fitting(all, where, func(e bine.Experiment) facts {
		return facts{tags: e.Tags, texts: map[string]string{"name": e.Name}, numbers: map[string]float64{"creation_time": float64(e.CreatedAt.UnixMilli()), "last_update_time": float64(e.UpdatedAt.UnixMilli())}}
	}); err != nil {
		return nil, err
	}
	for _, text := range slices.Backward(in.Order) {
		o, err := filter.ParseOrder(text)
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(all, func(a, b bine.Experiment) int {
			n := cmp.Compare(a.ID, b.ID)
			switch strings.ToLower(o.Name) {
			case "name":
				n = strings.Compare(a.Name, b.Name)
			case "last_update_time":
				n = a.UpdatedAt.Compare(b.UpdatedAt)
			}
			if o.Desc {
				n = -n
			}
			return n
		})
	}
	some, next, err := page(all, in.Token, in.Max)
	out := []experiment{}
	for _, e := range some {
		out = append(out, experimentOf(e))
	}
	return map[string]any{"experiments": out, "next_page_token": next}, err
}

// changeExperiment changes the experiment that a request names.
func (c *call) changeExperiment(change func(in anExperiment) store.ExperimentChange) (any, error) {
	in, err := read[anExperiment](c)
	if err != nil {
		return nil, err
	}
	id, err := experimentID(in.ID)
	if err != nil {
		return nil, err
	}
	return nil, c.store().ChangeExperiment(c.ctx(), c.project, id, change(in))
}

func (c *call) updateExperiment() (any, error) {
	return c.changeExperiment(func(in anExperiment) store.ExperimentChange { return store.ExperimentChange{Name: &in.NewName} })
}

func (c *call) deleteExperiment() (any, error) {
	return c.changeExperiment(func(anExperiment) store.ExperimentChange { return store.ExperimentChange{Removed: new(true)} })
}

func (c *call) restoreExperiment() (any, error) {
	return c.changeExperiment(func(anExperiment) store.ExperimentChange { return store.ExperimentChange{Removed: new(false)} })
}

func (c *call) tagExperiment() (any, error) {
	return c.changeExperiment(func(in anExperiment) store.ExperimentChange {
		return store.ExperimentChange{Tags: map[string]string{in.Key: in.Value}}
	})
}

func (c *call) untagExperiment() (any, error) {
	return c.changeExperiment(func(in anExperiment) store.ExperimentChange {
		return store.ExperimentChange{Without: []string{in.Key}}
	})
}
