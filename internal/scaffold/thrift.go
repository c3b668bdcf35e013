package scaffold

import (
	"encoding/binary"
	"io"
)

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12

	thriftDepth = 32
)

// thrift reads the compact protocol.
type thrift struct {
	b []byte
}

func (r *thrift) byte() (byte, error) {
	if len(r.b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c, nil
}

func (r *thrift) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		return 0, errParquet
	}
	r.b = r.b[n:]
	return v, nil
}

func (r *thrift) int() (int64, error) {
	v, err := r.uvarint()
	return int64(v>>1) ^ -int64(v&1), err
}

func (r *thrift) text() (string, error) {
	n, err := r.uvarint()
	if err != nil || n > uint64(len(r.b)) {
		return "", errParquet
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s, nil
}

// list reads the head of a list: how many elements, of which type.
func (r *thrift) list() (uint64, byte, error) {
	c, err := r.byte()
	if err != nil {
		return 0, 0, err
	}
	n := uint64(c >> 4)
	if n == 15 {
		n, err = r.uvarint()
	}
	if n > uint64(len(r.b)) { // an element takes a byte at least
		return 0, 0, errParquet
	}
	return n, c & 15, err
}

// fields calls on for each field of a structure; on must read its value.
func (r *thrift) fields(depth int, on func(id int16, kind byte) error) error {
	if depth > thriftDepth {
		return errParquet
	}
	var id int16
	for {
		c, err := r.byte()
		if err != nil || c == 0 {
			return err
		}
		if delta := int16(c >> 4); delta != 0 {
			id += delta
		} else {
			v, err := r.int()
			if err != nil {
				return err
			}
			id = int16(v)
		}
		if err := on(id, c&15); err != nil {
			return err
		}
	}
}

// skip reads over a value.
func (r *thrift) skip(kind byte, depth int) error {
	if depth > thriftDepth {
		return errParquet
	}
	var err error
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftByte:
		_, err = r.byte()
	case thriftI16, thriftI32, thriftI64:
		_, err = r.uvarint()
	case thriftDouble:
		if len(r.b) < 8 {
			return io.ErrUnexpectedEOF
		}
		r.b = r.b[8:]
	case thriftBinary:
		_, err = r.text()
	case thriftList, thriftSet:
		err = r.skipList(depth)
	case thriftMap:
		err = r.skipMap(depth)
	case thriftStruct:
		err = r.fields(depth+1, func(_ int16, kind byte) error { return r.skip(kind, depth+1) })
	default:
		err = errParquet
	}
	return err
}

func (r *thrift) skipList(depth int) error {
	n, of, err := r.list()
	for ; err == nil && n > 0; n-- {
		err = r.skipElement(of, depth+1)
	}
	return err
}

func (r *thrift) skipMap(depth int) error {
	n, err := r.uvarint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := r.byte()
	for ; err == nil && n > 0; n-- {
		if err = r.skipElement(kinds>>4, depth+1); err == nil {
			err = r.skipElement(kinds&15, depth+1)
		}
	}
	return err
}

// skipElement reads over an element of a list or map, where a bool takes a byte.
func (r *thrift) skipElement(kind byte, depth int) error {
	if kind == thriftTrue || kind == thriftFalse {
		kind = thriftByte
	}
	return r.skip(kind, depth)
}
