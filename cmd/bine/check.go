package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/cli"
	"github.com/bine-ml/bine/internal/database"
)

// checkCommand looks for what should not be in the file system, beside a server
// that may be running.
func checkCommand(s cli.Streams) *cobra.Command {
	var content bool
	cmd := &cobra.Command{Use: "check", Short: "Check the file system: rows against rows and blocks; changes no file", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := readConfig(cmd.Flags())
		if err != nil {
			return err
		}
		return checkFiles(cmd, c, s, dfs.CheckOptions{Content: content})
	}}
	addConfigFlags(cmd.Flags())
	cmd.Flags().BoolVar(&content, "content", false, "read every file, too, and compare all checksums")
	return cmd
}

func checkFiles(cmd *cobra.Command, c config, s cli.Streams, o dfs.CheckOptions) error {
	ctx := cmd.Context()
	db, err := database.Open(ctx, c.Database, database.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	blocks, err := openTiers(ctx, c, newLog(c.Log, s.Err))
	if err != nil {
		return err
	}
	defer blocks.Close()
	var options dfs.Options
	if file := filepath.Join(c.Keys, secretKey); exists(file) { // it is not made here: another one would open nothing
		keys, err := auth.OpenSealer(file)
		if err != nil {
			return err
		}
		options.Keys = keys
	}
	files := dfs.New(db, blocks.Stores, options)
	defer files.Close()
	done, err := files.Check(ctx, o)
	if err != nil {
		return err
	}
	for _, p := range done.Problems {
		where := ""
		if p.Inode != 0 {
			if where, err = files.Where(ctx, p.Inode); err != nil {
				where = fmt.Sprintf("inode %d (%v)", p.Inode, err)
			}
			where += ": "
		}
		fmt.Fprintf(s.Out, "%s%s\n", where, p.Text)
	}
	looked := fmt.Sprintf("%d files and directories, %d blocks", done.Inodes, done.Blocks)
	if o.Content {
		looked += fmt.Sprintf(", %d bytes read", done.Bytes)
	}
	if n := len(done.Problems); n > 0 {
		return bine.Errorf(bine.Internal, "%d problems in %s", n, looked)
	}
	fmt.Fprintf(s.Out, "nothing is wrong: %s\n", looked)
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
