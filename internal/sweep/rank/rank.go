// Package rank keeps trials in order of what they reached, so that sweeps with
// very many of them still decide in microseconds: who is how many'th, who is
// the best or the worst of those that wait. Inserting and each question take
// time that grows with the logarithm of the number of trials.
package rank

import (
	"cmp"
	"encoding/json"

	"github.com/bine-ml/bine"
)

// Class says what kind of result a trial has. A lower one is better, whatever
// the values are.
type Class int8

// The classes. Places of NaN and of failed trials are so defined: they count in
// a rung, behind all that have a number, and they never go on.
const (
	Good     Class = iota // a number
	Outside               // a number, but a bound on another metric is not kept
	NoNumber              // NaN or an infinity
	Failed                // the trial ended without a result
)

// Score is what a trial reached. Less is better: the engine turns the sign of
// what is to be maximised.
type Score struct {
	Class Class   `json:"class,omitempty"`
	Value float64 `json:"value"` // 0 of classes without a number
}

// Number says whether the score has a number, so that its trial may go on.
func (s Score) Number() bool { return s.Class <= Outside }

// Compare orders scores, the better first.
func (s Score) Compare(o Score) int {
	if c := cmp.Compare(s.Class, o.Class); c != 0 {
		return c
	}
	return cmp.Compare(s.Value, o.Value)
}

// State says whether a trial can still go on from where it is ranked.
type State int8

// The states. Discarded is a trial that waited and can't go on any more,
// because others are better and too few are still to come.
const (
	Gone State = iota // went on, or never can
	Waiting
	Discarded
)

// Entry is a trial in a ranking. Of equal scores the older trial is the better.
type Entry struct {
	Score
	Trial int   `json:"trial"`
	State State `json:"state,omitempty"`
}

func (e Entry) before(o Entry) bool {
	if c := e.Compare(o.Score); c != 0 {
		return c < 0
	}
	return e.Trial < o.Trial
}

// Ranking is a set of entries in order; the zero one is empty. It is a treap
// whose priorities follow from the trials' numbers, so that its shape depends
// on nothing but its content. It is not for several goroutines at once.
type Ranking struct {
	nodes []node        // by place; place 0 is no node
	root  int32         //
	at    map[int]int32 // of a trial
	spare []int32       // places of nodes that were removed
}

type node struct {
	Entry
	priority    uint64
	left, right int32
	size, waits int32
	up          int32 // 0 of the root
}

// Len counts the entries.
func (r *Ranking) Len() int {
	if len(r.nodes) == 0 {
		return 0
	}
	return int(r.nodes[r.root].size)
}

// Insert adds a trial that is not there yet.
func (r *Ranking) Insert(e Entry) {
	if r.at == nil {
		r.at, r.nodes = map[int]int32{}, make([]node, 1, 16)
	}
	n := node{Entry: e, priority: mix(uint64(e.Trial)), size: 1}
	if e.State == Waiting {
		n.waits = 1
	}
	var at int32
	if last := len(r.spare) - 1; last >= 0 {
		at, r.spare = r.spare[last], r.spare[:last]
		r.nodes[at] = n
	} else {
		at = int32(len(r.nodes))
		r.nodes = append(r.nodes, n)
	}
	r.at[e.Trial] = at
	left, right := r.split(r.root, e)
	r.root = r.merge(r.merge(left, at), right)
	r.nodes[r.root].up = 0
}

// Remove takes a trial out. One that is not there is no error.
func (r *Ranking) Remove(trial int) {
	at, found := r.at[trial]
	if !found {
		return
	}
	n := r.nodes[at]
	joined := r.merge(n.left, n.right)
	r.replace(n.up, at, joined)
	for up := n.up; up != 0; up = r.nodes[up].up {
		r.count(up)
	}
	delete(r.at, trial)
	r.nodes[at] = node{}
	r.spare = append(r.spare, at)
}

func (r *Ranking) replace(up, old, by int32) {
	switch {
	case up == 0:
		r.root = by
	case r.nodes[up].left == old:
		r.nodes[up].left = by
	default:
		r.nodes[up].right = by
	}
	if by != 0 {
		r.nodes[by].up = up
	}
}

// Get gives the entry of a trial.
func (r *Ranking) Get(trial int) (Entry, bool) {
	at, found := r.at[trial]
	if !found {
		return Entry{}, false
	}
	return r.nodes[at].Entry, true
}

// Set changes the state of a trial that is there.
func (r *Ranking) Set(trial int, s State) {
	at, found := r.at[trial]
	if !found {
		return
	}
	r.nodes[at].State = s
	for ; at != 0; at = r.nodes[at].up {
		r.count(at)
	}
}

// Position counts those that are better than a trial which is there.
func (r *Ranking) Position(trial int) int {
	at := r.at[trial]
	better := r.nodes[r.nodes[at].left].size
	for up := r.nodes[at].up; up != 0; at, up = up, r.nodes[up].up {
		if r.nodes[up].right == at {
			better += r.nodes[r.nodes[up].left].size + 1
		}
	}
	return int(better)
}

// Best gives the best one that waits, and how many are better than it.
func (r *Ranking) Best() (e Entry, better int, ok bool) {
	if len(r.nodes) == 0 || r.nodes[r.root].waits == 0 {
		return Entry{}, 0, false
	}
	for at := r.root; ; {
		n := &r.nodes[at]
		left := &r.nodes[n.left]
		switch {
		case left.waits > 0:
			at = n.left
		case n.State == Waiting:
			return n.Entry, better + int(left.size), true
		default:
			better += int(left.size) + 1
			at = n.right
		}
	}
}

// Worst gives the worst one that waits, and how many are better than it.
func (r *Ranking) Worst() (e Entry, better int, ok bool) {
	if len(r.nodes) == 0 || r.nodes[r.root].waits == 0 {
		return Entry{}, 0, false
	}
	for at := r.root; ; {
		n := &r.nodes[at]
		left, right := &r.nodes[n.left], &r.nodes[n.right]
		switch {
		case right.waits > 0:
			better += int(left.size) + 1
			at = n.right
		case n.State == Waiting:
			return n.Entry, better + int(left.size), true
		default:
			at = n.left
		}
	}
}

// WaitingWithin counts those that wait among the best m.
func (r *Ranking) WaitingWithin(m int) int {
	if len(r.nodes) == 0 {
		return 0
	}
	waits := 0
	for at := r.root; at != 0 && m > 0; {
		n := &r.nodes[at]
		left := &r.nodes[n.left]
		if m <= int(left.size) {
			at = n.left
			continue
		}
		waits += int(left.waits)
		if n.State == Waiting {
			waits++
		}
		m -= int(left.size) + 1
		at = n.right
	}
	return waits
}

// At gives the entry that exactly i others are better than; i is below Len.
func (r *Ranking) At(i int) Entry {
	for at := r.root; ; {
		n := &r.nodes[at]
		switch left := int(r.nodes[n.left].size); {
		case i < left:
			at = n.left
		case i == left:
			return n.Entry
		default:
			i -= left + 1
			at = n.right
		}
	}
}

// Entries lists all, the best first.
func (r *Ranking) Entries() []Entry {
	out := make([]Entry, 0, r.Len())
	var walk func(at int32)
	walk = func(at int32) {
		if at == 0 {
			return
		}
		walk(r.nodes[at].left)
		out = append(out, r.nodes[at].Entry)
		walk(r.nodes[at].right)
	}
	walk(r.root)
	return out
}

// MarshalJSON writes the entries in order.
func (r *Ranking) MarshalJSON() ([]byte, error) { return json.Marshal(r.Entries()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Ranking) UnmarshalJSON(text []byte) error {
	var entries []Entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return err
	}
	*r = Ranking{}
	for _, e := range entries {
		if _, twice := r.Get(e.Trial); twice {
			return bine.Errorf(bine.Invalid, "trial %d is ranked twice", e.Trial)
		}
		r.Insert(e)
	}
	return nil
}

// split parts a tree into what is before e and what is not.
func (r *Ranking) split(at int32, e Entry) (left, right int32) {
	if at == 0 {
		return 0, 0
	}
	n := &r.nodes[at]
	if n.before(e) {
		l, rest := r.split(n.right, e)
		r.link(at, n.left, l)
		return at, rest
	}
	rest, l := r.split(n.left, e)
	r.link(at, l, n.right)
	return rest, at
}

// merge joins two trees, all of the left before all of the right.
func (r *Ranking) merge(left, right int32) int32 {
	switch {
	case left == 0:
		return right
	case right == 0:
		return left
	case r.nodes[left].priority > r.nodes[right].priority:
		r.link(left, r.nodes[left].left, r.merge(r.nodes[left].right, right))
		return left
	default:
		r.link(right, r.merge(left, r.nodes[right].left), r.nodes[right].right)
		return right
	}
}

func (r *Ranking) link(at, left, right int32) {
	n := &r.nodes[at]
	n.left, n.right = left, right
	if left != 0 {
		r.nodes[left].up = at
	}
	if right != 0 {
		r.nodes[right].up = at
	}
	r.count(at)
}

func (r *Ranking) count(at int32) {
	n := &r.nodes[at]
	left, right := &r.nodes[n.left], &r.nodes[n.right]
	n.size, n.waits = left.size+right.size+1, left.waits+right.waits
	if n.State == Waiting {
		n.waits++
	}
}

// mix spreads the bits of a number (the finisher of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
