package dags_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// hostile gives texts that are small and ask for much, by what they try.
func hostile() map[string]string {
	steps := func(n int, one func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(one(i))
		}
		return b.String()
	}
	names := func(n int) string { return strings.Join(namesTo(n), ",") }
	bomb := "x: [" + strings.Repeat("y,", 9) + "y]\n"
	for _, level := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		bomb += "x" + level + ": &" + level + " [" + strings.TrimSuffix(strings.Repeat("*"+string(level[0]-1)+",", 10), ",") + "]\n"
	}
	bomb = "name: a\nsteps: {s: {values: {x: 1}}}\nx: &a [1,1,1,1,1,1,1,1,1,1]\n" + bomb
	aliased := func(inside string) string {
		return "name: a\nx: &a [" + strings.Repeat("{a: 1},", 50) + "]\ny: &b [" + strings.Repeat("*a,", 100) + "]\nz: &c [" + strings.Repeat("*b,", 100) + "]\n" + inside
	}
	return map[string]string{
		"a bomb of anchors":           bomb,
		"a bomb in nested loops":      aliased("steps: {s: {foreach: *c, values: {x: 1}}}\n"),
		"a bomb in triggers":          aliased("triggers: *c\nsteps: {s: {values: {x: 1}}}\n"),
		"a bomb in the outputs":       aliased("outputs: {x: *c}\nsteps: {s: {values: {x: 1}}}\n"),
		"a bomb in a body":            aliased("steps: {s: {http: {url: \"https://example.com\", method: POST, body: *c}}}\n"),
		"lists within lists":          "name: a\nsteps: {s: {values: {x: " + strings.Repeat("[", 400_000) + "\n",
		"mappings within mappings":    "name: a\nsteps: {s: {with: " + strings.Repeat("{a: ", 200_000) + "\n",
		"deep blocks":                 "name: a\nsteps:\n" + steps(900, func(i int) string { return strings.Repeat(" ", i+1) + "a:\n" }),
		"a quarter million items":     "name: a\nsteps: {s: {foreach: {items: [" + strings.Repeat("1,", 250_000) + "]}, values: {x: 1}}}\n",
		"a hundred thousand triggers": "name: a\ntriggers: [" + strings.Repeat("{topic: a},", 90_000) + "]\nsteps: {s: {values: {x: 1}}}\n",
		"many messages":               "name: a\nnotify: [" + strings.Repeat("{on: late, mail: a@b.c, message: \"${{ link }}\"},", 20_000) + "]\nsteps: {s: {values: {x: 1}}}\n",
		"many loops":                  "name: a\nsteps: {s: {values: {x: 1}, foreach: [" + steps(10_000, func(i int) string { return fmt.Sprintf("{as: l%d, items: [1,2]},", i) }) + "]}}\n",
		"a branch that names all":     "name: a\nsteps:\n  p: {branch: {cases: [{when: \"${{ true }}\", steps: [" + names(4990) + "]}]}}\n" + steps(4990, func(i int) string { return fmt.Sprintf("  s%d: {values: {x: 1}}\n", i) }),
		"as many branches as targets": "name: a\nsteps:\n" + steps(2400, func(i int) string {
			return fmt.Sprintf("  p%d: {branch: {cases: [{when: \"${{ true }}\", steps: [s%d]}]}}\n  s%d: {values: {x: 1}}\n", i, i, i)
		}),
		"steps that need all": "name: a\nsteps:\n" + steps(4000, func(i int) string { return fmt.Sprintf("  s%d: {values: {x: 1}}\n", i) }) + steps(35, func(i int) string { return fmt.Sprintf("  n%d: {needs: [%s], values: {x: 1}}\n", i, names(4000)) }),
		"a chain of followers": "name: a\nsteps:\n  s0: {foreach: {items: [1]}, values: {x: 1}}\n" + steps(4900, func(i int) string {
			return fmt.Sprintf("  s%d: {foreach: {per: s%d}, values: {x: \"${{ item }}\"}}\n", i+1, i)
		}),
		"followers that read a chain": "name: a\nsteps:\n  s0: {foreach: {items: [1]}, values: {x: 1}}\n" + steps(1500, func(i int) string {
			return fmt.Sprintf("  s%d: {foreach: {per: s%d}, values: {x: \"${{ steps.s%d.x }}\"}}\n", i+1, i, i)
		}),
		"many chains of followers": "name: a\nsteps:\n" + steps(4960, func(i int) string {
			if i%31 == 0 {
				return fmt.Sprintf("  s%d: {foreach: {items: [1]}, values: {x: 1}}\n", i)
			}
			return fmt.Sprintf("  s%d: {foreach: {per: s%d}, values: {x: \"${{ steps.s%d.x }}\"}}\n", i, i-1, i-1)
		}),
		"a circle of five thousand":    "name: a\nsteps:\n" + steps(5000, func(i int) string { return fmt.Sprintf("  s%d: {needs: [s%d], values: {x: 1}}\n", i, (i+1)%5000) }),
		"a long chain":                 "name: a\nsteps:\n  s0: {values: {x: 1}}\n" + steps(4999, func(i int) string { return fmt.Sprintf("  s%d: {values: {x: \"${{ steps.s%d.x }}\"}}\n", i+1, i) }),
		"many outputs":                 "name: a\nsteps: {s: {values: {x: 1}}}\noutputs:\n" + steps(15_000, func(i int) string { return fmt.Sprintf("  o%d: \"${{ steps.s.x }}\"\n", i) }),
		"many fields of a form":        "name: a\nsteps: {s: {approval: {message: a, form: {" + steps(20_000, func(i int) string { return fmt.Sprintf("f%d: {type: int},", i) }) + "}}}}\n",
		"on_failure that reads all":    "name: a\nsteps:\n" + steps(2500, func(i int) string { return fmt.Sprintf("  s%d: {values: {x: 1}}\n", i) }) + "on_failure:\n" + steps(2400, func(i int) string { return fmt.Sprintf("  f%d: {values: {x: \"${{ steps.s%d.state }}\"}}\n", i, i) }),
		"an expression of many braces": "name: a\nsteps: {s: {values: {x: \"${{ " + strings.Repeat("{1:", 5000) + "\"}}}\n",
	}
}

func namesTo(n int) []string {
	all := make([]string, n)
	for i := range n {
		all[i] = fmt.Sprintf("s%d", i)
	}
	return all
}

// patience is what any text may take, with much to spare for a slow machine.
const patience = time.Minute

func TestNoTextTakesLong(t *testing.T) {
	for what, text := range hostile() {
		t.Run(what, func(t *testing.T) {
			begun := time.Now()
			d, err := dags.Parse([]byte(text))
			parsed := time.Since(begun)
			if kind := bine.KindOf(err); err != nil && kind != bine.Invalid && kind != bine.TooLarge {
				t.Errorf("an error of kind %s: %v", kind, err)
			}
			if err == nil {
				d.Plan()
				dags.Graph(d)
				if params, err := d.ResolveParams(nil); err == nil {
					_, _ = d.Render(t.Context(), params)
				}
				_, _ = dags.Decode(d.JSON())
			}
			took := time.Since(begun)
			t.Logf("%d bytes: read in %v, all in %v; %.150v", len(text), parsed, took, err)
			if took > patience {
				t.Errorf("it took %v", took)
			}
		})
	}
}
