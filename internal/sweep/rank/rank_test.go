package rank_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine/internal/sweep/rank"
)

// plain is a ranking as a sorted list.
type plain []rank.Entry

func (p *plain) insert(e rank.Entry) {
	*p = append(*p, e)
	slices.SortFunc(*p, func(a, b rank.Entry) int {
		if c := a.Compare(b.Score); c != 0 {
			return c
		}
		return a.Trial - b.Trial
	})
}

func (p plain) at(trial int) int {
	return slices.IndexFunc(p, func(e rank.Entry) bool { return e.Trial == trial })
}

func waits(e rank.Entry) bool { return e.State == rank.Waiting }

func (p plain) worst() int {
	for i := len(p) - 1; i >= 0; i-- {
		if waits(p[i]) {
			return i
		}
	}
	return -1
}

func TestARankingIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, p := &rank.Ranking{}, plain{}
		for trial := range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				if len(p) > 0 {
					gone := p[rapid.IntRange(0, len(p)-1).Draw(t, "who")].Trial
					r.Remove(gone)
					p = slices.Delete(p, p.at(gone), p.at(gone)+1)
				}
			case 1:
				if len(p) > 0 {
					i := rapid.IntRange(0, len(p)-1).Draw(t, "who")
					p[i].State = rank.State(rapid.IntRange(0, 2).Draw(t, "state"))
					r.Set(p[i].Trial, p[i].State)
				}
			case 2:
				text, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				r = &rank.Ranking{}
				if err := json.Unmarshal(text, r); err != nil {
					t.Fatal(err)
				}
			default:
				e := rank.Entry{Trial: trial, State: rank.State(rapid.IntRange(0, 2).Draw(t, "state")),
					Score: rank.Score{Class: rank.Class(rapid.IntRange(0, 3).Draw(t, "class")), Value: float64(rapid.IntRange(0, 9).Draw(t, "value"))}}
				r.Insert(e)
				p.insert(e)
			}
			compare(t, r, p)
		}
	})
}

func compare(t *rapid.T, r *rank.Ranking, p plain) {
	if !slices.Equal(r.Entries(), p) {
		t.Fatalf("entries are %v, want %v", r.Entries(), p)
	}
	for i, e := range p {
		if r.Position(e.Trial) != i || r.At(i) != e {
			t.Fatalf("trial %d is at %d, want %d", e.Trial, r.Position(e.Trial), i)
		}
		if got, want := r.WaitingWithin(i+1), count(p[:i+1]); got != want {
			t.Fatalf("%d of the best %d wait, want %d", got, i+1, want)
		}
	}
	best, better, found := r.Best()
	if i := slices.IndexFunc(p, waits); found != (i >= 0) || (found && (better != i || best != p[i])) {
		t.Fatalf("the best is %v behind %d, want place %d", best, better, i)
	}
	worst, better, found := r.Worst()
	if i := p.worst(); found != (i >= 0) || (found && (better != i || worst != p[i])) {
		t.Fatalf("the worst is %v behind %d, want place %d", worst, better, i)
	}
}

func count(p plain) int {
	n := 0
	for _, e := range p {
		if waits(e) {
			n++
		}
	}
	return n
}
