package dags_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine/dags"
)

func TestGraphDrawsRailsFromEachStepToThoseThatNeedIt(t *testing.T) {
	for name, want := range map[string]string{
		"flights": `flights

●    ingest    python
├─╮
│ ●  validate  python
├─╯
●    split     python
├─╮
│ ●  train     python, for each of params.configurations
├─╯
●    evaluate  python
│
●    register  model, when steps.evaluate.better
│
●    deploy    deploy
`,
		"branch": `branch

●        pick           branch
├─╮
│ ●      short_way      values
├─│─╮
│ │ ●    long_way       values
│ │ │
● │ │    nothing_to_do  values
├─┼─┼─╮
│ │ │ ●  report         values, join none_failed
├─┴─╯
●        first          values, join any_succeeded
`,
		"failures": `failures

●  flaky  command
│
●  last   command

on_failure:
●  blame  values

finally:
●  cleanup  values
`,
		"nested": `nested

●  list   values
│
●  count  values, for each shop × day
│
●  all    values
`,
	} {
		if got := dags.Graph(example(t, name)); got != want {
			t.Errorf("the graph of %s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestGraphKeepsEveryStepOnALineOfItsOwn(t *testing.T) {
	for _, wide := range []int{3, 30, 300} {
		var text strings.Builder
		text.WriteString("name: wide\nsteps:\n  a: {values: {x: 1}}\n")
		all := make([]string, wide)
		for i := range wide {
			all[i] = fmt.Sprintf("s%d", i)
			fmt.Fprintf(&text, "  s%d: {values: {x: \"${{ steps.a.x }}\"}}\n", i)
		}
		fmt.Fprintf(&text, "  z: {needs: [%s], values: {x: 1}}\n", strings.Join(all, ", "))
		drawn := dags.Graph(parse(t, text.String()))
		steps := 0
		for line := range strings.Lines(drawn) {
			if strings.Contains(line, "values") {
				steps++
			}
		}
		if steps != wide+2 {
			t.Errorf("%d of %d steps are drawn", steps, wide+2)
		}
		if listed := strings.Contains(drawn, "z  values  needs s0, s1"); listed != (wide > 40) {
			t.Errorf("a graph of %d side by side is written as a list: %v", wide, listed)
		}
	}
}
