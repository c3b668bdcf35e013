package sample

import (
	"encoding/json"
	"math/bits"
)

// sobol draws from Sobol's sequence, which fills the cube more evenly than
// chance does, moved by a digital shift that follows from the seed. Dimensions
// beyond those that there are numbers for are random.
type sobol struct {
	deaf
	seed       uint64
	directions [][32]uint32
	shift      []uint32
	dims       int
	next       int
}

func newSobol(dims int, seed uint64) *sobol {
	s := &sobol{seed: seed, dims: dims}
	r := draws(seed, 1<<63)
	for d := range min(dims, len(sobolNumbers)+1) {
		s.directions = append(s.directions, directions(d))
		s.shift = append(s.shift, r.Uint32())
	}
	return s
}

// directions gives the direction numbers of a dimension, as binary fractions:
// m_j = 2 c_1 m_(j-1) ^ … ^ 2^s m_(j-s) ^ m_(j-s).
func directions(dimension int) (v [32]uint32) {
	if dimension == 0 {
		for j := range v {
			v[j] = 1 << (31 - j)
		}
		return v
	}
	n := sobolNumbers[dimension-1]
	s := len(n.m)
	for j := range v {
		if j < s {
			v[j] = n.m[j] << (31 - j)
			continue
		}
		v[j] = v[j-s] ^ v[j-s]>>s
		for k := 1; k < s; k++ {
			if n.polynomial>>(s-1-k)&1 == 1 {
				v[j] ^= v[j-k]
			}
		}
	}
	return v
}

func (s *sobol) Draw(n uint64) ([]float64, bool) {
	u := make([]float64, s.dims)
	gray := uint32(s.next) ^ uint32(s.next)>>1
	for d := range s.directions {
		x := s.shift[d]
		for rest := gray; rest != 0; rest &= rest - 1 {
			x ^= s.directions[d][bits.TrailingZeros32(rest)]
		}
		u[d] = (float64(x) + 0.5) / (1 << 32)
	}
	if more := u[len(s.directions):]; len(more) > 0 {
		copy(more, uniform(draws(s.seed, n), len(more)))
	}
	s.next++
	return u, true
}

func (s *sobol) MarshalJSON() ([]byte, error) { return json.Marshal(nextState{s.next}) }

func (s *sobol) UnmarshalJSON(text []byte) error {
	var state nextState
	err := json.Unmarshal(text, &state)
	s.next = state.Next
	return err
}
