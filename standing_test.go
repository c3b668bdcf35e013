package bine_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
)

func TestParseCellQuota(t *testing.T) {
	for text, want := range map[string]string{
		"2 hosts with A100":          "2 hosts with A100",
		" 1  RACK ":                  "1 rack",
		"4 gpus with H100 at most 8": "4 GPUs with H100 at most 8",
		"At most 3 hosts":            "at most 3 hosts",
		"1 device":                   "1 GPU",
	} {
		q, err := bine.ParseCellQuota(text)
		if err != nil || q.String() != want {
			t.Errorf("%q: got %q (%v), want %q", text, q, err, want)
			continue
		}
		if again, err := bine.ParseCellQuota(want); err != nil || again != q {
			t.Errorf("%q does not read back: %+v, %v", want, again, err)
		}
	}
	for text, says := range map[string]string{
		"": "expected", "hosts": "expected", "2 shelves": "expected", "0 hosts": "1 to", "99999999999999999999 hosts": "1 to",
		"4 GPUs at most 2": "more are guaranteed", "at most 2 hosts at most 3": "twice", "2 hosts with A100; DROP": "expected", "2 hosts at most 0": "1 to",
	} {
		if _, err := bine.ParseCellQuota(text); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "Examples") {
			t.Errorf("%q: %v, want it to say %q", text, err, says)
		}
	}
}
