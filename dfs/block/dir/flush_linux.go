package dir

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush has the disk begin to write bytes of a file, without waiting for it. It
// is no promise, so its errors do not count: Sync is asked at the end.
func flush(f *os.File, offset, size int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE)
}
