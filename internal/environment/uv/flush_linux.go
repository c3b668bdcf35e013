package uv

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush writes what is below dir to the disk before the directory gets its
// name, so that a power cut leaves no complete-looking half.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
