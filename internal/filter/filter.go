// Package filter reads the language in which tracked runs are searched. It is
// that of MLflow, so that what people know serves both here and there:
//
//	metrics.auc > 0.9 and params.depth = '5' and tags.team ilike 'fl%'
//
// It only reads: what the names mean is for whoever evaluates a filter.
// Source: MLflow, "Search Runs", https://mlflow.org/docs/latest/ml/search/search-runs/.
package filter

import (
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// Entity says what of a thing a name is of.
type Entity string

// The entities.
const (
	Attribute Entity = "attributes"
	Metric    Entity = "metrics"
	Param     Entity = "params"
	Tag       Entity = "tags"
	Dataset   Entity = "datasets"
)

// entities are the spellings of each.
var entities = map[string]Entity{
	"attributes": Attribute, "attribute": Attribute, "attr": Attribute, "run": Attribute,
	"metrics": Metric, "metric": Metric,
	"params": Param, "param": Param, "parameters": Param, "parameter": Param,
	"tags": Tag, "tag": Tag,
	"datasets": Dataset, "dataset": Dataset,
}

// Condition is one comparison.
type Condition struct {
	Of   Entity
	Name string
	// Op is =, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL.
	Op   string
	Text string   // what it is compared with; a number as it was written
	List []string // of IN and NOT IN
	// Quoted says that Text was written in quotes.
	Quoted bool
}

// Number is what the condition compares with, as a number.
func (c Condition) Number() (float64, error) {
	n, err := strconv.ParseFloat(c.Text, 64)
	if err != nil || c.Quoted && c.Of == Metric {
		return 0, bine.Errorf(bine.Invalid, "%s.%s is compared with numbers, without quotes, and %q is none", c.Of, c.Name, c.Text)
	}
	return n, nil
}

// Order says by what results are ordered.
type Order struct {
	Of   Entity
	Name string
	Desc bool
}

// Parse reads a filter; all of its conditions must hold. An empty one has none.
func Parse(text string) ([]Condition, error) {
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	p := &parser{words: words, text: text}
	var list []Condition
	for !p.done() {
		if len(list) > 0 && !p.keyword("and") {
			return nil, p.fault("AND")
		}
		c, err := p.condition()
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// ParseOrder reads what results are ordered by: "metrics.auc DESC".
func ParseOrder(text string) (Order, error) {
	words, err := split(text)
	if err != nil {
		return Order{}, err
	}
	p := &parser{words: words, text: text}
	of, name, err := p.name()
	if err != nil {
		return Order{}, err
	}
	o := Order{Of: of, Name: name, Desc: p.keyword("desc")}
	if !o.Desc {
		p.keyword("asc")
	}
	if !p.done() {
		return Order{}, p.fault("ASC or DESC")
	}
	return o, nil
}

type parser struct {
	words []word
	at    int
	text  string
}

func (p *parser) done() bool { return p.at >= len(p.words) }

func (p *parser) peek() word {
	if p.done() {
		return word{}
	}
	return p.words[p.at]
}

func (p *parser) fault(wanted string) error {
	is := "it ends"
	if !p.done() {
		is = "it says " + strconv.Quote(p.peek().text)
	}
	return bine.Errorf(bine.Invalid, "filter %q: where %s is expected %s; write for example metrics.auc > 0.9 and params.depth = '5'", p.text, wanted, is)
}

// keyword takes a word if it is that one, however it is written.
func (p *parser) keyword(want string) bool {
	w := p.peek()
	if w.kind != bare || !strings.EqualFold(w.text, want) {
		return false
	}
	p.at++
	return true
}

// name reads metrics.auc, tags.`a name` or an attribute by itself.
func (p *parser) name() (Entity, string, error) {
	w := p.peek()
	if w.kind != bare && w.kind != backquoted && w.kind != doublequoted {
		return "", "", p.fault("a name")
	}
	p.at++
	if w.kind != bare {
		return Attribute, w.text, nil
	}
	first, rest, dotted := strings.Cut(w.text, ".")
	of, known := entities[strings.ToLower(first)]
	if !dotted || !known {
		if dotted {
			return "", "", bine.Errorf(bine.Invalid, "filter %q: %q is neither of attributes, metrics, params, tags nor datasets", p.text, first)
		}
		return Attribute, w.text, nil
	}
	if rest != "" {
		return of, rest, nil
	}
	quoted := p.peek()
	if quoted.kind != backquoted && quoted.kind != doublequoted {
		return "", "", p.fault("a name behind " + w.text)
	}
	p.at++
	return of, quoted.text, nil
}

func (p *parser) condition() (Condition, error) {
	of, name, err := p.name()
	if err != nil {
		return Condition{}, err
	}
	c := Condition{Of: of, Name: name}
	if c.Op, err = p.operator(); err != nil {
		return c, err
	}
	switch c.Op {
	case "IS NULL", "IS NOT NULL":
		return c, nil
	case "IN", "NOT IN":
		c.List, err = p.list()
		return c, err
	}
	w := p.peek()
	if w.kind != singlequoted && w.kind != doublequoted && w.kind != bare {
		return c, p.fault("a value")
	}
	p.at++
	c.Text, c.Quoted = w.text, w.kind != bare
	if !c.Quoted {
		if _, err := strconv.ParseFloat(c.Text, 64); err != nil {
			p.at--
			return c, p.fault("a number, or a text in quotes,")
		}
	}
	return c, nil
}

func (p *parser) operator() (string, error) {
	w := p.peek()
	switch {
	case w.kind == sign && w.text != "(" && w.text != ")" && w.text != ",":
		p.at++
		return w.text, nil
	case p.keyword("like"):
		return "LIKE", nil
	case p.keyword("ilike"):
		return "ILIKE", nil
	case p.keyword("in"):
		return "IN", nil
	case p.keyword("not"):
		if p.keyword("in") {
			return "NOT IN", nil
		}
	case p.keyword("is"):
		not := p.keyword("not")
		if p.keyword("null") {
			if not {
				return "IS NOT NULL", nil
			}
			return "IS NULL", nil
		}
	}
	return "", p.fault("a comparison")
}

func (p *parser) list() ([]string, error) {
	if p.peek() != (word{sign, "("}) {
		return nil, p.fault("(")
	}
	p.at++
	list := []string{}
	for {
		w := p.peek()
		if w.kind != singlequoted && w.kind != doublequoted && w.kind != bare {
			return nil, p.fault("a value")
		}
		list = append(list, w.text)
		p.at++
		end := p.peek()
		p.at++
		switch end {
		case word{sign, ","}:
		case word{sign, ")"}:
			return list, nil
		default:
			p.at--
			return nil, p.fault(")")
		}
	}
}
