package field_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/sweep/field"
)

// everything reads a text as JSON.
func everything(text string) (string, error) {
	v, doc, err := field.Parse([]byte(text), "a text")
	if err != nil {
		return "", err
	}
	raw, _ := v.JSON()
	return string(raw), doc.Err()
}

func TestValuesStayWhatTheyAre(t *testing.T) {
	for text, want := range map[string]string{
		"[1, 1.0, 1e-5, true, x, null, '1', 2026-01-02]": `[1,1.0,1e-05,true,"x",null,"1","2026-01-02"]`,
		"{b: {c: [1]}, a: 2}":                            `{"a":2,"b":{"c":[1]}}`,
		"a: &x {p: 1}\nb: {<<: *x, q: 2}\nc: *x":         `{"a":{"p":1},"b":{"p":1,"q":2},"c":{"p":1}}`,
		"a: &x {p: 1}\nb: {p: 3, <<: *x}":                `{"a":{"p":1},"b":{"p":3}}`,
		`{"a": [0.1, -3]}`:                               `{"a":[0.1,-3]}`,
	} {
		if got, err := everything(text); got != want || err != nil {
			t.Errorf("%s is read as %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestHostileTextsAreRefusedAtOnce(t *testing.T) {
	bomb := "a0: &a0 [x, x]\n"
	for i := range 40 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	merges := "a0: &a0 {x: 1}\n"
	for i := range 200 {
		merges += fmt.Sprintf("a%d: &a%d {<<: *a%d}\n", i+1, i+1, i)
	}
	for _, text := range []string{
		bomb, merges, "a: &a [*a]", "a: &a {<<: *a}", strings.Repeat("[", 5000), strings.Repeat("[", 100) + strings.Repeat("]", 100),
		"", "a: [", "\t", "a: .nan", "a: .inf", "{1: 2, 1: 3}", strings.Repeat("x", 2<<20),
	} {
		if got, err := everything(text); err == nil {
			t.Errorf("%.40q is read as %.40s", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a: &a {<<: *a}\nb: [*a, 1.5]")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := everything(text); err == nil && got == "" {
			t.Errorf("%q is read as nothing", text)
		}
	})
}
