package gpu

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/bine-ml/bine"
)

// word is a part of a request: what lies between blanks, or a comma.
type word struct {
	text   string // as it was written
	lower  string
	column int // 1-based, in characters
}

// split gives the words of a request, the last one being empty: the place
// behind all others.
func split(text string) []word {
	var words []word
	var current []rune
	column := 0
	flush := func() {
		if len(current) > 0 {
			written := string(current)
			words = append(words, word{written, strings.ToLower(written), column - len(current)})
			current = nil
		}
	}
	for _, r := range text {
		column++
		switch {
		case unicode.IsSpace(r):
			flush()
		case r == ',':
			flush()
			words = append(words, word{",", ",", column})
		default:
			current = append(current, r)
		}
	}
	column++
	flush()
	return append(words, word{column: column})
}

// fault is what is wrong with a request, and where.
type fault struct {
	column  int
	message string
	example string
}

func (w word) fault(example, format string, args ...any) *fault {
	return &fault{column: w.column, message: fmt.Sprintf(format, args...), example: example}
}

// instead says what was found where something else was expected.
func (w word) instead() string {
	if w.text == "" {
		return "but the text ends"
	}
	return fmt.Sprintf("not %q", shorten(w.text))
}

func (f *fault) err(text string) error {
	message := fmt.Sprintf("%q: at column %d, %s. An example: %s", shorten(text), f.column, f.message, f.example)
	return &bine.Error{Kind: bine.Invalid, Message: message, Details: []bine.Detail{{Message: f.message, Column: f.column}}}
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > 120 {
		return string(runes[:120]) + "…"
	}
	return text
}
