package bine

import (
	"encoding/json"
	"math"
	"strconv"
)

// Number is a measured number. Unlike those of JSON it may be no number or
// infinite, which a training that diverged gives: in JSON it is then the text
// "NaN", "Infinity" or "-Infinity", as in the JSON form of protocol buffers.
type Number float64

// MarshalJSON writes the number.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads a number, or one as text.
func (n *Number) UnmarshalJSON(text []byte) error {
	plain := string(text)
	if len(text) > 0 && text[0] == '"' {
		if err := json.Unmarshal(text, &plain); err != nil {
			return err
		}
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil && !math.IsInf(f, 0) {
		return Errorf(Invalid, `%.40s is not a number: write digits, "NaN", "Infinity" or "-Infinity"`, text)
	}
	*n = Number(f)
	return nil
}

// Finite reports whether it is neither NaN nor infinite.
func (n Number) Finite() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// String writes it as JSON does, without quotes.
func (n Number) String() string {
	f := float64(n)
	if math.IsInf(f, 1) {
		return "Infinity"
	}
	if math.IsInf(f, -1) {
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
