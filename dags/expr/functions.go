package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Function is one function that Bine adds to those of CEL.
type Function struct {
	Form string // how it is called
	Doc  string

	option cel.EnvOption
}

// ownPrefix begins the names of our overloads.
const ownPrefix = "bine_"

// maxRange is the longest list that range gives.
const maxRange = 100_000

// Functions lists the functions that Bine adds to those of CEL.
func Functions() []Function {
	str, dyn := cel.StringType, cel.DynType
	list, dict := cel.ListType(dyn), cel.MapType(str, dyn)
	return []Function{
		{"float(x)", "x, a number or a text, as a decimal number.", function("float", dyn, cel.DoubleType, toFloat)},
		{"round(x)", "The whole number nearest to x.", function("round", dyn, cel.IntType, round)},
		{"min(list)", "The least element.", function("min", list, dyn, extreme(-1))},
		{"max(list)", "The greatest element.", function("max", list, dyn, extreme(1))},
		{"sum(list)", "The sum of the elements; 0 of an empty list.", function("sum", list, dyn, sum)},
		{"range(n)", "The list 0, 1 … n-1.", function("range", cel.IntType, cel.ListType(cel.IntType), count)},
		{"keys(map)", "The keys in order.", function("keys", dict, cel.ListType(str), keys)},
		{"values(map)", "The values in the order of their keys.", function("values", dict, list, values)},
		{"lower(text)", "The text in lower case.", function("lower", str, str, onText(strings.ToLower))},
		{"upper(text)", "The text in upper case.", function("upper", str, str, onText(strings.ToUpper))},
		{"trim(text)", "The text without white space around it.", function("trim", str, str, onText(strings.TrimSpace))},
		{"date(time)", "The day of a time in UTC, as 2013-11-30.", function("date", cel.TimestampType, str, date)},
		{"split(text, separator)", "The parts of the text.", function2("split", str, str, cel.ListType(str), splitText)},
		{"join(list, separator)", "The elements as one text.", function2("join", list, str, str, join)},
	}
}

func function(name string, in, out *cel.Type, f func(ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(ownPrefix+name, []*cel.Type{in}, out, cel.UnaryBinding(f)))
}

func function2(name string, a, b, out *cel.Type, f func(ref.Val, ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(ownPrefix+name, []*cel.Type{a, b}, out, cel.BinaryBinding(f)))
}

func toFloat(v ref.Val) ref.Val { return v.ConvertToType(types.DoubleType) }

func round(v ref.Val) ref.Val {
	switch n := v.(type) {
	case types.Int:
		return n
	case types.Double:
		return types.Double(roundHalfAway(float64(n))).ConvertToType(types.IntType)
	}
	return types.NewErr("round takes a number")
}

func roundHalfAway(f float64) float64 {
	if f < 0 {
		return f - 0.5
	}
	return f + 0.5
}

func extreme(sign types.Int) func(ref.Val) ref.Val {
	return func(v ref.Val) ref.Val {
		var best ref.Val
		for it := v.(traits.Lister).Iterator(); it.HasNext() == types.True; {
			x := it.Next()
			c, ok := x.(traits.Comparer)
			if !ok {
				return types.NewErr("min and max take numbers, texts or times")
			}
			if best == nil {
				best = x
				continue
			}
			order := c.Compare(best)
			if types.IsError(order) {
				return order
			}
			if order == sign {
				best = x
			}
		}
		if best == nil {
			return types.NewErr("min and max of an empty list are not known")
		}
		return best
	}
}

func sum(v ref.Val) ref.Val {
	var total ref.Val = types.Int(0)
	first := true
	for it := v.(traits.Lister).Iterator(); it.HasNext() == types.True; first = false {
		x := it.Next()
		switch x.(type) {
		case types.Int, types.Double, types.Uint:
		default:
			return types.NewErr("sum takes a list of numbers")
		}
		if first {
			total = x
			continue
		}
		if x.Type() != total.Type() { // a decimal among whole numbers makes all decimal
			x, total = x.ConvertToType(types.DoubleType), total.ConvertToType(types.DoubleType)
		}
		total = total.(traits.Adder).Add(x)
		if types.IsError(total) {
			return total
		}
	}
	return total
}

func count(v ref.Val) ref.Val {
	n := v.(types.Int)
	if n < 0 || n > maxRange {
		return types.NewErr("range(%d): a number from 0 to %d is expected", n, maxRange)
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return types.DefaultTypeAdapter.NativeToValue(out)
}

func sortedEntries(m traits.Mapper) (names []string, byName map[string]ref.Val) {
	byName = map[string]ref.Val{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		k := it.Next()
		name := fmt.Sprint(k.Value())
		names = append(names, name)
		byName[name] = m.Get(k)
	}
	slices.Sort(names)
	return names, byName
}

func keys(v ref.Val) ref.Val {
	names, _ := sortedEntries(v.(traits.Mapper))
	return types.NewStringList(types.DefaultTypeAdapter, names)
}

func values(v ref.Val) ref.Val {
	names, byName := sortedEntries(v.(traits.Mapper))
	out := make([]ref.Val, len(names))
	for i, name := range names {
		out[i] = byName[name]
	}
	return types.NewRefValList(types.DefaultTypeAdapter, out)
}

func onText(f func(string) string) func(ref.Val) ref.Val {
	return func(v ref.Val) ref.Val { return types.String(f(string(v.(types.String)))) }
}

func date(v ref.Val) ref.Val {
	return types.String(v.(types.Timestamp).UTC().Format("2006-01-02"))
}

func splitText(text, separator ref.Val) ref.Val {
	return types.NewStringList(types.DefaultTypeAdapter, strings.Split(string(text.(types.String)), string(separator.(types.String))))
}

func join(list, separator ref.Val) ref.Val {
	var b strings.Builder
	for it, n := list.(traits.Lister).Iterator(), 0; it.HasNext() == types.True; n++ {
		if n > 0 {
			b.WriteString(string(separator.(types.String)))
		}
		s, ok := it.Next().ConvertToType(types.StringType).(types.String)
		if !ok {
			return types.NewErr("join takes a list of texts, numbers or booleans")
		}
		b.WriteString(string(s))
		if b.Len() > MaxResult {
			return types.NewErr("join gives more than %d bytes", MaxResult)
		}
	}
	return types.String(b.String())
}
