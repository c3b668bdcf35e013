package webhdfs

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestStatusWritesItselfAsEncodingJSONWould fills every field, so that one that
// is added is not forgotten.
func TestStatusWritesItselfAsEncodingJSONWould(t *testing.T) {
	for _, text := range []string{"", "plain", `"<&>\` + "\x00\x7f\n é \u2028 \xff 😀"} {
		var s fileStatus
		for _, v := range reflect.ValueOf(&s).Elem().Fields() {
			setField(t, v, text)
		}
		for _, status := range []fileStatus{s, {}} {
			want, err := json.Marshal(status)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(status.appendJSON(nil)); got != string(want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
}

func setField(t *testing.T, v reflect.Value, text string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(-7 * len(text)))
	case reflect.Bool:
		v.SetBool(text != "")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		setField(t, v.Elem(), text)
	default:
		t.Fatalf("a field is a %s: say how it is filled", v.Kind())
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add(strings.Repeat("a", 100))
	f.Add("\x7f\u2029\"")
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendString(nil, s)); got != string(want) {
			t.Errorf("%q is written as %s, not as %s", s, got, want)
		}
	})
}
