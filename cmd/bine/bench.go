package main

import (
	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/internal/cli"
)

func benchCommand(s cli.Streams) *cobra.Command { return &cobra.Command{Use: "bench"} }
