package templates

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Log is the end of a log as a page shows it.
type Log struct {
	Lines     []LogLine
	Truncated bool   // earlier lines are left out
	Download  string // address of the whole text
	File      string // name for the download
	Follow    string // address from which the text goes on; empty where it has ended
}

// LogLine is one line, without escape sequences.
type LogLine struct {
	Text    string
	Trouble bool // it speaks of an error
}

// MostLogLines is how many lines of a log a page shows.
const MostLogLines = 5000

var (
	escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")
	trouble = regexp.MustCompile(`(?i)\b(error|exception|traceback|fatal|killed|panic)\b`)
)

// ReadLog splits text into lines and takes terminal escapes and control
// characters out. cut says that text does not begin at the beginning: what
// stands before its first line break is then half a line and left out.
func ReadLog(text []byte, cut bool) Log {
	all := string(text)
	if cut {
		if _, rest, ok := strings.Cut(all, "\n"); ok {
			all = rest
		}
	}
	if all == "" {
		return Log{Truncated: cut}
	}
	parts := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
	l := Log{Truncated: cut || len(parts) > MostLogLines}
	for _, part := range parts[max(0, len(parts)-MostLogLines):] {
		if !utf8.ValidString(part) {
			part = strings.ToValidUTF8(part, "\uFFFD")
		}
		// A carriage return starts the line again, as progress bars do.
		part = strings.TrimSuffix(part, "\r")
		if i := strings.LastIndexByte(part, '\r'); i >= 0 {
			part = part[i+1:]
		}
		part = escapes.ReplaceAllString(part, "")
		l.Lines = append(l.Lines, LogLine{Text: part, Trouble: trouble.MatchString(part)})
	}
	return l
}
