package dags_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine/dags"
)

func TestJSONSchemaGolden(t *testing.T) {
	var out bytes.Buffer
	if err := json.Indent(&out, dags.JSONSchema(), "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	const want = "testdata/schema.json"
	if *update {
		if err := os.WriteFile(want, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(out.Bytes(), mustRead(t, want)) {
		t.Errorf("the schema differs from %s; write it anew with -update and look at the difference", want)
	}
}

// Whatever Parse takes, an editor with the schema takes too.
func TestJSONSchemaAcceptsEveryGoodPipeline(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "examples/flights/pipeline.yml") {
		if strings.HasSuffix(file, ".bad.yml") {
			continue
		}
		if faults := schemaFaults(t, file); len(faults) > 0 {
			t.Errorf("%s does not fit the schema:\n%s", file, strings.Join(faults, "\n"))
		}
	}
}

func TestJSONSchemaRefusesUnknownKeys(t *testing.T) {
	for file, want := range map[string]string{
		"testdata/unknown_key.bad.yml": "$.steps.train.pyhton: not in the schema",
		"testdata/actions.bad.yml":     "$.steps.none: fits 0 of the alternatives",
		"testdata/wrong_type.bad.yml":  "$.steps.a.needs: is no array",
	} {
		if faults := schemaFaults(t, file); !slices.Contains(faults, want) {
			t.Errorf("%s: faults are\n%s\nwant among them %s", file, strings.Join(faults, "\n"), want)
		}
	}
}

func schemaFaults(t *testing.T, file string) []string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(dags.JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Load(mustRead(t, file), &document); err != nil {
		t.Fatal(err)
	}
	return validate("$", schema, document)
}

// validate checks a value against the part of JSON Schema that the language uses.
func validate(at string, schema map[string]any, v any) []string {
	var faults []string
	if allowed, ok := schema["type"]; ok && !hasType(allowed, v) {
		return []string{fmt.Sprintf("%s: is no %v", at, allowed)}
	}
	if choices, ok := schema["enum"].([]any); ok && !slices.Contains(choices, v) {
		faults = append(faults, fmt.Sprintf("%s: is none of %v", at, choices))
	}
	if object, ok := v.(map[string]any); ok {
		faults = append(faults, validateObject(at, schema, object)...)
	}
	if list, ok := v.([]any); ok {
		items, _ := schema["items"].(map[string]any)
		for i, x := range list {
			faults = append(faults, validate(fmt.Sprintf("%s[%d]", at, i), items, x)...)
		}
	}
	if alternatives, ok := schema["oneOf"].([]any); ok {
		fitting := 0
		for _, a := range alternatives {
			if len(validate(at, a.(map[string]any), v)) == 0 {
				fitting++
			}
		}
		if fitting != 1 {
			faults = append(faults, fmt.Sprintf("%s: fits %d of the alternatives", at, fitting))
		}
	}
	return faults
}

func validateObject(at string, schema, object map[string]any) []string {
	var faults []string
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			faults = append(faults, fmt.Sprintf("%s: %s is missing", at, name))
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, x := range object {
		sub, known := properties[name].(map[string]any)
		rest, others := schema["additionalProperties"].(map[string]any)
		switch {
		case known:
			faults = append(faults, validate(at+"."+name, sub, x)...)
		case others:
			faults = append(faults, validate(at+"."+name, rest, x)...)
		case schema["additionalProperties"] == false:
			faults = append(faults, at+"."+name+": not in the schema")
		}
	}
	return faults
}

func hasType(allowed, v any) bool {
	if list, ok := allowed.([]any); ok {
		return slices.ContainsFunc(list, func(a any) bool { return hasType(a, v) })
	}
	switch v.(type) {
	case string, time.Time:
		return allowed == "string"
	case bool:
		return allowed == "boolean"
	case int, int64:
		return allowed == "integer" || allowed == "number"
	case float64:
		return allowed == "number"
	case []any:
		return allowed == "array"
	case map[string]any:
		return allowed == "object"
	}
	return false
}
