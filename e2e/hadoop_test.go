package e2e_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// leastContract is how many of Hadoop's tests pass, at least: a run that finds
// none of them must not look like a good one.
const leastContract = 300

// TestHadoopContract runs Hadoop's own contract tests of file systems through
// its WebHDFS client against a server, and prints which are skipped and why.
func TestHadoopContract(t *testing.T) {
	if !long() {
		t.Skip("Hadoop's contract tests take Maven: make test-all runs them")
	}
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.maven("hadoop", s.project("judged"), leastContract)
}

// surefire counts the tests in Maven's reports that passed, and says which were
// skipped and why.
func surefire(t *testing.T, dir string) (passed int, skipped []string) {
	t.Helper()
	reports, err := filepath.Glob(filepath.Join(dir, "TEST-*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range reports {
		text, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		var suite struct {
			Cases []struct {
				Class   string `xml:"classname,attr"`
				Name    string `xml:"name,attr"`
				Skipped *struct {
					Why string `xml:"message,attr"`
				} `xml:"skipped"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		}
		if err := xml.Unmarshal(text, &suite); err != nil {
			t.Fatalf("%s: %v", report, err)
		}
		for _, c := range suite.Cases {
			switch {
			case c.Skipped != nil:
				skipped = append(skipped, fmt.Sprintf("%s.%s: %s", c.Class[strings.LastIndexByte(c.Class, '.')+1:], c.Name, c.Skipped.Why))
			case c.Failure == nil && c.Error == nil:
				passed++
			}
		}
	}
	slices.Sort(skipped)
	return passed, skipped
}
