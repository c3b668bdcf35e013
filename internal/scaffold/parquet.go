package scaffold

import (
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/bine-ml/bine"
)

// A Parquet file ends with its metadata (a thrift structure in the compact
// protocol), the length of it in four bytes, and PAR1. Only the schema is read:
// https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift

var errParquet = errors.New("its metadata is malformed")

const mostMetadata = 64 << 20

// inspectParquet reads the schema of a Parquet file.
func inspectParquet(file string) (Table, error) {
	f, err := os.Open(file)
	if err != nil {
		return Table{}, err
	}
	defer f.Close()
	metadata, err := footer(f)
	if err != nil {
		return Table{}, bine.Errorf(bine.Invalid, "%s is not a Parquet file: %w", file, err)
	}
	elements, err := schemaOf(metadata)
	if err != nil {
		return Table{}, bine.Errorf(bine.Invalid, "%s is not a Parquet file that can be read: %w", file, err)
	}
	table := Table{Format: "parquet", Columns: topColumns(elements)}
	return table, table.check(file)
}

// footer reads the metadata at the end of the file.
func footer(f *os.File) ([]byte, error) {
	about, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var end [8]byte
	if about.Size() < 12 {
		return nil, errors.New("it is too short")
	}
	if _, err := f.ReadAt(end[:], about.Size()-8); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(end[:4]))
	switch {
	case string(end[4:]) == "PARE":
		return nil, errors.New("its metadata is encrypted")
	case string(end[4:]) != "PAR1":
		return nil, errors.New("it does not end in PAR1")
	case length > about.Size()-12 || length > mostMetadata:
		return nil, errParquet
	}
	metadata := make([]byte, length)
	_, err = f.ReadAt(metadata, about.Size()-8-length)
	return metadata, err
}

// element is a node of the schema, in the order of a depth-first walk.
type element struct {
	name      string
	physical  int64 // Type
	converted int64 // ConvertedType, -1 where absent
	logical   int16 // field of LogicalType that is set, 0 where none is
	children  int64
	repeated  bool
}

// schemaOf reads the list of schema elements, field 2 of FileMetaData.
func schemaOf(metadata []byte) (elements []element, err error) {
	r := &thrift{b: metadata}
	err = r.fields(0, func(id int16, kind byte) error {
		if id != 2 || kind != thriftList {
			return r.skip(kind, 0)
		}
		n, of, err := r.list()
		if err != nil || of != thriftStruct {
			return errParquet
		}
		for range n {
			e, err := readElement(r)
			if err != nil {
				return err
			}
			elements = append(elements, e)
		}
		return nil
	})
	if err == nil && len(elements) == 0 {
		err = errParquet
	}
	return elements, err
}

func readElement(r *thrift) (element, error) {
	e := element{physical: -1, converted: -1}
	err := r.fields(0, func(id int16, kind byte) (err error) {
		switch {
		case id == 1 && kind == thriftI32:
			e.physical, err = r.int()
		case id == 3 && kind == thriftI32:
			var repetition int64
			repetition, err = r.int()
			e.repeated = repetition == 2
		case id == 4 && kind == thriftBinary:
			e.name, err = r.text()
		case id == 5 && kind == thriftI32:
			e.children, err = r.int()
		case id == 6 && kind == thriftI32:
			e.converted, err = r.int()
		case id == 10 && kind == thriftStruct:
			err = r.fields(0, func(id int16, kind byte) error { e.logical = id; return r.skip(kind, 0) })
		default:
			err = r.skip(kind, 0)
		}
		return err
	})
	return e, err
}

// topColumns lists the children of the root; those with children of their own
// are nested, which no step here can use.
func topColumns(elements []element) []Column {
	var columns []Column
	for i := 1; i < len(elements); {
		e := elements[i]
		if e.name != "__index_level_0__" {
			columns = append(columns, Column{Name: e.name, Kind: e.kind()})
		}
		for open := int64(1); open > 0 && i < len(elements); i++ {
			open += max(elements[i].children, 0) - 1
		}
	}
	return columns
}

func (e element) kind() Kind {
	const (
		boolean, int32s, int64s, int96, float, double, bytes, fixed = 0, 1, 2, 3, 4, 5, 6, 7

		convertedUTF8, convertedEnum, convertedDecimal, convertedDate, convertedMicros = 0, 4, 5, 6, 10

		logicalString, logicalEnum, logicalDecimal, logicalDate, logicalTimestamp = 1, 4, 5, 6, 8
	)
	switch {
	case e.children > 0 || e.repeated:
		return Other
	case e.logical >= logicalDate && e.logical <= logicalTimestamp, e.physical == int96,
		e.converted >= convertedDate && e.converted <= convertedMicros:
		return Time
	case e.logical == logicalDecimal || e.converted == convertedDecimal:
		return Other
	case e.physical == boolean:
		return Bool
	case e.physical == int32s || e.physical == int64s:
		return Whole
	case e.physical == float || e.physical == double:
		return Number
	case e.logical == logicalString || e.logical == logicalEnum || e.converted == convertedUTF8 || e.converted == convertedEnum:
		return Text
	}
	return Other
}

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
