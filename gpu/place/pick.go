package place

import "slices"

// pickKey is what the choice of whole devices in a host depends on.
type pickKey struct {
	group  int
	free   uint64
	n      int
	joined bool
}

// pick is a choice of devices of a host.
type pick struct {
	devices []int // ascending; nil: there is none
	cost    int
	joined  bool // all by the vendor's own links
}

// mostSets bounds how many sets of devices are compared; where there would be
// more, sets are grown from each device instead.
const mostSets = 15_000

// pick chooses n devices of a group that are wholly free: those that are the
// closest to each other, of such those that leave the fewest near ones behind,
// then the first. With joined, only such will do that are all joined by the
// vendor's own links.
func (s *state) pick(at, n int, joined bool) pick {
	g := &s.groups[at]
	if g.flat && !joined {
		return s.first(g, n)
	}
	key := pickKey{group: at, n: n, joined: joined}
	for _, i := range g.devices {
		if s.free[i] == 1000 && i < 64 {
			key.free |= 1 << i
		}
	}
	if s.kind.devices > 64 {
		return s.search(g, n, joined)
	}
	p, known := s.picks[key]
	if !known {
		p = s.search(g, n, joined)
		s.picks[key] = p
	}
	return p
}

// first takes those with the lowest numbers.
func (s *state) first(g *group, n int) pick {
	p := pick{devices: make([]int, 0, n)}
	for _, i := range g.devices {
		if s.free[i] == 1000 && len(p.devices) < n {
			p.devices = append(p.devices, i)
		}
	}
	if len(p.devices) < n {
		return pick{}
	}
	if n > 1 {
		p.cost = s.cost[p.devices[0]][p.devices[1]] * n * (n - 1) / 2
		p.joined = s.kind.joined[p.devices[0]][p.devices[1]]
	}
	return p
}

func (s *state) search(g *group, n int, joined bool) pick {
	var free []int
	for _, i := range g.devices {
		if s.free[i] == 1000 {
			free = append(free, i)
		}
	}
	if len(free) < n {
		return pick{}
	}
	c := &choosing{kind: s.kind, free: free, n: n, joined: joined}
	if sets(len(free), n) <= mostSets {
		c.all(nil, 0, 0)
	} else {
		c.grow()
	}
	return c.best
}

// choosing compares sets of n of some devices.
type choosing struct {
	*kind
	free   []int
	n      int
	joined bool
	best   pick
	left   int // how near those of best are to those left behind; more is farther
}

// all tries every set that begins with some devices of a cost.
func (c *choosing) all(some []int, from, cost int) {
	if c.best.devices != nil && cost > c.best.cost {
		return
	}
	if len(some) == c.n {
		c.offer(some, cost)
		return
	}
	for at := from; at <= len(c.free)-(c.n-len(some)); at++ {
		if more, fits := c.with(some, c.free[at]); fits {
			c.all(append(some, c.free[at]), at+1, cost+more)
		}
	}
}

// grow starts at every device and takes the nearest ones.
func (c *choosing) grow() {
	for _, start := range c.free {
		some, cost := []int{start}, 0
		for len(some) < c.n {
			next, least := -1, 0
			for _, i := range c.free {
				if slices.Contains(some, i) {
					continue
				}
				if more, fits := c.with(some, i); fits && (next < 0 || more < least) {
					next, least = i, more
				}
			}
			if next < 0 {
				break
			}
			some, cost = append(some, next), cost+least
		}
		if len(some) == c.n {
			slices.Sort(some)
			c.offer(some, cost)
		}
	}
}

// with gives what one more device adds to the cost of some.
func (c *choosing) with(some []int, i int) (cost int, fits bool) {
	for _, j := range some {
		if c.joined && !c.kind.joined[i][j] {
			return 0, false
		}
		cost += c.cost[i][j]
	}
	return cost, true
}

// offer takes a set if it is better than the best.
func (c *choosing) offer(some []int, cost int) {
	left := 0
	for _, i := range c.free {
		if !slices.Contains(some, i) {
			for _, j := range some {
				left += c.cost[i][j]
			}
		}
	}
	if c.best.devices == nil || cost < c.best.cost || (cost == c.best.cost && left > c.left) {
		c.left = left
		c.best = pick{devices: slices.Clone(some), cost: cost, joined: c.allJoined(some)}
	}
}

func (c *choosing) allJoined(some []int) bool {
	for _, i := range some {
		for _, j := range some {
			if i != j && !c.kind.joined[i][j] {
				return false
			}
		}
	}
	return len(some) > 1
}

// sets counts the sets of k of n, or gives more than mostSets.
func sets(n, k int) int {
	k = min(k, n-k)
	total := 1
	for i := range k {
		if total = total * (n - i) / (i + 1); total > mostSets {
			return total
		}
	}
	return total
}
