package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block/s3"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/cli"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server/api"
)

func configCommand(s cli.Streams) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Print the configuration that is in effect", GroupID: roles, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := readConfig(cmd.Flags())
		if err != nil {
			return err
		}
		return c.print(s.Out)
	}}
	addConfigFlags(cmd.Flags())
	return cmd
}

// adminCommand holds what whoever owns the data directory may do without signing in.
func adminCommand(s cli.Streams) *cobra.Command {
	var user string
	password := &cobra.Command{Use: "password", Short: "Set a new password for a user who lost theirs", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := readConfig(cmd.Flags())
		if err != nil {
			return err
		}
		return newPassword(cmd, c, s, bine.UserName(user))
	}}
	addConfigFlags(password.Flags())
	password.Flags().StringVarP(&user, "user", "u", string(adminName), "whose password")
	admin := &cobra.Command{Use: "admin", Short: "What the owner of the data directory may do", GroupID: roles, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	admin.AddCommand(password, checkCommand(s))
	return admin
}

// newPassword works on the database itself, beside a server that may be running.
func newPassword(cmd *cobra.Command, c config, s cli.Streams, user bine.UserName) error {
	ctx := cmd.Context()
	log := newLog(c.Log, s.Err)
	db, err := database.Open(ctx, c.Database, database.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	st := store.New(db)
	a, err := auth.New(api.Accounts(st), log, time.Now)
	if err != nil {
		return err
	}
	text := rand.Text()[:20]
	hash, err := a.HashPassword(ctx, text)
	if err != nil {
		return err
	}
	if err := st.SetPasswordHash(ctx, user, hash); err != nil {
		return err
	}
	if err := st.DeleteSessions(ctx, user, ""); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%s / %s\n", user, text)
	return nil
}

func resetCommand(s cli.Streams) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "reset", Short: "Forget everything in the data directory, after asking", GroupID: roles, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := readConfig(cmd.Flags())
		if err != nil {
			return err
		}
		return reset(c, s, yes)
	}}
	addConfigFlags(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// reset removes the data directory, which must hold data of Bine and be in use
// by nobody.
func reset(c config, s cli.Streams, yes bool) error {
	if _, err := os.Stat(filepath.Join(c.Data, "lock")); err != nil {
		fmt.Fprintf(s.Err, "%s holds no data of Bine; nothing was removed\n", c.Data)
		return nil
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if !yes {
		fmt.Fprintf(s.Err, "This removes %s: all projects, files, runs, models and environments in it. Type yes to go on: ", c.Data)
		var answer string
		if _, err := fmt.Fscanln(s.In, &answer); err != nil || strings.TrimSpace(answer) != "yes" {
			fmt.Fprintln(s.Err, "nothing was removed")
			return nil
		}
	}
	if err := os.RemoveAll(c.Data); err != nil {
		return fmt.Errorf("remove %s: %w", c.Data, err)
	}
	fmt.Fprintln(s.Err, "removed")
	if s3.IsAddress(c.Blocks) || !strings.HasPrefix(c.Blocks, c.Data+string(filepath.Separator)) {
		fmt.Fprintf(s.Err, "The blocks in %s are still there. Another installation can use that place when they, and owner beside them, are removed.\n", c.Blocks)
	}
	return nil
}
