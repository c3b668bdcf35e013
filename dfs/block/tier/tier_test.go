package tier_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/tier"
)

func TestStores(t *testing.T) {
	blocktest.Run(t, func(t *testing.T) block.Store {
		s, err := tier.New(new(mem.Store), map[string]block.Store{"cold": new(mem.Store)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestBlocksLieInTheirTiers(t *testing.T) {
	stores := map[string]block.Store{"": new(mem.Store), "cold": new(mem.Store), "warm": new(mem.Store)}
	s, err := tier.New(stores[""], map[string]block.Store{"cold": stores["cold"], "warm": stores["warm"]})
	if err != nil {
		t.Fatal(err)
	}
	var want []block.ID
	for i := range 300 {
		id := block.NewID().At(int64(i%5), []string{"", "cold", "warm"}[i%3])
		if err := s.Put(t.Context(), id, bytes.NewReader([]byte(id))); err != nil {
			t.Fatal(err)
		}
		if got := blocktest.Read(t, s, id, 0, 0); string(got) != string(id) {
			t.Errorf("%s holds %q", id, got)
		}
		if want = append(want, id); i%7 == 0 {
			if err := s.Remove(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			want = want[:len(want)-1]
		}
	}
	slices.Sort(want)
	var got []block.ID
	counts := map[string]int{}
	for stat, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, stat.ID)
		counts[stat.ID.Tier()]++
	}
	if !slices.Equal(got, want) {
		t.Errorf("the list has %d blocks, want %d", len(got), len(want))
	}
	for name, store := range stores {
		stored := 0
		for range store.List(t.Context()) {
			stored++
		}
		if stored == 0 || stored != counts[name] {
			t.Errorf("the tier %q holds %d blocks, %d are listed as its", name, stored, counts[name])
		}
	}
	for range s.List(t.Context()) {
		break // ending early is allowed
	}
	if err := s.Put(t.Context(), block.NewID().At(0, "gone"), bytes.NewReader(nil)); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a tier that is not there: got %v, want an error of kind invalid", err)
	}
	for _, name := range []string{"", "Cold", "a-b", "a@b", "../x", "seventeenletters1"} {
		if _, err := tier.New(stores[""], map[string]block.Store{name: stores["cold"]}); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("the name %q: got %v, want an error of kind invalid", name, err)
		}
	}
}
