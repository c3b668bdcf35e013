//go:build !linux

package dir

import "os"

// flush leaves it to the system when the disk begins to write.
func flush(*os.File, int64, int64) {}
