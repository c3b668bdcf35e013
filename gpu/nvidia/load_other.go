//go:build !cgo || !linux

package nvidia

// load finds nvidia-smi: without cgo the library cannot be loaded.
func load(o Options) (driver, error) { return loadProgram(o) }
