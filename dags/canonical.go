package dags

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// canonical gives the one JSON form of a Go value: keys in order, no white
// space, nothing escaped that need not be, and a decimal always with a point or an exponent,
// so that it stays one.
func canonical(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	if err := writeCanonical(&buf, v, 0); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func writeCanonical(buf *bytes.Buffer, v any, depth int) error {
	if depth > maxDepth {
		return bine.Errorf(bine.Invalid, "the value has more than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		buf.WriteString("null")
		return nil
	case string:
		b, err := encode(v)
		buf.Write(b)
		return err
	case json.Number:
		return writeNumber(buf, string(v))
	case json.RawMessage:
		return writeRaw(buf, v, depth)
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		buf.WriteString(strconv.FormatBool(r.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		buf.WriteString(strconv.FormatInt(r.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		buf.WriteString(strconv.FormatUint(r.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		text, err := expr.FormatFloat(r.Float())
		buf.WriteString(text)
		return err
	case reflect.String:
		return writeCanonical(buf, r.String(), depth)
	case reflect.Map:
		return writeMap(buf, r, depth)
	case reflect.Slice, reflect.Array:
		return writeList(buf, r, depth)
	default: // a struct, a pointer, or what encodes itself
		b, err := encode(v)
		if err != nil {
			return bine.Errorf(bine.Invalid, "a %s cannot be written as JSON: %w", r.Type(), err)
		}
		return writeRaw(buf, b, depth)
	}
	return nil
}

func writeRaw(buf *bytes.Buffer, raw json.RawMessage, depth int) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return bine.Errorf(bine.Invalid, "%q is not JSON: %w", shorten(string(raw)), err)
	}
	if d.More() {
		return bine.Errorf(bine.Invalid, "%q is more than one JSON value", shorten(string(raw)))
	}
	return writeCanonical(buf, v, depth)
}

func writeNumber(buf *bytes.Buffer, text string) error {
	if !strings.ContainsAny(text, ".eE") {
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return bine.Errorf(bine.Invalid, "the number %s is too large", shorten(text))
		}
		buf.WriteString(text)
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return bine.Errorf(bine.Invalid, "the number %s is too large", shorten(text))
	}
	text, err = expr.FormatFloat(f)
	buf.WriteString(text)
	return err
}

func writeMap(buf *bytes.Buffer, m reflect.Value, depth int) error {
	if m.Type().Key().Kind() != reflect.String {
		return bine.Errorf(bine.Invalid, "the keys of a mapping are texts, not %s", m.Type().Key())
	}
	values := map[string]any{}
	for it := m.MapRange(); it.Next(); {
		values[it.Key().String()] = it.Value().Interface()
	}
	buf.WriteByte('{')
	for i, k := range sortedKeys(values) {
		if i > 0 {
			buf.WriteByte(',')
		}
		key, err := encode(k)
		if err != nil {
			return fmt.Errorf("encode a key: %w", err)
		}
		buf.Write(key)
		buf.WriteByte(':')
		if err := writeCanonical(buf, values[k], depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte('}')
	return nil
}

func writeList(buf *bytes.Buffer, list reflect.Value, depth int) error {
	buf.WriteByte('[')
	for i := range list.Len() {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := writeCanonical(buf, list.Index(i).Interface(), depth+1); err != nil {
			return err
		}
	}
	buf.WriteByte(']')
	return nil
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[M ~map[K]V, K ~string, V any](m M) []K { return slices.Sorted(maps.Keys(m)) }
