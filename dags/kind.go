package dags

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/bine-ml/bine"
)

// Action is what a step does. Its type is that of one of the kinds:
// PythonAction, CommandAction, ModelAction and so on.
type Action interface {
	// Kind gives the name of the kind.
	Kind() string

	// outputs gives the outputs that the kind adds to those declared.
	outputs() map[string]Type
	// refs lists the outputs of other steps that it takes.
	refs() []Ref
	// check reports what is wrong with it.
	check(c *checker, s *Step)
	// rewrite gives a copy in which f has replaced each text that may hold
	// expressions; f gets its place below the step.
	rewrite(f rewriter) (Action, error)
}

// Kind is one entry of the table of step kinds.
type Kind struct {
	Name    string   // the key of a step in YAML
	Doc     string   // one sentence
	Process bool     // runs as a process; else a light step
	Waits   bool     // waits for something outside of the run, and holds nothing meanwhile
	Takes   []string // the keys of a step that only some kinds have
	Fields  []Field  // the keys below Name, for a kind that takes a mapping
	Form    string   // what stands beside the key, for a kind that takes no mapping

	schema schema
	read   func(v value) Action
	decode func(b json.RawMessage) (Action, error)
}

// Field is one key of a mapping in the YAML form.
type Field struct {
	Name     string
	Doc      string
	Required bool
}

// Kinds lists the kinds of step, in the order in which documents show them.
func Kinds() []Kind { return slices.Clone(kinds()) }

// kinds makes the table, once.
var kinds = sync.OnceValue(func() []Kind {
	return []Kind{
		pythonKind(), commandKind(), notebookKind(), goKind(), sqlKind(), valuesKind(), branchKind(), httpKind(), copyKind(),
		importKind(), exportKind(), modelKind(), deployKind(), notifyKind(), waitKind(), approvalKind(), pipelineKind(), jobKind(),
	}
})

func findKind(name string) (Kind, bool) {
	kinds := kinds()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

func kindOf(a Action) (Kind, bool) {
	if a == nil {
		return Kind{}, false
	}
	return findKind(a.Kind())
}

// want says what a text with expressions must come to.
type want string

// A condition is a boolean; a list is one; a text is made one whatever it
// holds; anything may be anything.
const (
	wantAnything  want = ""
	wantCondition want = "bool"
	wantList      want = "list"
	wantText      want = "text"
	wantInt       want = "int"
)

// rewriter replaces a JSON tree whose strings may hold expressions.
type rewriter func(place string, w want, tree json.RawMessage) (json.RawMessage, error)

// text applies f to a string.
func (f rewriter) text(place, s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return f.as(place, wantText, s)
}

// as applies f to a string that must come to w, and gives the result as text.
func (f rewriter) as(place string, w want, s string) (string, error) {
	in, err := encode(s)
	if err != nil {
		return "", err
	}
	out, err := f(place, w, in)
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(out, &text); err != nil {
		return string(out), nil
	}
	return text, nil
}

// tree applies f to a tree that may be absent.
func (f rewriter) tree(place string, w want, tree json.RawMessage) (json.RawMessage, error) {
	if tree == nil {
		return nil, nil
	}
	return f(place, w, tree)
}

// decodeAs decodes the stored form of an action.
func decodeAs[A Action](b json.RawMessage) (Action, error) {
	var a A
	if err := strict(b, &a); err != nil {
		return nil, bine.Errorf(bine.Invalid, "the %s action of a step is not readable: %w", a.Kind(), err)
	}
	return a, nil
}
