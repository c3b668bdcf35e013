//go:build !linux

package uv

import "syscall"

// flush writes what is below dir to the disk before the directory gets its name.
func flush(string) error { return syscall.Sync() }
