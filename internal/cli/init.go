package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/internal/scaffold"
)

// initCommand writes a first pipeline; it needs no server.
func initCommand(s Streams) *cobra.Command {
	var o scaffold.Options
	var dir string
	c := command("init FILE", "Write a pipeline on your own CSV or Parquet file", 1, func(_ *cobra.Command, args []string) error {
		if dir == "" {
			base := filepath.Base(args[0])
			dir = strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), filepath.Ext(strings.TrimSuffix(base, ".gz")))
		}
		files, err := scaffold.Init(dir, args[0], o)
		if err != nil {
			return err
		}
		for _, name := range files {
			fmt.Fprintln(s.Out, name)
		}
		readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err == nil {
			fmt.Fprintf(s.Err, "\n%s\n", readme)
		}
		return nil
	})
	c.Flags().StringVar(&o.Target, "target", "", "column to predict; default: the last one")
	c.Flags().StringVar(&o.Name, "name", "", "name of the pipeline; default: from the file's name")
	c.Flags().StringVar(&dir, "dir", "", "directory to write to; default: the file's name without its ending")
	return c
}
