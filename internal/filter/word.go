package filter

import (
	"strings"

	"github.com/bine-ml/bine"
)

type kind int

// The kinds of words; the zero word is the end.
const (
	none kind = iota
	bare
	singlequoted
	doublequoted
	backquoted
	sign
)

type word struct {
	kind kind
	text string
}

var quotes = map[byte]kind{'\'': singlequoted, '"': doublequoted, '`': backquoted}

// split makes words of a text.
func split(text string) ([]word, error) {
	var words []word
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case quotes[c] != none:
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return nil, bine.Errorf(bine.Invalid, "filter %q: the quote at character %d is not closed", text, i+1)
			}
			words = append(words, word{quotes[c], text[i+1 : i+1+end]})
			i += end + 2
		case strings.IndexByte("(),", c) >= 0:
			words = append(words, word{sign, string(c)})
			i++
		case strings.IndexByte("=!<>", c) >= 0:
			n := 1
			if i+1 < len(text) && text[i+1] == '=' {
				n = 2
			}
			op := text[i : i+n]
			if op == "!" {
				return nil, bine.Errorf(bine.Invalid, "filter %q: ! stands only before =", text)
			}
			if op == "==" {
				op = "="
			}
			words = append(words, word{sign, op})
			i += n
		default:
			end := strings.IndexAny(text[i:], " \t\r\n'\"`(),=!<>")
			if end < 0 {
				end = len(text) - i
			}
			words = append(words, word{bare, text[i : i+end]})
			i += end
		}
	}
	return words, nil
}
