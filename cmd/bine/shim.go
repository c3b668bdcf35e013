package main

import (
	"embed"
	"errors"
	"io/fs"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/agent"
)

// carried holds bine-shim, where the Makefile built this program.
//
//go:embed all:embedded
var carried embed.FS

// extractShim writes bine-shim into the agent's directory.
func extractShim(dir string) (string, error) {
	program, err := carried.ReadFile("embedded/bine-shim")
	if errors.Is(err, fs.ErrNotExist) {
		return "", bine.Errorf(bine.Invalid, "this bine carries no bine-shim: build it with `make build`")
	}
	if err != nil {
		return "", err
	}
	return agent.Extract(dir, program)
}
