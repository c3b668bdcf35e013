package scaffold

import (
	"encoding/binary"
	"errors"
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
