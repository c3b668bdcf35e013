package expr

import (
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/bine-ml/bine"
)

// base is the environment that every expression shares: CEL, the functions and
// the limits, but no names.
var base = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ParserRecursionLimit(100),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.ExpressionNodeLimit(20_000),
		cel.EnableMacroCallTracking(),
		cel.DefaultUTCTimeZone(true),
		cel.Variable("project", cel.StringType),
		cel.Variable("tick", cel.DynType),
	}
	for _, f := range Functions() {
		options = append(options, f.option)
	}
	return cel.NewEnv(options...)
})

// untyped is the environment in which expressions are evaluated. What they
// read is known only then, so everything is of any type.
var untyped = sync.OnceValues(func() (*cel.Env, error) {
	env, err := base()
	if err != nil {
		return nil, err
	}
	return env.Extend(
		cel.Variable("params", cel.DynType),
		cel.Variable("steps", cel.DynType),
		cel.Variable("run", cel.DynType),
		cel.Variable("item", cel.DynType),
		cel.Variable("key", cel.StringType),
		cel.Variable("event", cel.DynType),
		cel.Variable("reason", cel.StringType),
		cel.Variable("link", cel.StringType),
	)
})

// program is an expression that is ready to run.
type program struct {
	cel.Program
	steps []bine.StepName // that it reads
}

// cache remembers programs by their source. A program depends on nothing but
// its source, so what is in the cache can be seen in no result.
type cache struct {
	mu    sync.Mutex
	known map[string]*program
}

// maxPrograms bounds the cache; once full it starts anew.
const maxPrograms = 4096

var programs = cache{known: map[string]*program{}}

func (c *cache) get(src string) (*program, error) {
	c.mu.Lock()
	p := c.known[src]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := compile(src)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxPrograms {
		clear(c.known)
	}
	c.known[src] = p
	return p, nil
}

func compile(src string) (*program, error) {
	env, err := untyped()
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	tree, issues := env.Parse(src)
	if issues.Err() != nil {
		return nil, asError(src, issues, nil)
	}
	p := &program{steps: stepsOf(tree.NativeRep().Expr())}
	tree, issues = env.Check(tree)
	if issues.Err() != nil {
		return nil, asError(src, issues, nil)
	}
	p.Program, err = env.Program(tree,
		cel.CostTracking(costs{}),
		cel.CostLimit(MaxCost),
		cel.MemoryLimit(MaxElements),
		cel.InterruptCheckFrequency(100),
	)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the expression %s cannot be run: %w", src, err)
	}
	return p, nil
}

// costs tells what a call of one of our own functions cost: an operation for
// each element that went in or came out, and for every ten bytes of text. CEL
// would count one for the call, however long the list.
type costs struct{}

// CallCost implements cost.ActualCostEstimator.
func (costs) CallCost(_, overload string, args []ref.Val, result ref.Val) *uint64 {
	if !strings.HasPrefix(overload, ownPrefix) {
		return nil
	}
	total := 1 + sizeOf(result)
	for _, a := range args {
		total += sizeOf(a)
	}
	return &total
}

func sizeOf(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v) / 10)
	case traits.Sizer:
		if n, ok := v.Size().(types.Int); ok && n > 0 {
			return uint64(n)
		}
	}
	return 0
}
