// Package docs_test keeps the pages for users true: what can be made from the
// program's own tables is made from them (go test ./docs -update), and what is
// written by hand is checked: pipelines are parsed, commands and their flags
// looked up, Python compiled, links followed.
package docs_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of the pages anew")

// generated is a part of a page that a generator of that name makes.
var generated = regexp.MustCompile(`(?s)(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end generated -->)`)

// pages lists the pages.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "reference/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 6 {
		t.Fatalf("only these pages were found: %v", all)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGeneratedPartsAreWhatTheTablesSay(t *testing.T) {
	makers := generators()
	used := map[string]bool{}
	for _, page := range pages(t) {
		have := read(t, page)
		want := generated.ReplaceAllStringFunc(have, func(part string) string {
			m := generated.FindStringSubmatch(part)
			maker, found := makers[m[2]]
			if !found {
				t.Fatalf("%s: nothing makes %q", page, m[2])
			}
			used[m[2]] = true
			body, err := maker()
			if err != nil {
				t.Errorf("%s: %s: %v", page, m[2], err)
				return part
			}
			return m[1] + strings.TrimRight(body, "\n") + "\n" + m[3]
		})
		if strings.Count(have, "<!-- generated:") != len(generated.FindAllString(have, -1)) {
			t.Errorf("%s: a generated part is not closed by <!-- end generated -->", page)
		}
		if have == want {
			continue
		}
		if !*update {
			t.Errorf("%s is not what the tables say now: look at `go test ./docs -update`", page)
			continue
		}
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range makers {
		if !used[name] {
			t.Errorf("no page shows %q", name)
		}
	}
}

// block is a fenced block of a page.
type block struct {
	page     string
	line     int
	language string
	text     string
}

func blocks(t *testing.T, languages ...string) []block {
	t.Helper()
	var all []block
	for _, page := range pages(t) {
		var open *block
		for n, line := range strings.Split(read(t, page), "\n") {
			fence, isFence := strings.CutPrefix(line, "```")
			switch {
			case open != nil && isFence:
				all, open = append(all, *open), nil
			case open != nil:
				open.text += line + "\n"
			case isFence:
				open = &block{page: page, line: n + 1, language: fence}
			}
		}
		if open != nil {
			t.Errorf("%s:%d: the block has no end", page, open.line)
		}
	}
	return slices.DeleteFunc(all, func(b block) bool { return len(languages) > 0 && !slices.Contains(languages, b.language) })
}

func TestBlocksSayWhatTheyHold(t *testing.T) {
	known := []string{"sh", "text", "yaml", "json", "python", "go", "mermaid", "sql", "xml"}
	for _, b := range blocks(t) {
		if b.page != "architecture.md" && !slices.Contains(known, b.language) {
			t.Errorf("%s:%d: a block of %q: use one of %v", b.page, b.line, b.language, known)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := filepath.Join(filepath.Dir(page), filepath.FromSlash(m[1]))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if m[2] != "" && !slices.Contains(anchors(t, target), m[2]) {
				t.Errorf("%s links to %s%s, which has no such heading", page, m[1], m[2])
			}
		}
	}
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors lists the headings of a page as links name them.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var out []string
	for line := range bytes.Lines([]byte(read(t, page))) {
		text := strings.TrimSpace(string(line))
		if title := strings.TrimLeft(text, "#"); title != text {
			title = notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			out = append(out, "#"+strings.ReplaceAll(title, " ", "-"))
		}
	}
	return out
}
