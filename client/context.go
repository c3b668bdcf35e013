package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bine-ml/bine"
)

// Context is one server that the CLI and programs of this user know.
type Context struct {
	URL     string `json:"url"`
	Key     string `json:"key,omitempty"`
	Project string `json:"project,omitempty"`
}

// Contexts is the file that the CLI, the Python client and pipelines in Go share.
type Contexts struct {
	Current  string             `json:"current"`
	Contexts map[string]Context `json:"contexts"`
}

// ContextsPath is where the file is: BINE_CONFIG, or bine/config.json in the
// user's configuration directory.
func ContextsPath() string {
	if path := os.Getenv("BINE_CONFIG"); path != "" {
		return path
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		dir = "."
	}
	return filepath.Join(dir, "bine", "config.json")
}

// ReadContexts reads the file; one that is not there is empty.
func ReadContexts(path string) (Contexts, error) {
	c := Contexts{Contexts: map[string]Context{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, bine.Errorf(bine.Invalid, "%s is not readable: %v; remove it and sign in again with `bine login`", path, err)
	}
	if c.Contexts == nil {
		c.Contexts = map[string]Context{}
	}
	return c, nil
}

// Write writes the file, readable by its owner only, whole or not at all.
func (c Contexts) Write(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
