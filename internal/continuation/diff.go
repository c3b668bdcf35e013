package continuation

import (
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// context is how many lines are shown around a change.
const context = 3

// mostLines is how long texts may be that are compared line by line, which takes
// time that grows faster than they do.
const mostLines = 20_000

// Diff gives the difference of two texts in unified form; it is empty where
// they are the same.
func Diff(fromName, toName, from, to string) (string, error) {
	if from == to {
		return "", nil
	}
	if strings.Count(from, "\n")+strings.Count(to, "\n") > mostLines {
		return fmt.Sprintf("--- %s\n+++ %s\n(too long to be compared line by line)\n", fromName, toName), nil
	}
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
