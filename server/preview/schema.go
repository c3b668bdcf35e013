package preview

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The physical types of Parquet
// (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).
const (
	typeBoolean = iota
	typeInt32
	typeInt64
	typeInt96
	typeFloat
	typeDouble
	typeByteArray
	typeFixed
)

// column is a leaf of the schema.
type column struct {
	name    string
	maxDef  int
	maxRep  int
	listDef int // below which level a list itself is missing
	typ     int64
	length  int64 // of fixed values
	logical logical
}

// logical says how the values of a physical type are meant.
type logical struct {
	name  string // as shown; empty is the physical type's
	unit  time.Duration
	scale int
	utc   bool
}

// columnsOf walks the schema, which is a list in the order of depth first.
func columnsOf(schema []value) (all []column, err error) {
	if len(schema) == 0 {
		return nil, errThrift
	}
	rest := schema[1:]
	for range schema[0].field(5).number {
		if rest, err = walk(rest, nil, levels{}, &all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

const deepestSchema = 40

// levels count what may be missing and what may be repeated above a value.
type levels struct{ def, rep, list int }

func walk(schema []value, above []string, l levels, all *[]column) ([]value, error) {
	if len(schema) == 0 || len(above) > deepestSchema {
		return nil, errThrift
	}
	e, rest := schema[0], schema[1:]
	switch e.field(3).number {
	case 1:
		l.def++
	case 2:
		if l.rep == 0 {
			l.list = l.def
		}
		l.def, l.rep = l.def+1, l.rep+1
	}
	path := append(above[:len(above):len(above)], string(e.field(4).bytes))
	if !e.has(1) {
		var err error
		for range e.field(5).number {
			if rest, err = walk(rest, path, l, all); err != nil {
				return nil, err
			}
		}
		return rest, nil
	}
	*all = append(*all, column{name: columnName(path), maxDef: l.def, maxRep: l.rep, listDef: l.list, typ: e.field(1).number, length: e.field(2).number, logical: logicalOf(e)})
	return rest, nil
}

// columnName leaves out the steps by which lists are written.
func columnName(path []string) string {
	name := strings.Join(path, ".")
	for _, list := range []string{".list.element", ".list.item", ".bag.array_element"} {
		name = strings.ReplaceAll(name, list, "")
	}
	return clip(name)
}

// units of times, as unions of the schema number them.
func unitOf(union value) time.Duration {
	switch {
	case union.has(1):
		return time.Millisecond
	case union.has(2):
		return time.Microsecond
	}
	return time.Nanosecond
}

// logicalOf reads the logical type, or the one that older writers give instead.
func logicalOf(e value) logical {
	scale := int(max(0, min(e.field(7).number, 1000)))
	l := e.field(10)
	for id := range l.fields {
		f := l.field(id)
		switch id {
		case 1, 4:
			return logical{name: "string"}
		case 5:
			return logical{name: fmt.Sprintf("decimal(%d,%d)", f.field(2).number, f.field(1).number), scale: int(max(0, min(f.field(1).number, 1000)))}
		case 6:
			return logical{name: "date", unit: 24 * time.Hour}
		case 7:
			return logical{name: "time", unit: unitOf(f.field(2))}
		case 8:
			return logical{name: "timestamp", unit: unitOf(f.field(2)), utc: f.field(1).number == 1}
		case 10:
			if f.field(2).number == 0 {
				return logical{name: fmt.Sprintf("uint%d", uint8(f.field(1).number))}
			}
			return logical{name: fmt.Sprintf("int%d", uint8(f.field(1).number))}
		case 12:
			return logical{name: "json"}
		case 14:
			return logical{name: "uuid"}
		case 15:
			return logical{name: "float16"}
		}
	}
	if !e.has(6) {
		return logical{}
	}
	switch c := e.field(6).number; {
	case c == 0 || c == 4:
		return logical{name: "string"}
	case c == 5:
		return logical{name: fmt.Sprintf("decimal(%d,%d)", e.field(8).number, scale), scale: scale}
	case c == 6:
		return logical{name: "date", unit: 24 * time.Hour}
	case c == 7 || c == 8:
		return logical{name: "time", unit: []time.Duration{time.Millisecond, time.Microsecond}[c-7]}
	case c == 9 || c == 10:
		return logical{name: "timestamp", unit: []time.Duration{time.Millisecond, time.Microsecond}[c-9], utc: true}
	case c >= 11 && c <= 14:
		return logical{name: "uint" + strconv.Itoa(8<<(c-11))}
	case c >= 15 && c <= 18:
		return logical{name: "int" + strconv.Itoa(8<<(c-15))}
	case c == 19:
		return logical{name: "json"}
	}
	return logical{}
}

// typeName is the type as it is shown.
func (c *column) typeName() string {
	name := c.logical.name
	if names := []string{"boolean", "int32", "int64", "int96", "float", "double", "binary", "fixed"}; name == "" && c.typ >= 0 && c.typ < int64(len(names)) {
		name = names[c.typ]
	}
	if c.maxRep > 0 {
		name = "list of " + name
	}
	return name
}

// width is how many bytes a value has, 0 where that differs.
func (c *column) width() int {
	switch c.typ {
	case typeInt32, typeFloat:
		return 4
	case typeInt64, typeDouble:
		return 8
	case typeInt96:
		return 12
	case typeFixed:
		return int(max(0, min(c.length, 1<<20)))
	}
	return 0
}

// text writes a value, which has as many bytes as its type.
func (c *column) text(b []byte) string {
	switch c.typ {
	case typeBoolean:
		return strconv.FormatBool(len(b) > 0 && b[0] != 0)
	case typeInt32:
		return c.whole(int64(int32(binary.LittleEndian.Uint32(b))), uint64(binary.LittleEndian.Uint32(b)))
	case typeInt64:
		n := binary.LittleEndian.Uint64(b)
		return c.whole(int64(n), n)
	case typeInt96: // a day of the Julian calendar, and nanoseconds of it
		days := int64(binary.LittleEndian.Uint32(b[8:])) - 2_440_588
		return time.Unix(days*86_400, int64(binary.LittleEndian.Uint64(b)%uint64(24*time.Hour))).UTC().Format(stamp)
	case typeFloat:
		return strconv.FormatFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 'g', -1, 32)
	case typeDouble:
		return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64)
	}
	return c.octets(b)
}

const stamp = "2006-01-02 15:04:05.999999999"

func (c *column) whole(n int64, unsigned uint64) string {
	switch l := c.logical; {
	case l.name == "date":
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(max(-4_000_000, min(n, 4_000_000)))).Format("2006-01-02")
	case l.name == "time":
		if n < 0 || n >= int64(24*time.Hour/l.unit) {
			return strconv.FormatInt(n, 10)
		}
		return time.Unix(0, n*int64(l.unit)).UTC().Format("15:04:05.999999999")
	case l.name == "timestamp":
		perSecond := int64(time.Second / l.unit)
		at := time.Unix(n/perSecond, n%perSecond*int64(l.unit)).UTC()
		if l.utc {
			return at.Format(stamp + "Z")
		}
		return at.Format(stamp)
	case l.scale > 0:
		return decimal(big.NewInt(n), l.scale)
	case strings.HasPrefix(l.name, "uint"):
		return strconv.FormatUint(unsigned, 10)
	}
	return strconv.FormatInt(n, 10)
}

func decimal(n *big.Int, scale int) string {
	digits := new(big.Int).Abs(n).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := digits[:len(digits)-scale]
	if scale > 0 {
		text += "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		return "-" + text
	}
	return text
}

func (c *column) octets(b []byte) string {
	switch {
	case strings.HasPrefix(c.logical.name, "decimal") && len(b) <= 64:
		n := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		return decimal(n, c.logical.scale)
	case c.logical.name == "uuid" && len(b) == 16:
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	if head := whole(b[:min(len(b), longestCell+utf8.UTFMax)]); utf8.Valid(head) && (len(head) > 0 || len(b) == 0) {
		return clip(string(head))
	}
	cut := b[:min(len(b), 32)]
	text := fmt.Sprintf("%x", cut)
	if len(cut) < len(b) {
		text += "…"
	}
	return "0x" + text
}
