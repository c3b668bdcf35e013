package dags

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// maxRails is the most lines that run beside each other in a drawing; a graph
// that needs more is written as a list.
const maxRails = 40

// Graph draws a pipeline as text: a line for each step, after those that it
// needs, with a rail from each step down to those that need it. Where a rail
// crosses another without meeting it, that one is not interrupted.
func Graph(d DAG) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", d.Name)
	order, needs := d.order()
	for _, phase := range []plan.Phase{plan.Main, plan.OnFailure, plan.Finally} {
		var steps []Step
		for _, s := range order {
			if s.Phase == phase {
				steps = append(steps, s)
			}
		}
		if len(steps) == 0 {
			continue
		}
		b.WriteString("\n")
		if phase != plan.Main {
			fmt.Fprintf(&b, "%s:\n", phase)
		}
		drawSteps(&b, steps, needs)
	}
	return b.String()
}

func drawSteps(b *strings.Builder, steps []Step, needs map[bine.StepName][]bine.StepName) {
	r := newRails(steps, needs)
	for _, s := range steps {
		if r.add(s.Name); len(r.lanes) > maxRails {
			listSteps(b, steps, needs)
			return
		}
	}
	left, names := 0, 0
	for _, line := range r.lines {
		left = max(left, utf8.RuneCountInString(line.rails))
	}
	for _, s := range steps {
		names = max(names, len(s.Name))
	}
	at := 0
	for _, line := range r.lines {
		if !line.node {
			b.WriteString(line.rails + "\n")
			continue
		}
		s := steps[at]
		at++
		gap := strings.Repeat(" ", left-utf8.RuneCountInString(line.rails))
		fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf("%s%s  %-*s  %s", line.rails, gap, names, s.Name, s.summary()), " "))
	}
}

// listSteps writes what has too many edges to be drawn.
func listSteps(b *strings.Builder, steps []Step, needs map[bine.StepName][]bine.StepName) {
	for _, s := range steps {
		line := fmt.Sprintf("%s  %s", s.Name, s.summary())
		if n := needs[s.Name]; len(n) > 0 {
			line += "  needs " + strings.Join(texts(n), ", ")
		}
		fmt.Fprintln(b, line)
	}
}

// summary says in a few words what the step is.
func (s Step) summary() string {
	words := []string{s.Kind()}
	if f := s.Foreach; f != nil {
		words = append(words, f.summary())
	}
	if s.Sweep != nil {
		words = append(words, "sweep")
	}
	if s.Join != plan.AllSucceeded {
		words = append(words, "join "+string(s.Join))
	}
	if s.When != "" {
		words = append(words, "when "+oneLine(s.When))
	}
	return strings.Join(words, ", ")
}

func (f Foreach) summary() string {
	switch {
	case f.Per != "":
		return "per item of " + string(f.Per)
	case len(f.Loops) > 0:
		names := make([]string, len(f.Loops))
		for i, l := range f.Loops {
			names[i] = l.As
		}
		return "for each " + strings.Join(names, " × ")
	}
	if text, ok := isText(f.Items); ok {
		return "for each of " + oneLine(text)
	}
	var items []json.RawMessage
	if json.Unmarshal(f.Items, &items) == nil {
		return fmt.Sprintf("for each of %d", len(items))
	}
	return "for each"
}

func oneLine(text string) string {
	if expr.Only(text) {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "${{"), "}}")
	}
	return shorten(strings.Join(strings.Fields(text), " "))
}

// rails is a drawing that grows from top to bottom. A lane is a column; it
// belongs to a step as long as others further down need that.
type rails struct {
	needs map[bine.StepName][]bine.StepName
	left  map[bine.StepName]int // how many steps are still to come that need it
	lanes []bine.StepName       // whose rail runs in each column; empty is free
	lines []railLine
}

type railLine struct {
	rails string
	node  bool // whether a step stands in it
}

func newRails(steps []Step, needs map[bine.StepName][]bine.StepName) *rails {
	r := &rails{needs: needs, left: map[bine.StepName]int{}}
	for _, s := range steps {
		for _, n := range needs[s.Name] {
			r.left[n]++
		}
	}
	return r
}

// add draws the lines of one step: how the rails come together, and itself.
func (r *rails) add(name bine.StepName) {
	var from, ends []int // lanes that lead here, and those of them that go no further
	for i, lane := range r.lanes {
		if lane == "" || !slices.Contains(r.needs[name], lane) {
			continue
		}
		from = append(from, i)
		if r.left[lane]--; r.left[lane] == 0 {
			ends = append(ends, i)
		}
	}
	at := r.column(ends)
	if len(from) > 0 {
		r.lines = append(r.lines, railLine{rails: r.meet(at, from, ends)})
	}
	for _, i := range ends {
		r.lanes[i] = ""
	}
	r.lanes[at] = name
	r.lines = append(r.lines, railLine{rails: r.through(at), node: true})
	if r.left[name] == 0 {
		r.lanes[at] = ""
	}
	for len(r.lanes) > 0 && r.lanes[len(r.lanes)-1] == "" {
		r.lanes = r.lanes[:len(r.lanes)-1]
	}
}

// column chooses where a step stands: below one of those that it needs, if that
// has no more to do, else in the first free column.
func (r *rails) column(ends []int) int {
	if len(ends) > 0 {
		return ends[0]
	}
	if free := slices.Index(r.lanes, ""); free >= 0 {
		return free
	}
	r.lanes = append(r.lanes, "")
	return len(r.lanes) - 1
}

// through draws the line of a step: the step, and the rails that pass it.
func (r *rails) through(at int) string {
	cells := make([]string, len(r.lanes))
	for i, lane := range r.lanes {
		switch {
		case i == at:
			cells[i] = "●"
		case lane != "":
			cells[i] = "│"
		default:
			cells[i] = " "
		}
	}
	return strings.TrimRight(strings.Join(cells, " "), " ")
}

// meet draws the line above a step, in which the rails that lead to it meet.
func (r *rails) meet(at int, from, ends []int) string {
	first, last := min(at, from[0]), max(at, from[len(from)-1])
	var b strings.Builder
	for i, lane := range r.lanes {
		up := lane != ""
		down := up && !slices.Contains(ends, i) || i == at
		joins := i == at || slices.Contains(from, i)
		switch {
		case joins:
			b.WriteString(corner(up, down, i > first, i < last))
		case up:
			b.WriteString("│")
		case i > first && i < last:
			b.WriteString("─")
		default:
			b.WriteString(" ")
		}
		if i >= first && i < last {
			b.WriteString("─")
		} else {
			b.WriteString(" ")
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// corner gives the character with arms in some directions.
func corner(up, down, left, right bool) string {
	key := 0
	for i, arm := range []bool{up, down, left, right} {
		if arm {
			key |= 1 << i
		}
	}
	return []string{" ", "╵", "╷", "│", "╴", "╯", "╮", "┤", "╶", "╰", "╭", "├", "─", "┴", "┬", "┼"}[key]
}
