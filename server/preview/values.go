package preview

import (
	"encoding/binary"
	"errors"
)

var errDamaged = errors.New("its data are damaged")

// reader gives the values of a page one by one, so that no more is made of a page
// than is shown.
type reader interface{ next() ([]byte, error) }

// fixed are plain values of one width.
type fixed struct {
	rest  []byte
	width int
}

func (f *fixed) next() ([]byte, error) {
	if f.width <= 0 || len(f.rest) < f.width {
		return nil, errDamaged
	}
	v := f.rest[:f.width]
	f.rest = f.rest[f.width:]
	return v, nil
}

// counted are plain values with their length before them.
type counted struct{ rest []byte }

func (c *counted) next() ([]byte, error) {
	if len(c.rest) < 4 {
		return nil, errDamaged
	}
	n := binary.LittleEndian.Uint32(c.rest)
	if uint64(n) > uint64(len(c.rest)-4) {
		return nil, errDamaged
	}
	v := c.rest[4 : 4+n]
	c.rest = c.rest[4+n:]
	return v, nil
}

// bitmap are plain truths, a bit for each.
type bitmap struct {
	bits []byte
	at   int
}

func (m *bitmap) next() ([]byte, error) {
	if m.at/8 >= len(m.bits) {
		return nil, errDamaged
	}
	v := m.bits[m.at/8] >> (m.at % 8) & 1
	m.at++
	return []byte{v}, nil
}

// hybrid are small numbers as runs and packed bits.
type hybrid struct {
	rest   []byte
	width  int
	run    uint64 // how many of the value are left
	value  uint64
	packed []byte
	left   uint64 // how many packed ones are left
	at     uint64 // bit in packed
}

func (h *hybrid) number() (uint64, error) {
	if h.width == 0 {
		return 0, nil
	}
	for h.run == 0 && h.left == 0 {
		if err := h.head(); err != nil {
			return 0, err
		}
	}
	if h.run > 0 {
		h.run--
		return h.value, nil
	}
	h.left--
	return unpack(h.packed, &h.at, h.width)
}

// unpack takes a number of so many bits, the lowest first.
func unpack(bits []byte, at *uint64, width int) (n uint64, err error) {
	for i := 0; i < width; {
		index, shift := *at/8, *at%8
		if index >= uint64(len(bits)) {
			return 0, errDamaged
		}
		take := min(8-int(shift), width-i)
		n |= uint64(bits[index]>>shift) & (1<<take - 1) << i
		i, *at = i+take, *at+uint64(take)
	}
	return n, nil
}

// head reads the head of the next run.
func (h *hybrid) head() error {
	n, used := binary.Uvarint(h.rest)
	if used <= 0 || h.width > 64 {
		return errDamaged
	}
	h.rest = h.rest[used:]
	if n&1 == 0 {
		size := (h.width + 7) / 8
		if len(h.rest) < size || n == 0 {
			return errDamaged
		}
		h.run, h.value = n>>1, 0
		for i := range size {
			h.value |= uint64(h.rest[i]) << (8 * i)
		}
		h.rest = h.rest[size:]
		return nil
	}
	size := min(n>>1, uint64(len(h.rest))) * uint64(h.width)
	if n == 1 {
		return errDamaged
	}
	size = min(size, uint64(len(h.rest))) // writers may leave out what fills the last group up
	h.packed, h.rest = h.rest[:size], h.rest[size:]
	h.left, h.at = (n>>1)*8, 0
	return nil
}

// truths are booleans as runs.
type truths struct{ hybrid }

func (t *truths) next() ([]byte, error) {
	n, err := t.number()
	return []byte{byte(n)}, err
}

// looked are places in a dictionary.
type looked struct {
	hybrid
	dictionary [][]byte
}

func (l *looked) next() ([]byte, error) {
	n, err := l.number()
	if err != nil || n >= uint64(len(l.dictionary)) {
		return nil, errors.Join(err, errDamaged)
	}
	return l.dictionary[n], nil
}

// deltas are numbers by their differences, in blocks of miniblocks.
type deltas struct {
	rest   []byte
	width  int // bytes of a value
	total  uint64
	begun  bool
	last   int64
	inMini uint64 // values of a miniblock
	minis  int
	widths []byte
	least  int64
	packed []byte
	at     uint64
	left   uint64 // of the miniblock
}

func newDeltas(b []byte, width int) (*deltas, error) {
	d := &deltas{rest: b, width: width}
	block, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	minis, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	if d.total, err = d.uvarint(); err != nil {
		return nil, err
	}
	if d.last, err = d.zigzag(); err != nil {
		return nil, err
	}
	if minis == 0 || minis > 1024 || block == 0 || block > 1<<20 || block%minis != 0 {
		return nil, errDamaged
	}
	d.minis, d.inMini = int(minis), block/minis
	return d, nil
}

func (d *deltas) uvarint() (uint64, error) {
	n, used := binary.Uvarint(d.rest)
	if used <= 0 {
		return 0, errDamaged
	}
	d.rest = d.rest[used:]
	return n, nil
}

func (d *deltas) zigzag() (int64, error) {
	n, err := d.uvarint()
	return int64(n>>1) ^ -int64(n&1), err
}

// number gives the next number.
func (d *deltas) number() (int64, error) {
	if d.total == 0 {
		return 0, errDamaged
	}
	d.total--
	if !d.begun {
		d.begun = true
		return d.last, nil
	}
	if d.left == 0 {
		if err := d.mini(); err != nil {
			return 0, err
		}
	}
	d.left--
	n, err := unpack(d.packed, &d.at, int(d.widthNow()))
	d.last += d.least + int64(n)
	return d.last, err
}

func (d *deltas) widthNow() byte { return d.widths[0] }

// mini begins the next miniblock.
func (d *deltas) mini() (err error) {
	if len(d.widths) > 1 {
		d.widths = d.widths[1:]
	} else {
		if d.least, err = d.zigzag(); err != nil {
			return err
		}
		if len(d.rest) < d.minis {
			return errDamaged
		}
		d.widths, d.rest = d.rest[:d.minis], d.rest[d.minis:]
	}
	if d.widthNow() > 64 {
		return errDamaged
	}
	size := min(d.inMini*uint64(d.widthNow())/8, uint64(len(d.rest)))
	d.packed, d.rest = d.rest[:size], d.rest[size:]
	d.at, d.left = 0, d.inMini
	return nil
}

// end passes over what is left and gives the bytes behind it.
func (d *deltas) end() ([]byte, error) {
	for d.total > 0 {
		if _, err := d.number(); err != nil {
			return nil, err
		}
	}
	return d.rest, nil
}

func (d *deltas) next() ([]byte, error) {
	n, err := d.number()
	if d.width == 4 {
		return binary.LittleEndian.AppendUint32(nil, uint32(n)), err
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(n)), err
}

// mostLengths bounds how many lengths are read to find what is behind them.
const mostLengths = 1 << 20

// lengths reads numbers of deltas and what is behind them.
func lengths(b []byte) (*deltas, []byte, error) {
	d, err := newDeltas(b, 8)
	if err != nil {
		return nil, nil, err
	}
	if d.total > mostLengths {
		return nil, nil, errDamaged
	}
	ahead := *d
	rest, err := ahead.end()
	return d, rest, err
}

// sliced are values whose lengths are all before them.
type sliced struct {
	lengths *deltas
	rest    []byte
}

func newSliced(b []byte) (*sliced, error) {
	d, rest, err := lengths(b)
	return &sliced{d, rest}, err
}

func (s *sliced) next() ([]byte, error) {
	n, err := s.lengths.number()
	if err != nil || n < 0 || n > int64(len(s.rest)) {
		return nil, errors.Join(err, errDamaged)
	}
	v := s.rest[:n]
	s.rest = s.rest[n:]
	return v, nil
}

// fronted are values that share their beginning with the one before.
type fronted struct {
	shared *deltas
	rest   *sliced
	last   []byte
	copied int64
}

// mostCopied bounds what values that share beginnings may grow to together.
const mostCopied = 64 << 20

func newFronted(b []byte) (*fronted, error) {
	shared, rest, err := lengths(b)
	if err != nil {
		return nil, err
	}
	suffixes, err := newSliced(rest)
	return &fronted{shared: shared, rest: suffixes}, err
}

func (f *fronted) next() ([]byte, error) {
	n, err := f.shared.number()
	if err != nil || n < 0 || n > int64(len(f.last)) {
		return nil, errors.Join(err, errDamaged)
	}
	suffix, err := f.rest.next()
	if err != nil {
		return nil, err
	}
	if f.copied += n + int64(len(suffix)); f.copied > mostCopied {
		return nil, ErrTooLarge
	}
	f.last = append(f.last[:n:n], suffix...)
	return f.last, nil
}

// split are values whose first bytes come first, then their second.
type split struct {
	bytes []byte
	width int
	at    int
}

func (s *split) next() ([]byte, error) {
	if s.width <= 0 || s.at >= len(s.bytes)/s.width {
		return nil, errDamaged
	}
	v := make([]byte, s.width)
	for i := range v {
		v[i] = s.bytes[i*(len(s.bytes)/s.width)+s.at]
	}
	s.at++
	return v, nil
}
