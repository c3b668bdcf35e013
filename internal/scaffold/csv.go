package scaffold

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bine-ml/bine"
)

const (
	rowsLookedAt  = 20000
	mostColumns   = 5000
	firstLineSize = 1 << 20
)

// inspectCSV reads the first rows of a CSV file.
func inspectCSV(file string) (Table, error) {
	f, err := os.Open(file)
	if err != nil {
		return Table{}, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(strings.ToLower(file), ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return Table{}, bine.Errorf(bine.Invalid, "%s is not compressed by gzip, as its name says: %w", file, err)
		}
	}
	text := bufio.NewReaderSize(in, firstLineSize)
	if start, _ := text.Peek(3); bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		_, _ = text.Discard(3)
	}
	comma, err := separator(text, file)
	if err != nil {
		return Table{}, err
	}
	table, err := readColumns(text, comma)
	if err != nil {
		return Table{}, bine.Errorf(bine.Invalid, "%s is not CSV throughout: %w", file, err)
	}
	table.Comma = string(comma)
	return table, table.check(file)
}

// separator finds what stands between the fields of the first line most often.
func separator(text *bufio.Reader, file string) (rune, error) {
	start, _ := text.Peek(firstLineSize)
	line, _, _ := bytes.Cut(start, []byte("\n"))
	switch {
	case len(bytes.TrimSpace(start)) == 0:
		return 0, bine.Errorf(bine.Invalid, "%s is empty", file)
	case !utf8.Valid(line):
		return 0, bine.Errorf(bine.Invalid, "%s is not UTF-8 text: save it as CSV in UTF-8", file)
	}
	best, most := ',', 0
	for _, c := range []rune{',', ';', '\t', '|'} {
		if n := strings.Count(string(line), string(c)); n > most {
			best, most = c, n
		}
	}
	return best, nil
}

func readColumns(text io.Reader, comma rune) (Table, error) {
	r := csv.NewReader(text)
	r.Comma, r.LazyQuotes, r.ReuseRecord = comma, true, true
	header, err := r.Read()
	if err != nil {
		return Table{}, err
	}
	if len(header) > mostColumns {
		return Table{}, bine.Errorf(bine.TooLarge, "it has %d columns; at most %d are taken", len(header), mostColumns)
	}
	seen := make([]*column, len(header))
	for i, name := range header {
		seen[i] = &column{name: strings.Clone(strings.TrimSpace(name)), kind: Bool, values: map[string]bool{}}
	}
	table := Table{Format: "csv"}
	for table.Rows < rowsLookedAt {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Table{}, err
		}
		table.Rows++
		for i, value := range row {
			seen[i].see(value)
		}
	}
	for _, c := range seen {
		table.Columns = append(table.Columns, c.column())
	}
	return table, nil
}

// column gathers what the values of a column have in common.
type column struct {
	name    string
	kind    Kind // the narrowest that fits all values so far
	values  map[string]bool
	missing int
}

func (c *column) see(value string) {
	if missing(value) {
		c.missing++
		return
	}
	if !c.values[value] {
		c.values[strings.Clone(value)] = true
		c.kind = widen(c.kind, kindOf(value), len(c.values) == 1)
	}
}

func (c *column) column() Column {
	kind := c.kind
	if len(c.values) == 0 {
		kind = Text
	}
	return Column{Name: c.name, Kind: kind, Distinct: len(c.values), Missing: c.missing}
}

// missing lists what pandas reads as a missing value.
func missing(value string) bool {
	switch value {
	case "", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#N/A", "<NA>", "#NA":
		return true
	}
	return false
}

// widen gives the kind that holds both.
func widen(have, more Kind, first bool) Kind {
	switch {
	case first || have == more:
		return more
	case (have == Whole && more == Number) || (have == Number && more == Whole):
		return Number
	}
	return Text
}

var timeForms = []string{time.RFC3339, time.DateTime, time.DateOnly, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006/01/02", "02.01.2006", "01/02/2006", "2006-01-02T15:04Z"}

func kindOf(value string) Kind {
	if _, err := strconv.ParseInt(value, 10, 64); err == nil {
		if len(value) > 1 && value[0] == '0' {
			return Text // a code with leading zeros, such as 00742
		}
		return Whole
	}
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return Number
	}
	switch strings.ToLower(value) {
	case "true", "false":
		return Bool
	}
	for _, form := range timeForms {
		if _, err := time.Parse(form, value); err == nil {
			return Time
		}
	}
	return Text
}
