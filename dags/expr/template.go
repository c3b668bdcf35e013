package expr

import (
	"strings"

	"github.com/bine-ml/bine"
)

const (
	opening = "${{"
	closing = "}}"
	escaped = "$${{"
)

// part is a piece of a text: either literal, or an expression with the offset
// of its CEL in the text.
type part struct {
	literal string
	cel     string
	offset  int
	isExpr  bool
}

// Has reports whether text holds an expression.
func Has(text string) bool {
	parts, err := split(text)
	if err != nil {
		return true
	}
	for _, p := range parts {
		if p.isExpr {
			return true
		}
	}
	return false
}

// Only reports whether text is one expression and nothing else, so that it
// yields a typed value.
func Only(text string) bool {
	parts, err := split(text)
	return err == nil && single(parts)
}

func single(parts []part) bool { return len(parts) == 1 && parts[0].isExpr }

// split takes a text apart. Its error is a fault at an offset.
func split(text string) ([]part, error) {
	if len(text) > MaxSource && strings.Contains(text, opening) {
		return nil, faultAt(text, 0, "a text with expressions may have %d bytes, this one has %d", MaxSource, len(text))
	}
	var parts []part
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{literal: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, escaped):
			literal.WriteString(opening)
			i += len(escaped)
		case strings.HasPrefix(rest, opening):
			start := i + len(opening)
			length := closingAt(text[start:])
			if length < 0 {
				return nil, faultAt(text, i, "${{ has no closing }}")
			}
			cel := text[start : start+length]
			if strings.TrimSpace(cel) == "" {
				return nil, faultAt(text, i, "the expression is empty: write what it is between ${{ and }}")
			}
			flush()
			parts = append(parts, part{cel: cel, offset: start, isExpr: true})
			i = start + length + len(closing)
		default:
			next := strings.IndexByte(rest[1:], '$')
			if next < 0 {
				next = len(rest) - 1
			}
			literal.WriteString(rest[:next+1])
			i += next + 1
		}
	}
	flush()
	return parts, nil
}

// closingAt finds the }} that ends an expression: not one inside a string, nor
// one that closes braces of the expression itself.
func closingAt(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '"':
			end := stringEnd(s, i)
			if end < 0 {
				return lastResort(s)
			}
			i = end - 1
		case '{':
			depth++
		case '}':
			if depth > 0 {
				depth--
			} else if strings.HasPrefix(s[i:], closing) {
				return i
			}
		}
	}
	return lastResort(s)
}

// lastResort finds the end of an expression with unbalanced quotes or braces,
// so that CEL's own message about it is shown.
func lastResort(s string) int { return strings.Index(s, closing) }

// stringEnd gives the offset after the CEL string that begins at i, or -1.
func stringEnd(s string, i int) int {
	raw := i > 0 && (s[i-1] == 'r' || s[i-1] == 'R')
	quote := s[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s[i:], triple) {
		quote = triple
	}
	for j := i + len(quote); j < len(s); j++ {
		switch {
		case s[j] == '\\' && !raw:
			j++
		case strings.HasPrefix(s[j:], quote):
			return j + len(quote)
		case s[j] == '\n' && len(quote) == 1:
			return -1
		}
	}
	return -1
}

// faultAt makes an error at an offset of text, as line and column from 1.
func faultAt(text string, offset int, format string, args ...any) *bine.Error {
	e, _ := bine.Errorf(bine.Invalid, format, args...).(*bine.Error)
	line, column := position(text, offset)
	e.Details = []bine.Detail{{Message: e.Message, Line: line, Column: column}}
	return e
}

// position gives line and column, from 1 and in characters, of an offset.
func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	line = 1 + strings.Count(before, "\n")
	last := before[strings.LastIndexByte(before, '\n')+1:]
	return line, 1 + len([]rune(last))
}
