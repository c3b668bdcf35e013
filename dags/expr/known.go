package expr

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/bine-ml/bine"
)

// EvalKnown evaluates, in the strings of a JSON tree, the expressions that read
// nothing but what known says is known: a root, such as params, and the fields
// selected from it. The others stay as they are. all reports whether none stayed.
func EvalKnown(ctx context.Context, tree json.RawMessage, s Scope, known func(root string, fields []string) bool) (out json.RawMessage, all bool, err error) {
	all = true
	out, err = mapStrings(tree, func(text string) (json.RawMessage, error) {
		parts, err := split(text)
		if err != nil {
			return nil, err
		}
		left := 0
		for _, p := range parts {
			if p.isExpr && !readsOnly(p.cel, known) {
				left++
			}
		}
		switch {
		case left == 0:
			return Eval(ctx, text, s)
		case len(parts) == 1:
			all = false
			return nil, nil
		}
		all = false
		return evalSome(ctx, parts, s, known)
	})
	if err == nil && len(out) > MaxResult {
		err = bine.Errorf(bine.TooLarge, "the evaluated value has %d bytes; %d are allowed", len(out), MaxResult)
	}
	return out, all, err
}

// evalSome gives a text in which the known expressions are replaced.
func evalSome(ctx context.Context, parts []part, s Scope, known func(string, []string) bool) (json.RawMessage, error) {
	var b strings.Builder
	for _, p := range parts {
		piece := p.literal
		switch {
		case p.isExpr && !readsOnly(p.cel, known):
			b.WriteString(Wrap(p.cel))
			continue
		case p.isExpr:
			value, err := evalOne(ctx, p.cel, s)
			if err != nil {
				return nil, err
			}
			piece = asText(value)
		}
		b.WriteString(strings.ReplaceAll(piece, opening, escaped))
		if b.Len() > MaxResult {
			return nil, bine.Errorf(bine.TooLarge, "the evaluated text has more than %d bytes", MaxResult)
		}
	}
	return marshalString(b.String()), nil
}

// ReadsOnly reports whether the expressions in the strings of a JSON tree read
// nothing but what is known, as EvalKnown takes it.
func ReadsOnly(tree json.RawMessage, known func(root string, fields []string) bool) bool {
	only := true
	_, err := mapStrings(tree, func(text string) (json.RawMessage, error) {
		parts, err := split(text)
		for _, p := range parts {
			only = only && (!p.isExpr || readsOnly(p.cel, known))
		}
		return nil, err
	})
	return only || err != nil
}

// readsOnly reports whether an expression reads nothing but what is known. One
// that cannot be read is known: evaluating it says what is wrong.
func readsOnly(src string, known func(root string, fields []string) bool) bool {
	env, err := base()
	if err != nil {
		return true
	}
	tree, issues := env.Parse(src)
	if issues.Err() != nil {
		return true
	}
	only := true
	walk(tree.NativeRep().Expr(), nil, func(_ int64, root string, fields []string, _ bool) {
		only = only && (isTypeName(root) || known(root, fields))
	})
	return only
}
