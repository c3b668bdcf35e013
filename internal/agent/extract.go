package agent

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

// Extract writes the program bine-shim into dir, under a name that follows from
// its content, and gives its path. Shims of other versions that still run keep
// theirs.
func Extract(dir string, program []byte) (string, error) {
	dir, err := realPath(filepath.Join(dir, "bin"))
	if err != nil {
		return "", err
	}
	name := "bine-shim-" + string(bine.HashOf(program))[:16]
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err == nil && info.Mode().Perm() == 0o755 && info.Size() == int64(len(program)) {
		return path, nil
	}
	partial := "." + name
	if err := shim.WriteBytes(dir, partial, program); err != nil {
		return "", err
	}
	if err := os.Chmod(filepath.Join(dir, partial), 0o755); err != nil {
		return "", fmt.Errorf("make %s executable: %w", name, err)
	}
	return path, os.Rename(filepath.Join(dir, partial), path)
}
