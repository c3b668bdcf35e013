package mlflow

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/filter"
)

// facts are what a thing of which there are few is searched by.
type facts struct {
	tags    map[string]string
	params  map[string]string
	texts   map[string]string
	numbers map[string]float64
	metrics map[string]float64
}

// fitting gives those that meet all conditions.
func fitting[T any](all []T, where []filter.Condition, of func(T) facts) ([]T, error) {
	var fault error
	out := slices.DeleteFunc(slices.Clone(all), func(v T) bool {
		f := of(v)
		for _, c := range where {
			ok, err := f.meet(c)
			if err != nil {
				fault = err
			}
			if !ok {
				return true
			}
		}
		return false
	})
	return out, fault
}

func (f facts) meet(c filter.Condition) (bool, error) {
	numbers, texts := f.numbers, f.texts
	switch c.Of {
	case filter.Tag:
		numbers, texts = nil, f.tags
	case filter.Param:
		numbers, texts = nil, f.params
	case filter.Metric:
		numbers, texts = f.metrics, nil
	}
	if n, ok := numbers[c.Name]; ok {
		want, err := c.Number()
		return compare(c.Op, n, want), err
	}
	text, there := texts[c.Name]
	switch c.Op {
	case "IS NULL":
		return !there, nil
	case "IS NOT NULL":
		return there, nil
	}
	if !there {
		if c.Of == filter.Attribute {
			return false, bine.Errorf(bine.Invalid, "there is nothing called %q to search by", c.Name)
		}
		return false, nil
	}
	switch c.Op {
	case "=":
		return text == c.Text, nil
	case "!=":
		return text != c.Text, nil
	case "IN":
		return slices.Contains(c.List, text), nil
	case "NOT IN":
		return !slices.Contains(c.List, text), nil
	case "LIKE", "ILIKE":
		return like(c.Op == "ILIKE", c.Text, text), nil
	}
	return false, bine.Errorf(bine.Invalid, "%s cannot be compared by %s", c.Name, c.Op)
}

func compare(op string, a, b float64) bool {
	switch op {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	}
	return false
}

// like holds a text against a pattern of SQL.
func like(anyCase bool, pattern, text string) bool {
	flags := "(?s)"
	if anyCase {
		flags = "(?is)"
	}
	ok, err := regexp.MatchString(flags+"^"+strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(pattern))+"$", text)
	return err == nil && ok
}
