package sim_test

import (
	"testing"

	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/sim"
)

func TestNobodyWaitsLongerThanAlone(t *testing.T) {
	for seed := range uint64(5) {
		s, work, cells := sim.Tenants(12, 600, 0.9, seed)
		all, err := sim.Anomaly(s, work, cells, place.FGD)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			t.Logf("%+v", a)
		}
		numbers, celled := all[0], all[1]
		if celled.Worse > 0 || celled.Later > 0 || celled.Tasks < 600 {
			t.Errorf("seed %d: with cells %d of %d waited longer than alone, by %v at most", seed, celled.Worse, celled.Tasks, celled.Extra)
		}
		if numbers.Worse == 0 {
			t.Errorf("seed %d: with numbers nobody waits longer either: nothing is shown", seed)
		}
		if celled.Wait >= celled.Private {
			t.Errorf("seed %d: sharing is of no use: %v beside %v", seed, celled.Wait, celled.Private)
		}
	}
}
