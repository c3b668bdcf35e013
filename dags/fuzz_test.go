package dags_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// Whatever the text: no panic, no hang; an error is one that can be shown, and
// a pipeline survives being stored.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range append(files, "examples/flights/pipeline.yml") {
		f.Add(mustRead(f, file))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := dags.Parse(text)
		if err != nil {
			if kind := bine.KindOf(err); kind != bine.Invalid && kind != bine.TooLarge || err.Error() == "" {
				t.Errorf("Parse gave an error of kind %s: %v", kind, err)
			}
			return
		}
		again, err := dags.Decode(d.JSON())
		if err != nil {
			t.Fatalf("Decode of what Parse gave: %v\n%s", err, d.JSON())
		}
		if !bytes.Equal(again.JSON(), d.JSON()) {
			t.Errorf("Decode(JSON()) is another pipeline:\n%s\n%s", d.JSON(), again.JSON())
		}
		for i, s := range d.Plan().Steps {
			for _, n := range s.Needs {
				if n >= i {
					t.Errorf("step %d of the plan needs %d", i, n)
				}
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, file := range []string{"testdata/sales.yml", "testdata/forms.yml", "examples/flights/pipeline.yml"} {
		d, err := dags.Parse(mustRead(f, file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.JSON())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := dags.Decode(text)
		if err != nil {
			return
		}
		again, err := dags.Decode(d.JSON())
		if err != nil || !bytes.Equal(again.JSON(), d.JSON()) {
			t.Errorf("Decode(JSON()) is another pipeline, %v:\n%s\n%s", err, d.JSON(), again.JSON())
		}
	})
}
