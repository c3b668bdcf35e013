package dags_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

var update = flag.Bool("update", false, "write the .want files anew")

// Each testdata/NAME.yml parses to the canonical JSON in NAME.want, shown
// indented; each NAME.bad.yml fails with the faults in NAME.bad.want.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := outcome(t, mustRead(t, file))
			bad := strings.HasSuffix(file, ".bad.yml")
			if failed := !strings.HasPrefix(got, "{"); failed != bad {
				t.Fatalf("Parse of %s gave\n%s", file, got)
			}
			want := strings.TrimSuffix(file, ".yml") + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if text := string(mustRead(t, want)); got != text {
				t.Errorf("Parse of %s gave\n%s\nwant\n%s", file, got, text)
			}
		})
	}
}

// outcome gives what comes of a text: the canonical JSON, or the faults.
func outcome(t *testing.T, text []byte) string {
	t.Helper()
	d, err := dags.Parse(text)
	if err != nil {
		return faults(t, err)
	}
	again, err := dags.Decode(d.JSON())
	if err != nil || !bytes.Equal(again.JSON(), d.JSON()) {
		t.Errorf("Decode(JSON()) is another pipeline, %v:\n%s\n%s", err, again.JSON(), d.JSON())
	}
	var out bytes.Buffer
	if err := json.Indent(&out, d.JSON(), "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}

// faults gives one line for each fault: line:column: location: message.
func faults(t *testing.T, err error) string {
	t.Helper()
	e, ok := errors.AsType[*bine.Error](err)
	if !ok || e.Kind != bine.Invalid {
		t.Fatalf("the error is %#v, want one of kind invalid", err)
	}
	var b strings.Builder
	for _, d := range e.Details {
		fmt.Fprintf(&b, "%d:%d: %s: %s\n", d.Line, d.Column, d.Location, d.Message)
	}
	return b.String()
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
