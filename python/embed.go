// Package python carries the Python package bine inside the program, so that
// an agent can put it in the way of every step, whatever the step's
// environment holds.
package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed src/bine/*.py src/bine/py.typed
var source embed.FS

// Files is the package directory bine and what is in it: sources only.
func Files() fs.FS {
	sub, err := fs.Sub(source, "src")
	if err != nil {
		panic(err) // src is a valid path: fs.Sub fails on no other ground
	}
	return sub
}

// Version identifies the content of the package: the first 16 digits of a hash.
func Version() string {
	sum := sha256.New()
	for _, name := range names() {
		text, _ := source.ReadFile("src/bine/" + name) // names lists what is embedded
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// Extract writes the package to dir, so that dir can stand on PYTHONPATH. It
// may be called again, at any time and by several processes: each file is
// replaced whole, and one with the right content is left as it is.
func Extract(dir string) error {
	to := filepath.Join(dir, "bine")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", to, err)
	}
	for _, name := range names() {
		text, err := source.ReadFile("src/bine/" + name)
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(to, name), text); err != nil {
			return err
		}
	}
	return nil
}

// names lists the files of the package in order.
func names() []string {
	entries, err := source.ReadDir("src/bine")
	if err != nil {
		panic(err) // the directory is embedded: the compiler saw it
	}
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out
}

// replace makes path a file with the text, in one step.
func replace(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	partial, err := os.CreateTemp(filepath.Dir(path), ".partial-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(partial.Name()) }()
	_, err = partial.Write(text)
	if closed := partial.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(partial.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(partial.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
