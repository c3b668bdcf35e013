package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// WriteJSON writes rows as one array.
func WriteJSON(w io.Writer, rows []Row) error {
	if rows == nil {
		rows = []Row{}
	}
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// WriteTable writes rows for people, and how many goals were missed.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tSIZE\tVALUE\tUNIT\tREFERENCE\tRATIO\tGOAL\tMET")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, count(r.Size), value(r), r.Unit, dash(r.Reference), dash(r.Ratio), text(r.Goal), met(r.Met))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n := Missed(rows); n > 0 {
		fmt.Fprintf(w, "%d of the goals were missed\n", n)
	}
	return nil
}

func count(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// value writes the figure of a row; percentages with two digits behind the point.
func value(r Row) string {
	if r.Unit == "%" {
		return strconv.FormatFloat(r.Value, 'f', 2, 64)
	}
	return number(r.Value)
}

// number writes what is small with more digits than what is large.
func number(x float64) string {
	switch {
	case x >= 100 || x <= -100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 10 || x <= -10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
}

func dash(x float64) string {
	if x == 0 {
		return "-"
	}
	return number(x)
}

func text(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func met(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "yes"
	default:
		return "NO"
	}
}
