package continuation

import (
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// context is how many lines are shown around a change.
const context = 3

// Diff gives the difference of two texts in unified form; it is empty where
// they are the same.
func Diff(fromName, toName, from, to string) (string, error) {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: lines(from), B: lines(to), FromFile: fromName, ToFile: toName, Context: context,
	})
	if err != nil {
		return "", fmt.Errorf("compare %s with %s: %w", fromName, toName, err)
	}
	return text, nil
}

// lines gives the lines of a text, each with its end.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range all {
		all[i] += "\n"
	}
	return all
}
