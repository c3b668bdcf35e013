package templates_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine/templates"
)

func renderPage(t *testing.T, p templates.Page) string {
	t.Helper()
	var buf bytes.Buffer
	if err := templates.Render(&buf, p); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func same(s string) string { return s }

func TestEveryPageRendersWithNothingInIt(t *testing.T) {
	for _, s := range emptyStories() {
		t.Run(s.name, func(t *testing.T) { checkHTML(t, renderPage(t, s.page)) })
	}
}

func TestEveryPageRendersWithTypicalData(t *testing.T) {
	for _, s := range stories(same) {
		t.Run(s.name, func(t *testing.T) { checkHTML(t, renderPage(t, s.page)) })
	}
}

func TestNastyTextStaysText(t *testing.T) {
	for _, s := range stories(func(string) string { return nasty }) {
		t.Run(s.name, func(t *testing.T) {
			page := renderPage(t, s.page)
			checkHTML(t, page)
			for _, bad := range []string{"<script>alert", "<img src=x"} {
				if strings.Contains(page, bad) {
					i := strings.Index(page, bad)
					t.Errorf("the page holds %q: …%s…", bad, page[max(0, i-80):i+40])
				}
			}
		})
	}
}

// checkHTML looks for what the Content-Security-Policy refuses and for what a
// template left undone.
func checkHTML(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{" style=", "<style", " onclick=", "javascript:", "<no value>", "%!", "ZgotmplZ", "hx-on"} {
		if strings.Contains(page, bad) {
			i := strings.Index(page, bad)
			t.Errorf("the page holds %q: …%s…", bad, page[max(0, i-80):min(len(page), i+60)])
		}
	}
	if !strings.HasSuffix(page, "</html>") {
		t.Errorf("the page does not end with </html>")
	}
}

// TestStorybook writes every page with typical data to the directory that
// BINE_STORYBOOK names, to be looked at.
func TestStorybook(t *testing.T) {
	dir := os.Getenv("BINE_STORYBOOK")
	if dir == "" {
		t.Skip("BINE_STORYBOOK names no directory")
	}
	for _, s := range stories(same) {
		if err := os.WriteFile(filepath.Join(dir, s.name+".html"), []byte(renderPage(t, s.page)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range emptyStories() {
		if err := os.WriteFile(filepath.Join(dir, "empty-"+s.name+".html"), []byte(renderPage(t, s.page)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadLogTakesEscapesOut(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		cut  bool
		want []string
	}{
		"colours":         {"\x1b[1;31mred\x1b[0m\n", false, []string{"red"}},
		"title":           {"\x1b]0;evil\x07text\n", false, []string{"text"}},
		"progress bar":    {"10%\r20%\r30%\n", false, []string{"30%"}},
		"windows":         {"one\r\ntwo\r\n", false, []string{"one", "two"}},
		"half a line":     {"alf\nwhole\n", true, []string{"whole"}},
		"no line break":   {"prompt> ", false, []string{"prompt> "}},
		"nothing":         {"", false, nil},
		"not UTF-8":       {"a\xffb\n", false, []string{"a\uFFFDb"}},
		"cursor movement": {"\x1b[2J\x1b[Hhello\n", false, []string{"hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range templates.ReadLog([]byte(c.text), c.cut).Lines {
				got = append(got, l.Text)
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("ReadLog(%q) = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

func TestReadLogKeepsTheEndOfALongLog(t *testing.T) {
	l := templates.ReadLog([]byte(strings.Repeat("line\n", 100_000)+"last\n"), false)
	if len(l.Lines) != templates.MostLogLines || !l.Truncated || l.Lines[len(l.Lines)-1].Text != "last" {
		t.Errorf("ReadLog kept %d lines, truncated %v", len(l.Lines), l.Truncated)
	}
}
