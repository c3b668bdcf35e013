package expr

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/bine-ml/bine"
)

// toJSON gives the JSON of what an expression yields: a time is a text as in
// RFC 3339, a decimal always has a point or an exponent, and the keys of a map are in order.
func toJSON(v ref.Val) (json.RawMessage, error) {
	var buf bytes.Buffer
	if err := writeJSON(&buf, v, 0); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

const maxDepth = 100

func writeJSON(buf *bytes.Buffer, v ref.Val, depth int) error {
	if depth > maxDepth || buf.Len() > MaxResult {
		return bine.Errorf(bine.TooLarge, "the result has more than %d bytes or %d levels", MaxResult, maxDepth)
	}
	switch v := v.(type) {
	case types.Null:
		buf.WriteString("null")
	case types.Bool:
		buf.WriteString(strconv.FormatBool(bool(v)))
	case types.Int:
		buf.WriteString(strconv.FormatInt(int64(v), 10))
	case types.Uint:
		buf.WriteString(strconv.FormatUint(uint64(v), 10))
	case types.Double:
		text, err := FormatFloat(float64(v))
		buf.WriteString(text)
		return err
	case types.String:
		buf.Write(marshalString(string(v)))
	case types.Timestamp:
		buf.Write(marshalString(v.UTC().Format(time.RFC3339Nano)))
	case types.Duration:
		buf.Write(marshalString(v.Duration.String()))
	case traits.Mapper:
		return writeMap(buf, v, depth)
	case traits.Lister:
		return writeList(buf, v, depth)
	default:
		return bine.Errorf(bine.Invalid, "the result is a %s, which is no value of a pipeline", v.Type().TypeName())
	}
	return nil
}

func writeList(buf *bytes.Buffer, list traits.Lister, depth int) error {
	separator := byte('[')
	for it := list.Iterator(); it.HasNext() == types.True; separator = ',' {
		buf.WriteByte(separator)
		if err := writeJSON(buf, it.Next(), depth+1); err != nil {
			return err
		}
	}
	if separator == '[' {
		buf.WriteByte('[')
	}
	buf.WriteByte(']')
	return nil
}

func writeMap(buf *bytes.Buffer, m traits.Mapper, depth int) error {
	names, byName := sortedEntries(m)
	buf.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(marshalString(name))
		buf.WriteByte(':')
		if err := writeJSON(buf, byName[name], depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

// FormatFloat gives the shortest JSON of a decimal that can be told from a
// whole number: 1.0, not 1.
func FormatFloat(f float64) (string, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "null", bine.Errorf(bine.Invalid, "the number is not finite")
	}
	b, err := json.Marshal(f)
	text := string(b)
	if !strings.ContainsAny(text, ".eE") {
		text += ".0"
	}
	return text, err
}

// marshalString gives the JSON of a text without escaping <, > and &.
func marshalString(s string) json.RawMessage {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
