package dags

// JSONSchema gives the schema of the YAML form (JSON Schema 2020-12), made from
// the same tables that the reader uses, so that editors can complete it.
func JSONSchema() []byte {
	s := object(dagFields())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Bine pipeline"
	b, err := canonical(map[string]any(s))
	if err != nil { // the tables hold nothing that can't be encoded
		panic("dags: encode the schema: " + err.Error())
	}
	return b
}

// object gives the schema of a mapping.
func object[T any](fields []field[T]) schema {
	properties := map[string]any{}
	required := []any{}
	for _, f := range fields {
		properties[f.name] = f.schema.described(f.doc)
		if f.required {
			required = append(required, f.name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// stepSchema is that of a step: its fields, and exactly one of the kinds.
func stepSchema() schema {
	s := object(allStepFields())
	one := []any{}
	for _, k := range Kinds() {
		one = append(one, schema{"required": []any{k.Name}})
	}
	s["oneOf"] = one
	return s
}

func (s schema) described(doc string) schema {
	out := schema{"description": doc}
	for k, v := range s {
		if k == "description" {
			v = doc + " " + v.(string)
		}
		out[k] = v
	}
	return out
}

func mapOf(s schema) schema {
	return schema{"type": "object", "additionalProperties": map[string]any(s)}
}

func listOf(s schema) schema { return schema{"type": "array", "items": map[string]any(s)} }

func enum(values ...string) schema { return schema{"enum": values} }
