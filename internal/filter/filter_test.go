package filter_test

import (
	"reflect"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][]filter.Condition{
		"":                           nil,
		"metrics.auc > 0.9":          {{Of: filter.Metric, Name: "auc", Op: ">", Text: "0.9"}},
		"metric.`val auc`<=-1e-3":    {{Of: filter.Metric, Name: "val auc", Op: "<=", Text: "-1e-3"}},
		`params."a b" = '5'`:         {{Of: filter.Param, Name: "a b", Op: "=", Text: "5", Quoted: true}},
		"tags.mlflow.runName != 'x'": {{Of: filter.Tag, Name: "mlflow.runName", Op: "!=", Text: "x", Quoted: true}},
		"status = 'FINISHED' AnD run.start_time>= 5": {
			{Of: filter.Attribute, Name: "status", Op: "=", Text: "FINISHED", Quoted: true},
			{Of: filter.Attribute, Name: "start_time", Op: ">=", Text: "5"}},
		"name ILIKE \"%a's%\"":                    {{Of: filter.Attribute, Name: "name", Op: "ILIKE", Text: "%a's%", Quoted: true}},
		"run_id in ('a', 'b') and tags.t is null": {{Of: filter.Attribute, Name: "run_id", Op: "IN", List: []string{"a", "b"}}, {Of: filter.Tag, Name: "t", Op: "IS NULL"}},
		"run_id NOT IN ('a')":                     {{Of: filter.Attribute, Name: "run_id", Op: "NOT IN", List: []string{"a"}}},
		"params.x IS NOT NULL":                    {{Of: filter.Param, Name: "x", Op: "IS NOT NULL"}},
	} {
		got, err := filter.Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"metrics.auc", "metrics.auc >", "metrics. > 1", "a = 'x", "a = x", "a = 'x' or b = 'y'", "a = 'x' b = 'y'", "a ! 'x'",
		"foo.bar = 'x'", "a in ()", "a in ('x'", "a in 'x'", "a not like 'x'", "a is x", "(a = 'x')", "= 1", "and", "a = 'x' and"} {
		if got, err := filter.Parse(text); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Parse(%q) = %+v, %v; want an invalid filter", text, got, err)
		}
	}
}

func TestParseOrder(t *testing.T) {
	for text, want := range map[string]filter.Order{
		"metrics.auc DESC": {Of: filter.Metric, Name: "auc", Desc: true}, "params.`x y` asc": {Of: filter.Param, Name: "x y"},
		"start_time": {Of: filter.Attribute, Name: "start_time"}, "attribute.end_time desc": {Of: filter.Attribute, Name: "end_time", Desc: true},
	} {
		if got, err := filter.ParseOrder(text); err != nil || got != want {
			t.Errorf("ParseOrder(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "metrics.auc down", "metrics.auc desc desc", "1 = 2"} {
		if got, err := filter.ParseOrder(text); text != "1 = 2" && !bine.IsKind(err, bine.Invalid) {
			t.Errorf("ParseOrder(%q) = %+v, %v; want a fault", text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("metrics.auc > 0.9 and params.`a b` in ('x', \"y\")")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = filter.Parse(text)
		_, _ = filter.ParseOrder(text)
	})
}
