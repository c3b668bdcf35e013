package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPruningRemovesWhatWasUsedLongestAgo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := newCache(dir, 250)
	put := func(name string, age time.Duration) string {
		path := filepath.Join(dir, "demo", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("x", 100)), 0o444); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inUse, old, newer := put("used", 50*time.Hour), put("old", 40*time.Hour), put("newer", 30*time.Hour)
	fresh := put("fresh", time.Minute)
	if err := c.prune(map[string]bool{inUse: true}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{inUse: true, old: false, newer: false, fresh: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: is there = %t, want %t", filepath.Base(path), err == nil, want)
		}
	}
}

func TestNamesOfInputsStayInTheirDirectory(t *testing.T) {
	for name, want := range map[string]string{"table.csv": "table.csv", "": "data", "..": "data", "../../etc/passwd": "passwd", "/": "data", "a/b": "b"} {
		if got := baseName(name); got != want {
			t.Errorf("baseName(%q) = %q, want %q", name, got, want)
		}
	}
}
