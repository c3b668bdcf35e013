package dags

import (
	"context"
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// nested evaluates nested loops: an item for each way through all of them.
func (s Step) nested(ctx context.Context, scope expr.Scope) ([]Item, error) {
	items := []Item{{Value: json.RawMessage("{}")}}
	for i, l := range s.Foreach.Loops {
		var inner []Item
		for _, outer := range items {
			more, err := s.loop(ctx, scope, i, l, outer)
			if err != nil {
				return nil, err
			}
			inner = append(inner, more...)
			if len(inner) > MaxItems {
				return nil, bine.Errorf(bine.TooLarge, "%s: the loops come to more than %d items", s.at("foreach"), MaxItems)
			}
		}
		items = inner
	}
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		if err := bine.CheckItemKey(item.Key); err != nil {
			return nil, wrongAt(s.at("foreach"), err)
		}
		if seen[item.Key] {
			return nil, bine.Errorf(bine.Invalid, "%s: two items have the key %s: give the loops keys that tell them apart, as key: ${{ item.shop.name }}", s.at("foreach"), item.Key)
		}
		seen[item.Key] = true
	}
	return items, nil
}

// loop evaluates one loop inside of an element of those around it.
func (s Step) loop(ctx context.Context, scope expr.Scope, depth int, l Loop, outer Item) ([]Item, error) {
	inside := scope.WithItem(outer.Key, outer.Value)
	if depth == 0 {
		inside = scope
	}
	at := s.at("foreach", depth, "items")
	raw, err := expr.EvalTree(ctx, l.Items, inside)
	if err != nil {
		return nil, wrongAt(at, err)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, bine.Errorf(bine.Invalid, "%s: a list is expected, not %s", at, shorten(string(raw)))
	}
	items := make([]Item, len(elements))
	for i, element := range elements {
		names := map[string]json.RawMessage{}
		if err := json.Unmarshal(outer.Value, &names); err != nil {
			return nil, err
		}
		names[l.As] = element
		value, err := canonical(names)
		if err != nil {
			return nil, wrongAt(at, err)
		}
		key, err := l.key(ctx, scope, outer.Key, element, value)
		if err != nil {
			return nil, wrongAt(place(at, i), err)
		}
		if outer.Key != "" {
			key = outer.Key + "," + key
		}
		items[i] = Item{Key: key, Value: value}
	}
	return items, nil
}

// key names an element of the loop.
func (l Loop) key(ctx context.Context, scope expr.Scope, outer string, element, item json.RawMessage) (string, error) {
	if l.Key == "" {
		return plainKey(element)
	}
	return expr.EvalText(ctx, l.Key, scope.WithItem(outer, item))
}
