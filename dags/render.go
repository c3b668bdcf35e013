package dags

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// RenderedStep is what is known of a step before a run starts.
type RenderedStep struct {
	Step  bine.StepName
	Phase string // empty, on_failure or finally
	Kind  string
	Needs []bine.StepName
	// Runs is yes, no, or what decides: conditions, joined by "and".
	Runs string
	// Known reports whether everything that follows is; else it depends on
	// steps before, or is different for each item.
	Known bool
	Items *int     // of a fan-out, where its list is known
	Keys  []string // of the first of these items
	// With and Action hold expressions where something is not known.
	With   json.RawMessage
	Action json.RawMessage // what belongs to the kind, in canonical form
	Fault  string          // why the step would fail, where that is known already
}

// What Runs says where nothing else decides.
const (
	RunsYes = "yes"
	RunsNo  = "no"
)

// maxKeys bounds the keys of items that are shown of a step, maxRendered the
// bytes of all steps together.
const (
	maxKeys     = 20
	maxRendered = 16 << 20
)

// Render says what a run with params would do, as far as that is known before
// it starts. The params are those that ResolveParams gave. The steps come in an
// order in which each follows those that it needs.
func (d DAG) Render(ctx context.Context, params json.RawMessage) ([]RenderedStep, error) {
	scope, err := d.Scope("", bine.Run{Params: params}, nil)
	if err != nil {
		return nil, err
	}
	r := &renderer{scope: scope, choosers: newIndex(d.Steps).choosers(), done: map[bine.StepName]*RenderedStep{}, chosen: map[bine.StepName][]bine.StepName{}}
	order, _ := d.order()
	out := make([]RenderedStep, len(order))
	size := 0
	for i, s := range order {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("render %s: %w", d.Name, ctx.Err())
		}
		out[i] = RenderedStep{Step: s.Name, Phase: string(s.Phase), Kind: s.Kind(), Needs: s.Needs}
		r.done[s.Name] = &out[i]
		if err := r.step(ctx, s, &out[i]); err != nil {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("render %s: %w", d.Name, ctx.Err())
			}
			out[i].Fault = err.Error()
		}
		if size += len(out[i].With) + len(out[i].Action); size > maxRendered {
			return nil, bine.Errorf(bine.TooLarge, "what the steps of %s come to has more than %d bytes", d.Name, maxRendered)
		}
	}
	return out, nil
}

// renderer gathers what is known of a run, step by step.
type renderer struct {
	scope    expr.Scope                        // with the steps whose outputs are known
	choosers map[bine.StepName][]bine.StepName // the branches that name a step
	done     map[bine.StepName]*RenderedStep
	chosen   map[bine.StepName][]bine.StepName // of branches whose way is known
}

// known says what can be read before a run: params, and steps that follow from
// them alone.
func (r *renderer) known(root string, fields []string) bool {
	if root != "steps" || len(fields) == 0 {
		return root == "params"
	}
	_, found := r.scope.Steps[bine.StepName(fields[0])]
	return found
}

// knownOfItem is known where the item at hand is one of those that are known.
func (r *renderer) knownOfItem(root string, fields []string) bool {
	return root == "item" || root == "key" || r.known(root, fields)
}

func (r *renderer) step(ctx context.Context, s Step, out *RenderedStep) error {
	runs, err := r.runs(ctx, s)
	if out.Runs = runs; err != nil {
		return err
	}
	out.Known = true
	rendered, err := s.rewriteBody(func(at string, w want, tree json.RawMessage) (json.RawMessage, error) {
		value, all, err := expr.EvalKnown(ctx, tree, r.scope, r.known)
		if err != nil {
			return nil, wrongAt(s.at(at), err)
		}
		out.Known = out.Known && all
		if w == wantText && all && !(len(value) > 0 && value[0] == '"') {
			return encode(string(value)) // a text, whatever its expressions yield
		}
		return value, nil
	})
	if err != nil {
		return err
	}
	out.With = rendered.With
	if out.Action, err = encode(rendered.Action); err != nil {
		return fmt.Errorf("encode what step %s does: %w", s.Name, err)
	}
	if s.Foreach != nil {
		return r.items(ctx, s, out)
	}
	return r.remember(ctx, s, rendered, *out)
}

// items counts the items of a fan-out.
func (r *renderer) items(ctx context.Context, s Step, out *RenderedStep) error {
	f := *s.Foreach
	if f.Per != "" {
		followed := r.done[f.Per]
		out.Items, out.Keys = followed.Items, followed.Keys
		out.Known = out.Known && out.Items != nil
		return nil
	}
	loops := f.Loops
	if len(loops) == 0 {
		loops = []Loop{{Items: f.Items, Key: f.Key}}
	}
	for _, l := range loops {
		if !expr.ReadsOnly(l.Items, r.knownOfItem) || !expr.ReadsOnly(textTree(l.Key), r.knownOfItem) {
			out.Known = false
			return nil
		}
	}
	items, err := s.Items(ctx, r.scope)
	if err != nil {
		return err
	}
	out.Items = new(len(items))
	for _, item := range items[:min(len(items), maxKeys)] {
		out.Keys = append(out.Keys, item.Key)
	}
	return nil
}

func textTree(text string) json.RawMessage {
	tree, err := encode(text)
	if err != nil { // a string encodes
		return nil
	}
	return tree
}

// remember keeps what a step gives that needs no run for it.
func (r *renderer) remember(ctx context.Context, s, rendered Step, out RenderedStep) error {
	if out.Runs == RunsNo {
		r.scope.Steps[s.Name] = expr.StepValues{State: bine.Skipped}
		return nil
	}
	if out.Runs != RunsYes || !out.Known {
		return nil
	}
	switch a := rendered.Action.(type) {
	case ValuesAction:
		r.scope.Steps[s.Name] = expr.StepValues{State: bine.Succeeded, Values: a}
	case BranchAction:
		branch, _ := s.Action.(BranchAction)
		chosen, err := branch.Choose(ctx, r.scope)
		if err != nil {
			return err
		}
		names, err := canonical(texts(chosen))
		if err != nil {
			return err
		}
		r.chosen[s.Name] = chosen
		r.scope.Steps[s.Name] = expr.StepValues{State: bine.Succeeded, Values: map[string]json.RawMessage{"chosen": names}}
	}
	return nil
}

// runs says whether a step runs, or what decides.
func (r *renderer) runs(ctx context.Context, s Step) (string, error) {
	var open []string
	if s.Phase == plan.OnFailure {
		open = append(open, "a step fails")
	}
	decided, more := r.joined(s)
	if decided == RunsNo {
		return RunsNo, nil
	}
	open = append(open, more...)
	for _, branch := range r.choosers[s.Name] {
		chosen, known := r.chosen[branch]
		switch {
		case known && !slices.Contains(chosen, s.Name):
			return RunsNo, nil
		case !known && r.done[branch].Runs != RunsNo:
			open = append(open, string(branch)+" chooses it")
		}
	}
	if s.When != "" {
		raw, all, err := expr.EvalKnown(ctx, textTree(s.When), r.scope, r.known)
		switch {
		case err != nil:
			return joinConditions(open), wrongAt(s.at("when"), err)
		case all && string(raw) == "false":
			return RunsNo, nil
		case all && string(raw) != "true":
			return joinConditions(open), bine.Errorf(bine.Invalid, "%s: %s gives %s, but true or false is expected", s.at("when"), s.When, shorten(string(raw)))
		case !all:
			open = append(open, s.When)
		}
	}
	return joinConditions(open), nil
}

func joinConditions(open []string) string {
	if len(open) == 0 {
		return RunsYes
	}
	return strings.Join(open, " and ")
}

// joined says what a step's needs mean for it, if each that runs succeeds: no,
// or which of them decide.
func (r *renderer) joined(s Step) (decided string, open []string) {
	no, yes := 0, 0
	for _, n := range s.Needs {
		switch need := r.done[n]; {
		case need.Runs == RunsNo:
			no++
		case need.Runs == RunsYes || need.Phase == string(plan.OnFailure):
			yes++
		default:
			open = append(open, string(n)+" runs")
		}
	}
	switch s.Join {
	case plan.AllDone, plan.NoneFailed:
		return "", nil
	case plan.AnySucceeded:
		if no > 0 && no == len(s.Needs) {
			return RunsNo, nil
		}
		if yes > 0 || len(open) == 0 {
			return "", nil
		}
		return "", []string{strings.Join(open, " or ")}
	}
	if no > 0 {
		return RunsNo, nil
	}
	return "", open
}
