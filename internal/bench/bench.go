// Package bench measures an installation of Bine beside what it stands on, in
// the same minute on the same machine: its pipelines beside the bare workflow
// engine, its processes beside exec, its API beside net/http, its file system
// beside bare SQL; and how it places and queues work for accelerators, beside
// other policies on the same work. What it gives are rows whose ratios mean something on any
// machine, each with the goal that the project holds it to, if there is one.
package bench

import (
	"fmt"

	sdk "go.temporal.io/sdk/client"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Installation is what is measured: a running one that does nothing else.
type Installation struct {
	API      *client.Client
	Key      string           // with which the API answers
	Project  bine.ProjectName // to work in; it has no environment
	Temporal sdk.Client
	Python   string // interpreter of steps that name no environment
}

// Row is one measured figure.
type Row struct {
	Name      string  `json:"name"`
	Size      int     `json:"size,omitempty"` // steps, bytes, files: what Name says
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Reference float64 `json:"reference,omitempty"` // in the unit, unless Name says otherwise
	Ratio     float64 `json:"ratio,omitempty"`     // of value to reference
	Goal      string  `json:"goal,omitempty"`
	Met       *bool   `json:"met,omitempty"`
}

// Goal is what a figure is held to.
type Goal struct {
	bound float64
	ratio bool // of the ratio; else of the value
	least bool // at least; else at most
}

// AtMost is a goal for the value of a row.
func AtMost(bound float64) Goal { return Goal{bound: bound} }

// AtLeast is a goal for the value of a row.
func AtLeast(bound float64) Goal { return Goal{bound: bound, least: true} }

// RatioAtMost is a goal for the ratio of a row.
func RatioAtMost(bound float64) Goal { return Goal{bound: bound, ratio: true} }

// RatioAtLeast is a goal for the ratio of a row.
func RatioAtLeast(bound float64) Goal { return Goal{bound: bound, ratio: true, least: true} }

// Against sets the reference of a row, and the ratio to it.
func (r Row) Against(reference float64) Row {
	r.Reference = reference
	if reference != 0 {
		r.Ratio = r.Value / reference
	}
	return r
}

// HeldTo says whether a row meets a goal. A goal for a ratio that a row does
// not have is not met.
func (r Row) HeldTo(g Goal) Row {
	figure, unit := r.Value, " "+r.Unit
	if g.ratio {
		figure, unit = r.Ratio, " ×"
	}
	sign, met := "≤", figure <= g.bound
	if g.least {
		sign, met = "≥", figure >= g.bound
	}
	if g.ratio && r.Reference == 0 {
		met = false
	}
	r.Goal, r.Met = fmt.Sprintf("%s %g%s", sign, g.bound, unit), &met
	return r
}

// Missed counts the rows that do not meet their goal.
func Missed(rows []Row) int {
	n := 0
	for _, r := range rows {
		if r.Met != nil && !*r.Met {
			n++
		}
	}
	return n
}
