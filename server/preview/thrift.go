package preview

import (
	"encoding/binary"
	"errors"
	"math"
)

// The metadata of Parquet are in Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
// Readers of it believe the lengths that are in it, and take memory for them; this
// one takes memory for what is there only, and not for too much of that.

// The types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

const (
	deepestThrift = 32
	mostThrift    = 200_000 // values that are kept
)

var errThrift = errors.New("its metadata are damaged")

// value is one value of Thrift: a number or truth, bytes, a list, or a struct.
type value struct {
	number int64
	bytes  []byte
	list   []value
	fields map[int]value
}

// field gives a field of a struct; one that is not there is the zero value.
func (v value) field(id int) value { return v.fields[id] }

func (v value) has(id int) bool {
	_, ok := v.fields[id]
	return ok
}

// thrift reads values from bytes.
type thrift struct {
	rest   []byte
	values int // how many were kept
}

func (t *thrift) byte() (byte, error) {
	if len(t.rest) == 0 {
		return 0, errThrift
	}
	b := t.rest[0]
	t.rest = t.rest[1:]
	return b, nil
}

func (t *thrift) uvarint() (uint64, error) {
	n, used := binary.Uvarint(t.rest)
	if used <= 0 {
		return 0, errThrift
	}
	t.rest = t.rest[used:]
	return n, nil
}

func (t *thrift) zigzag() (int64, error) {
	n, err := t.uvarint()
	return int64(n>>1) ^ -int64(n&1), err
}

func (t *thrift) take(n uint64) ([]byte, error) {
	if n > uint64(len(t.rest)) {
		return nil, errThrift
	}
	b := t.rest[:n]
	t.rest = t.rest[n:]
	return b, nil
}

// fields calls each for every field of a struct, which reads its value.
func (t *thrift) fields(each func(id int, kind byte) error) error {
	id := 0
	for {
		b, err := t.byte()
		if err != nil || b&0xf == thriftStop {
			return err
		}
		if delta := int(b >> 4); delta > 0 {
			id += delta
		} else {
			n, err := t.zigzag()
			if err != nil {
				return err
			}
			id = int(int16(n))
		}
		if err := each(id, b&0xf); err != nil {
			return err
		}
	}
}

// elements reads the head of a list: how many there are, of what kind.
func (t *thrift) elements() (n uint64, kind byte, err error) {
	b, err := t.byte()
	if err != nil {
		return 0, 0, err
	}
	n = uint64(b >> 4)
	if n == 15 {
		if n, err = t.uvarint(); err != nil {
			return 0, 0, err
		}
	}
	if n > uint64(len(t.rest)) { // each has a byte at least
		return 0, 0, errThrift
	}
	return n, b & 0xf, nil
}

// read reads a value of a kind. Without keep it is only passed over.
func (t *thrift) read(kind byte, keep, inList bool, depth int) (v value, err error) {
	if keep {
		t.values++
	}
	if t.values > mostThrift || depth > deepestThrift {
		return v, ErrTooLarge
	}
	switch kind {
	case thriftTrue, thriftFalse:
		v.number = int64(2 - kind)
		if inList {
			b, err := t.byte()
			v.number = int64(b & 1)
			return v, err
		}
	case thriftByte:
		b, err := t.byte()
		v.number = int64(int8(b))
		return v, err
	case 4, 5, thriftI64:
		v.number, err = t.zigzag()
	case thriftDouble:
		b, err := t.take(8)
		if err != nil {
			return v, err
		}
		v.number = int64(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case thriftBinary:
		n, err := t.uvarint()
		if err != nil {
			return v, err
		}
		v.bytes, err = t.take(n)
		return v, err
	case thriftList, thriftSet:
		err = t.readList(&v, keep, depth)
	case thriftMap:
		err = t.passMap(depth)
	case thriftStruct:
		if keep {
			v.fields = map[int]value{}
		}
		err = t.fields(func(id int, kind byte) error {
			f, err := t.read(kind, keep, false, depth+1)
			if keep {
				v.fields[id] = f
			}
			return err
		})
	default:
		err = errThrift
	}
	return v, err
}

func (t *thrift) readList(v *value, keep bool, depth int) error {
	n, kind, err := t.elements()
	if err != nil {
		return err
	}
	for range n {
		e, err := t.read(kind, keep, true, depth+1)
		if err != nil {
			return err
		}
		if keep {
			v.list = append(v.list, e)
		}
	}
	return nil
}

// passMap passes over a map: Parquet has none.
func (t *thrift) passMap(depth int) error {
	n, err := t.uvarint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := t.byte()
	if err != nil {
		return err
	}
	for range min(n, uint64(len(t.rest))) {
		for _, kind := range []byte{kinds >> 4, kinds & 0xf} {
			if _, err := t.read(kind, false, true, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
