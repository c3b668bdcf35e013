package shim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrLocked says that another shim lives in the directory.
var ErrLocked = errors.New("another shim supervises this attempt")

// Lock takes the lock of dir for as long as the returned file, or one that a
// child inherited of it, stays open. An agent takes it for the shim that it is
// about to start; whoever holds it says so by Sign.
func Lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, LockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	// An agent that looks whether a shim lives holds the lock for a moment.
	for range 100 {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Inherited gives the lock of dir that the descriptor holds, or nil where it is
// something else.
func Inherited(dir string, descriptor uintptr) *os.File {
	var has syscall.Stat_t
	if syscall.Fstat(int(descriptor), &has) != nil {
		return nil
	}
	info, err := os.Stat(filepath.Join(dir, LockFile))
	if err != nil {
		return nil
	}
	want, ok := info.Sys().(*syscall.Stat_t)
	if !ok || has.Dev != want.Dev || has.Ino != want.Ino {
		return nil
	}
	return os.NewFile(descriptor, LockFile)
}

// Sign writes the process id of the caller into the lock that it holds.
func Sign(lock *os.File) error {
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	return err
}

// Living gives the process id of the shim that lives in dir; 0: none does. The
// id is -1 while the lock is taken and not yet signed.
func Living(dir string) (int, error) {
	f, err := os.Open(filepath.Join(dir, LockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		return 0, nil // closing gives the lock back
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return 0, err
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return -1, nil
	}
	return pid, nil
}
