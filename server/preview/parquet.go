package preview

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/bine-ml/bine/client"
)

// The limits of what is read and made of a Parquet file. What a file says of
// itself is believed only within them.
const (
	longestFooter  = 16 << 20
	longestPage    = 16 << 20 // compressed
	longestPlain   = 32 << 20 // not compressed
	longestHeader  = 64 << 10
	mostColumns    = 100
	mostElements   = 5_000 // of the schema
	mostPages      = 50    // of a column
	mostListed     = 20    // values of a list that are shown
	mostDictionary = 1 << 20
	mostEntries    = 1 << 20 // levels of a page that are looked at
)

var (
	errEncrypted = errors.New("it is encrypted")
	// ErrTooLarge says that more would have to be read than a preview may.
	ErrTooLarge    = errors.New("its parts are too large for a preview")
	errUnsupported = errors.New("it is written in a way that is not shown here")
)

// footer is what is needed of the metadata of a file.
type footer struct {
	columns []column
	rows    int64
	groups  uint64
	by      string
	first   value // row group
}

// parquet shows the first rows of a file and its schema. It reads the footer, and
// of each column the pages with those rows.
func parquet(src io.ReaderAt, size int64) (client.FilePreview, error) {
	f, err := readFooter(src, size)
	if err != nil {
		return client.FilePreview{}, err
	}
	p := client.FilePreview{Kind: client.PreviewTable, Facts: []client.PreviewFact{
		{Name: "Rows", Value: strconv.FormatInt(f.rows, 10)}, {Name: "Columns", Value: strconv.Itoa(len(f.columns))}, {Name: "Row groups", Value: strconv.FormatUint(f.groups, 10)}}}
	if f.by != "" {
		p.Facts = append(p.Facts, client.PreviewFact{Name: "Written by", Value: f.by})
	}
	if len(f.columns) > mostColumns {
		p.Truncated = true
		p.Note = fmt.Sprintf("only the first %d columns are shown", mostColumns)
		f.columns = f.columns[:mostColumns]
	}
	want := int(max(0, min(f.rows, f.first.field(3).number, mostRows)))
	p.Rows = make([][]string, want)
	for i := range f.columns {
		c := &f.columns[i]
		p.Header, p.Types = append(p.Header, c.name), append(p.Types, c.typeName())
		cells, err := readColumn(src, size, c, f.first.field(1).list, i, want)
		if err != nil {
			p.Note = fmt.Sprintf("the column %s is not shown: %v", c.name, err)
		}
		for row := range p.Rows {
			cell := "…"
			if row < len(cells) {
				cell = cells[row]
			}
			p.Rows[row] = append(p.Rows[row], cell)
		}
	}
	p.Truncated = p.Truncated || int64(want) < f.rows
	return p, nil
}

func readFooter(src io.ReaderAt, size int64) (*footer, error) {
	end := make([]byte, 8)
	if size < 12 {
		return nil, errThrift
	}
	if _, err := src.ReadAt(end, size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(end))
	switch {
	case string(end[4:]) == "PARE":
		return nil, errEncrypted
	case string(end[4:]) != "PAR1" || length > size-12:
		return nil, errThrift
	case length > longestFooter:
		return nil, ErrTooLarge
	}
	text := make([]byte, length)
	if _, err := src.ReadAt(text, size-8-length); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return parseFooter(text)
}

// parseFooter keeps the schema and the first row group, and passes over the rest.
func parseFooter(text []byte) (*footer, error) {
	f, t := &footer{}, &thrift{rest: text}
	var schema []value
	err := t.fields(func(id int, kind byte) error {
		switch {
		case id == 2 && kind == thriftList:
			n, kind, err := t.elements()
			if err != nil || n > mostElements {
				return errors.Join(err, ErrTooLarge)
			}
			for range n {
				e, err := t.read(kind, true, true, 0)
				if err != nil {
					return err
				}
				schema = append(schema, e)
			}
			return nil
		case id == 4 && kind == thriftList:
			n, kind, err := t.elements()
			if err != nil {
				return err
			}
			f.groups = n
			for i := range n {
				g, err := t.read(kind, i == 0, true, 0)
				if err != nil {
					return err
				}
				if i == 0 {
					f.first = g
				}
			}
			return nil
		}
		v, err := t.read(kind, id == 3 || id == 6, false, 0)
		switch id {
		case 3:
			f.rows = v.number
		case 6:
			f.by = clip(string(v.bytes))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f.columns, err = columnsOf(schema)
	return f, err
}

// readColumn gives the first cells of a column.
func readColumn(src io.ReaderAt, size int64, c *column, chunks []value, i, want int) ([]string, error) {
	if want == 0 {
		return nil, nil
	}
	if i >= len(chunks) {
		return nil, errThrift
	}
	meta := chunks[i].field(3)
	if meta.fields == nil || len(chunks[i].field(1).bytes) > 0 || chunks[i].has(8) {
		return nil, errUnsupported
	}
	start := meta.field(9).number
	if d := meta.field(11).number; d > 0 && d < start {
		start = d
	}
	ch := &chunk{src: src, column: c, codec: meta.field(4).number, at: start, end: min(size, start+max(0, meta.field(7).number)), want: want}
	if start < 0 || ch.end < start {
		return nil, errThrift
	}
	for n := 0; len(ch.cells) <= want && ch.at < ch.end && n < mostPages; n++ {
		if err := ch.page(); err != nil {
			return ch.finish(), err
		}
	}
	return ch.finish(), nil
}

// chunk is a column while it is read.
type chunk struct {
	*column
	src        io.ReaderAt
	codec      int64
	at, end    int64
	want       int
	dictionary [][]byte
	cells      []string
	list       []string // the values of the row that is read, of a repeated column
	more       bool     // there are more than are shown
	open       bool     // a row was begun
	none       bool     // the list of the row is missing, not empty
}

// page reads one page.
func (ch *chunk) page() error {
	head := make([]byte, min(longestHeader, ch.end-ch.at))
	n, err := ch.src.ReadAt(head, ch.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	t := &thrift{rest: head[:n]}
	h, err := t.read(thriftStruct, true, false, 0)
	if err != nil {
		return err
	}
	plain, packed := h.field(2).number, h.field(3).number
	if plain < 0 || packed < 0 || plain > longestPlain || packed > longestPage {
		return ErrTooLarge
	}
	body := ch.at + int64(n-len(t.rest))
	if ch.at = body + packed; ch.at > ch.end {
		return errDamaged
	}
	kind := h.field(1).number
	if kind != 0 && kind != 2 && kind != 3 {
		return nil // an index
	}
	data := make([]byte, packed)
	if _, err := ch.src.ReadAt(data, body); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch kind {
	case 0:
		return ch.first(h.field(5), data, plain)
	case 2:
		return ch.look(h.field(7), data, plain)
	}
	return ch.second(h.field(8), data, plain)
}

// look reads a dictionary.
func (ch *chunk) look(h value, data []byte, plain int64) error {
	data, err := decompress(ch.codec, data, plain)
	if err != nil {
		return err
	}
	n := h.field(1).number
	if n < 0 || n > mostDictionary {
		return ErrTooLarge
	}
	values, err := ch.values(0, data)
	if err != nil {
		return err
	}
	ch.dictionary = nil
	for range n {
		v, err := values.next()
		if err != nil {
			return err
		}
		ch.dictionary = append(ch.dictionary, v)
	}
	return nil
}

// first reads a page in the first form: levels and values are compressed together.
func (ch *chunk) first(h value, data []byte, plain int64) error {
	data, err := decompress(ch.codec, data, plain)
	if err != nil {
		return err
	}
	levels := func(highest int) (*hybrid, error) {
		if highest == 0 {
			return &hybrid{}, nil
		}
		if len(data) < 4 {
			return nil, errDamaged
		}
		n := binary.LittleEndian.Uint32(data)
		if uint64(n) > uint64(len(data)-4) {
			return nil, errDamaged
		}
		l := &hybrid{rest: data[4 : 4+n], width: bits.Len(uint(highest))}
		data = data[4+n:]
		return l, nil
	}
	rep, err := levels(ch.maxRep)
	if err != nil {
		return err
	}
	def, err := levels(ch.maxDef)
	if err != nil {
		return err
	}
	return ch.rows(h.field(1).number, h.field(2).number, rep, def, data)
}

// second reads a page in the second form: levels are not compressed.
func (ch *chunk) second(h value, data []byte, plain int64) error {
	defs, reps := h.field(5).number, h.field(6).number
	if defs < 0 || reps < 0 || defs > int64(len(data)) || reps > int64(len(data))-defs {
		return errDamaged
	}
	rep := &hybrid{rest: data[:reps], width: bits.Len(uint(ch.maxRep))}
	def := &hybrid{rest: data[reps : reps+defs], width: bits.Len(uint(ch.maxDef))}
	data = data[reps+defs:]
	codec := ch.codec
	if h.has(7) && h.field(7).number == 0 {
		codec = 0
	}
	data, err := decompress(codec, data, max(0, plain-reps-defs))
	if err != nil {
		return err
	}
	return ch.rows(h.field(1).number, h.field(4).number, rep, def, data)
}

// rows makes cells of the values of a page.
func (ch *chunk) rows(n, encoding int64, rep, def *hybrid, data []byte) error {
	var values reader
	for range min(n, mostEntries) {
		r, err := rep.number()
		if err != nil {
			return err
		}
		if r == 0 {
			if ch.close(); len(ch.cells) == ch.want {
				return nil
			}
			ch.open = true
		}
		d, err := def.number()
		if err != nil {
			return err
		}
		if d != uint64(ch.maxDef) {
			ch.missing(int(d))
			continue
		}
		if values == nil {
			if values, err = ch.values(encoding, data); err != nil {
				return err
			}
		}
		v, err := values.next()
		if err != nil {
			return err
		}
		if len(ch.list) == mostListed {
			ch.more = true
			continue
		}
		ch.list = append(ch.list, ch.text(v))
	}
	return nil
}

// missing notes that there is no value; of a list that is empty, nothing is noted.
func (ch *chunk) missing(level int) {
	if level < ch.listDef {
		ch.none = true
	}
	if len(ch.list) < mostListed && (ch.maxRep == 0 || level == ch.maxDef-1) {
		ch.list = append(ch.list, "null")
	}
}

// close ends the row that was read.
func (ch *chunk) close() {
	if !ch.open {
		return
	}
	cell := strings.Join(ch.list, ", ")
	if ch.maxRep > 0 {
		if ch.more {
			cell += ", …"
		}
		cell = "[" + cell + "]"
	}
	if ch.none && len(ch.list) == 0 {
		cell = "null"
	}
	ch.cells = append(ch.cells, clip(cell))
	ch.list, ch.more, ch.open, ch.none = ch.list[:0], false, false, false
}

func (ch *chunk) finish() []string {
	if len(ch.cells) < ch.want {
		ch.close()
	}
	return ch.cells
}

// values gives what reads the values of a page.
func (ch *chunk) values(encoding int64, data []byte) (reader, error) {
	width := ch.width()
	switch {
	case encoding == 0 && ch.typ == typeBoolean:
		return &bitmap{bits: data}, nil
	case encoding == 0 && ch.typ == typeByteArray:
		return &counted{data}, nil
	case encoding == 0:
		return &fixed{data, width}, nil
	case encoding == 2 || encoding == 8:
		if len(data) == 0 || data[0] > 32 {
			return nil, errDamaged
		}
		return &looked{hybrid{rest: data[1:], width: int(data[0])}, ch.dictionary}, nil
	case encoding == 3 && ch.typ == typeBoolean:
		if len(data) < 4 {
			return nil, errDamaged
		}
		return &truths{hybrid{rest: data[4:], width: 1}}, nil
	case encoding == 5 && (ch.typ == typeInt32 || ch.typ == typeInt64):
		return newDeltas(data, width)
	case encoding == 6 && ch.typ == typeByteArray:
		return newSliced(data)
	case encoding == 7 && (ch.typ == typeByteArray || ch.typ == typeFixed):
		r, err := newFronted(data)
		if ch.typ == typeFixed && err == nil {
			return &checked{r, width}, nil
		}
		return r, err
	case encoding == 9 && width > 0:
		return &split{bytes: data, width: width}, nil
	}
	return nil, errUnsupported
}

// checked sees to it that values have their width.
type checked struct {
	reader
	width int
}

func (c *checked) next() ([]byte, error) {
	v, err := c.reader.next()
	if err == nil && len(v) != c.width {
		err = errDamaged
	}
	return v, err
}

// decompress gives the plain form of a page, which has to be as long as it says.
func decompress(codec int64, data []byte, plain int64) ([]byte, error) {
	if plain > longestPlain {
		return nil, ErrTooLarge
	}
	switch codec {
	case 0:
		return data, nil
	case 1:
		n, err := snappy.DecodedLen(data)
		if err != nil || int64(n) != plain {
			return nil, errDamaged
		}
		return snappy.Decode(nil, data)
	case 2:
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, errDamaged
		}
		return exactly(r, plain)
	case 6:
		if len(data) == 0 && plain == 0 {
			return nil, nil
		}
		r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*longestPlain), zstd.WithDecoderMaxWindow(longestPlain))
		if err != nil {
			return nil, errDamaged
		}
		defer r.Close()
		return exactly(r, plain)
	}
	return nil, errUnsupported
}

func exactly(r io.Reader, n int64) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, n+1))
	if err != nil || int64(len(out)) != n {
		return nil, errDamaged
	}
	return out, nil
}
