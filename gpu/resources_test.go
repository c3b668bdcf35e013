package gpu_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

func TestResourcesSayWhatARequestSays(t *testing.T) {
	for text, want := range map[string]bine.Resources{
		"4":                         {GPUs: 4},
		"4 GPUs on 1 host":          {GPUs: 4},
		"0.25 GPU":                  {GPUs: 0.25},
		"4 GPUs on any host":        {GPUs: 4, GPU: "4 GPUs on any host"},
		"20 gpus on 2 hosts for 2h": {GPUs: 20, GPU: "20 GPUs on 2 hosts for 2h"},
	} {
		request, err := gpu.ParseRequest(text)
		if err != nil {
			t.Fatal(err)
		}
		got := request.On(bine.Resources{CPU: 2})
		want.CPU = 2
		if got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
		if back, err := gpu.Of(got); err != nil || back.String() != request.String() {
			t.Errorf("%s: read again it is %s, %v", text, back, err)
		}
	}
	if _, err := gpu.Of(bine.Resources{GPUs: 1.5}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("1.5 GPUs: got %v, want an error of kind Invalid", err)
	}
	if none, err := gpu.Of(bine.Resources{}); err != nil || !none.Zero() {
		t.Errorf("nothing: got %v, %v", none, err)
	}
}
