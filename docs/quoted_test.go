package docs_test

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands that the pages of the UI quote: in code, and as what an empty
// page teaches.
var (
	quotedCode  = regexp.MustCompile(`<code>(bine .*?)</code>`)
	quotedEmpty = regexp.MustCompile(`\(empty [^)]*"([^"]*\bbine [a-z][^"]*)"\)`)
	quotedField = regexp.MustCompile(`\{\{[^}]*\}\}`)
)

func TestCommandsOnThePagesOfTheUIExist(t *testing.T) {
	all, err := settings()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob("../templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range found {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, quoted := range []*regexp.Regexp{quotedCode, quotedEmpty} {
			for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
				line := html.UnescapeString(quotedField.ReplaceAllString(m[1], "X"))
				for part := range strings.SplitSeq(line, "&&") {
					_, part, _ = strings.Cut(" "+part, " bine ") // behind the variables that it is given
					checked++
					if fault := commandFault(strings.Fields("bine "+part), all); fault != "" {
						t.Errorf("%s: bine %s: %s", page, part, fault)
					}
				}
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d commands were found", checked)
	}
}
