package expr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// Eval evaluates the expressions of a text. A text that is one expression and
// nothing else yields its typed value, any other a string.
func Eval(ctx context.Context, text string, s Scope) (json.RawMessage, error) {
	parts, err := split(text)
	if err != nil {
		return nil, err
	}
	if single(parts) {
		return evalOne(ctx, parts[0].cel, s)
	}
	joined, err := evalText(ctx, parts, s)
	if err != nil {
		return nil, err
	}
	return marshalString(joined), nil
}

// EvalText evaluates the expressions of a text and gives a string, whatever
// they yield.
func EvalText(ctx context.Context, text string, s Scope) (string, error) {
	parts, err := split(text)
	if err != nil {
		return "", err
	}
	return evalText(ctx, parts, s)
}

// EvalTree evaluates the expressions in the strings of a JSON tree, at any
// depth; keys of objects are left as they are. Objects come out with their keys in order.
func EvalTree(ctx context.Context, tree json.RawMessage, s Scope) (json.RawMessage, error) {
	out, err := mapStrings(tree, func(text string) (json.RawMessage, error) { return Eval(ctx, text, s) })
	if err != nil {
		return nil, err
	}
	if len(out) > MaxResult {
		return nil, bine.Errorf(bine.TooLarge, "the evaluated value has %d bytes; %d are allowed", len(out), MaxResult)
	}
	return out, nil
}

func evalText(ctx context.Context, parts []part, s Scope) (string, error) {
	var b strings.Builder
	for _, p := range parts {
		if !p.isExpr {
			b.WriteString(p.literal)
			continue
		}
		value, err := evalOne(ctx, p.cel, s)
		if err != nil {
			return "", err
		}
		b.WriteString(asText(value))
		if b.Len() > MaxResult {
			return "", bine.Errorf(bine.TooLarge, "the evaluated text has more than %d bytes", MaxResult)
		}
	}
	return b.String(), nil
}

// asText gives a string without quotes and any other value as JSON.
func asText(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil && len(value) > 0 && value[0] == '"' {
		return s
	}
	return string(value)
}

func evalOne(ctx context.Context, src string, s Scope) (json.RawMessage, error) {
	p, err := programs.get(src)
	if err != nil {
		return nil, err
	}
	names, err := s.bind(p.steps)
	if err != nil {
		return nil, err
	}
	out, _, err := p.ContextEval(ctx, names)
	if err != nil {
		return nil, evalError(ctx, src, err)
	}
	value, err := toJSON(out)
	if err != nil {
		return nil, bine.Errorf(bine.KindOf(err), "%s: %w", short(src), err)
	}
	return value, nil
}

func evalError(ctx context.Context, src string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("evaluate %s: %w", short(src), ctx.Err())
	}
	message := strings.TrimPrefix(err.Error(), "evaluation error: ")
	kind := bine.Invalid
	switch {
	case strings.Contains(message, "cost limit exceeded"):
		kind, message = bine.TooLarge, fmt.Sprintf("it takes more than %d operations", MaxCost)
	case strings.Contains(message, "memory limit exceeded"):
		kind, message = bine.TooLarge, fmt.Sprintf("it holds more than %d elements", MaxElements)
	case strings.HasPrefix(message, "no such overload"):
		message = "an operator or function was given a value of a type that it does not take; whole numbers and decimals do not mix in arithmetic"
	case strings.HasPrefix(message, "no such key"):
		message = strings.Replace(message, "no such key: ", "there is no key ", 1)
	}
	return bine.Errorf(kind, "%s: %s", short(src), message)
}

// short names an expression in a message.
func short(src string) string {
	if r := []rune(strings.TrimSpace(src)); len(r) > 120 {
		src = string(r[:120]) + " …"
	}
	return Wrap(src)
}

// bind gives CEL the values that a program may read; of the steps only those
// that it does read.
func (s Scope) bind(steps []bine.StepName) (map[string]any, error) {
	params, err := natives(s.Params)
	if err != nil {
		return nil, err
	}
	read := map[string]any{}
	for _, name := range steps {
		values, err := natives(s.Steps[name].Values)
		if err != nil {
			return nil, err
		}
		if state := s.Steps[name].State; state != "" {
			values["state"] = string(state)
		}
		read[string(name)] = values
	}
	names := map[string]any{
		"params": params, "steps": read, "project": string(s.Project), "tick": nil, "key": s.Key, "item": nil,
		"run": map[string]any{"id": string(s.Run.ID), "number": int64(s.Run.Number), "pipeline": string(s.Run.Pipeline),
			"state": string(s.Run.State), "reason": s.Run.Reason},
		"event": nil, "reason": s.Run.Reason, "link": s.Link,
	}
	if s.Tick != nil {
		names["tick"] = *s.Tick
	}
	if s.Event != nil {
		if names["event"], err = native(s.Event); err != nil {
			return nil, err
		}
	}
	if s.Item != nil {
		if names["item"], err = native(s.Item); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func natives(values map[string]json.RawMessage) (map[string]any, error) {
	out := make(map[string]any, len(values))
	for name, v := range values {
		n, err := native(v)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out[name] = n
	}
	return out, nil
}

// native decodes JSON for CEL. A number is a decimal if it is written like one:
// 1.0 is, 1 is not.
func native(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, bine.Errorf(bine.Invalid, "a value is not JSON: %w", err)
	}
	return numbers(v)
}

func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// mapStrings replaces every string of a JSON tree by what f makes of it; where
// f gives nothing the string stays.
func mapStrings(tree json.RawMessage, f func(string) (json.RawMessage, error)) (json.RawMessage, error) {
	if len(tree) == 0 {
		return tree, nil
	}
	d := json.NewDecoder(bytes.NewReader(tree))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, bine.Errorf(bine.Invalid, "a value is not JSON: %w", err)
	}
	v, err := mapValue(v, f)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode an evaluated value: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func mapValue(v any, f func(string) (json.RawMessage, error)) (any, error) {
	switch v := v.(type) {
	case string:
		out, err := f(v)
		if out == nil || err != nil {
			return v, err
		}
		return out, nil
	case []any:
		var all error
		for i := range v {
			out, err := mapValue(v[i], f)
			v[i], all = out, errors.Join(all, err)
		}
		return v, all
	case map[string]any:
		for _, k := range sortedKeys(v) {
			out, err := mapValue(v[k], f)
			if err != nil {
				return nil, err
			}
			v[k] = out
		}
	}
	return v, nil
}
