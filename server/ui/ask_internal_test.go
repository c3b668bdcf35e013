package ui

import (
	"reflect"
	"testing"

	"github.com/bine-ml/bine/gpu"
)

// Whatever words say, the fields made of them say too, and words made of those.
func TestFieldsOfARequestSayWhatItsWordsSay(t *testing.T) {
	for _, text := range []string{
		"4", "0.25 GPU", "4 GPUs on any host", "20 GPUs on 2 hosts with Infiniband_P100", "9 GPUs on 2 hosts uneven", "2 A100 GPUs",
		"2 GPUs with A100 or H100, zone=eu, ssd", "2 AMD GPUs", "8 GPUs on 4 hosts within rack", "2 GPUs within nvlink", "8 GPUs on 4 hosts prefer block, H100", "4 GPUs prefer host",
		"2 MIG 1g.5gb", "3 MIG 1g.5gb on any host for 1d12h", "0.5 GPU with A100 for 90m preemptible", "4 GPUs for 45s", "4 GPUs on 2 hosts with infiniband=ib0, roce, nvidia prefer zone=a",
	} {
		want, err := gpu.ParseRequest(text)
		if err != nil {
			t.Fatal(err)
		}
		words := askWords(askParts(want))
		got, err := gpu.ParseRequest(words)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q becomes %q by its fields, which is %+v (%v), want %+v", text, words, got, err, want)
		}
	}
	if words := askWords(askParts(gpu.Request{})); words != "" {
		t.Errorf("the fields of nothing say %q", words)
	}
}
