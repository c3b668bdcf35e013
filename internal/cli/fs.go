package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) fsCommand() *cobra.Command {
	list := &cobra.Command{Use: "ls [PATH]", Short: "List a directory of the project", Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		dir := strings.Join(args, "")
		var all []client.File
		for after := ""; ; {
			page, err := api.Files(c.Context(), p, dir, client.List{After: after, Limit: 1000})
			if err != nil {
				return err
			}
			all = append(all, page.Items...)
			if after = page.Next; after == "" {
				break
			}
		}
		return a.show(all, each(all, func(f client.File) string { return f.Path }), func(t *table) {
			t.row("MODE", "OWNER", "SIZE", "MODIFIED", "NAME")
			for _, f := range all {
				mode, name := fs.FileMode(f.Mode), f.Name
				if f.Dir {
					mode, name = mode|fs.ModeDir, name+"/"
				}
				t.row(mode, f.Owner, size(f.Size), f.Modified, name)
			}
		})
	}}
	cat := command("cat PATH", "Print a file", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		body, err := api.Download(c.Context(), p, args[0], 0, 0)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(a.Out, body)
		return err
	})
	get := command("get PATH FILE", "Download a file", 2, a.download)
	mkdir := command("mkdir PATH", "Make a directory, and those above it", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		_, err = api.ChangeFile(c.Context(), p, args[0], client.FileChange{Op: "mkdir"})
		return err
	})
	mv := command("mv FROM TO", "Rename a file or directory", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		_, err = api.ChangeFile(c.Context(), p, args[0], client.FileChange{Op: "rename", To: args[1]})
		return err
	})
	usage := &cobra.Command{Use: "usage [PATH]", Short: "Sum up what is below a directory", Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		u, err := api.Usage(c.Context(), p, strings.Join(args, ""))
		if err != nil {
			return err
		}
		return a.show(u, one(size(u.Bytes)), func(t *table) {
			t.row("SIZE", "FILES", "DIRECTORIES")
			t.row(size(u.Bytes), u.Files, u.Directories)
		})
	}}
	return group("fs", "Files of the project", list, cat, get, a.putCommand(), mkdir, mv, a.rmCommand(), a.trashCommand(), usage)
}

func (a *app) download(c *cobra.Command, args []string) error {
	api, p, err := a.inProject()
	if err != nil {
		return err
	}
	body, err := api.Download(c.Context(), p, args[0], 0, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	part := args[1] + ".part"
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		f.Close()
		return fmt.Errorf("download %s (%s holds what came): %w", args[0], part, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(part, args[1])
}

func (a *app) putCommand() *cobra.Command {
	var overwrite bool
	c := command("put FILE PATH", "Upload a file", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		to := args[1]
		if strings.HasSuffix(to, "/") {
			to = path.Join(to, filepath.Base(args[0]))
		}
		_, err = api.Upload(c.Context(), p, to, f, overwrite)
		return err
	})
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace a file that is there")
	return c
}

func (a *app) rmCommand() *cobra.Command {
	var recursive, permanent bool
	c := command("rm PATH", "Put a file into the trash, or a directory with -r", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		if permanent {
			return api.RemoveFile(c.Context(), p, args[0], recursive)
		}
		if f, err := api.Stat(c.Context(), p, args[0]); err != nil {
			return err
		} else if f.Dir && !recursive {
			return usagef("%s is a directory: give -r to put it into the trash with everything in it", args[0])
		}
		return api.TrashFile(c.Context(), p, args[0])
	})
	c.Flags().BoolVar(&permanent, "permanent", false, "remove for good, at once")
	c.Flags().BoolVarP(&recursive, "recursive", "r", false, "a directory and everything in it")
	return c
}

// Bounds of a directory that is sent as code: more is data, which belongs into
// the project's files.
const (
	mostCodeFiles = 5000
	mostCodeBytes = 256 << 20
)

// notCode names what is never sent along with code.
var notCode = []string{"__pycache__", "node_modules", ".git", ".venv", ".ipynb_checkpoints", ".bine"}

// UploadDir stores a directory as an artifact, without the files named in
// except. Files that the project has already are not sent again.
func UploadDir(ctx context.Context, api *client.Client, p bine.ProjectName, dir string, except ...string) (bine.ArtifactRef, error) {
	entries, err := scan(dir, except)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	var hashes []bine.Hash
	where := map[bine.Hash]string{}
	for _, e := range entries {
		hashes = append(hashes, e.Hash)
		where[e.Hash] = e.Path
	}
	missing, err := api.MissingArtifacts(ctx, p, hashes)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	for _, h := range missing {
		if err := uploadFile(ctx, api, p, h, filepath.Join(dir, filepath.FromSlash(where[h]))); err != nil {
			return bine.ArtifactRef{}, err
		}
	}
	return api.PutManifest(ctx, p, entries)
}

func uploadFile(ctx context.Context, api *client.Client, p bine.ProjectName, h bine.Hash, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := api.PutArtifact(ctx, p, h, f); err != nil {
		return fmt.Errorf("upload %s: %w", name, err)
	}
	return nil
}

// scan lists the files of a directory by path, with their hashes.
func scan(dir string, except []string) ([]bine.ArtifactEntry, error) {
	var entries []bine.ArtifactEntry
	var total int64
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(notCode, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if relative, err := filepath.Rel(dir, name); err != nil || !d.Type().IsRegular() || slices.Contains(except, relative) {
			return nil
		}
		e, err := entry(dir, name)
		entries, total = append(entries, e), total+e.Size
		if len(entries) > mostCodeFiles || total > mostCodeBytes {
			return bine.Errorf(bine.TooLarge, "%s has more than %d files or %s: keep data out of the directory of the code and upload it with `bine fs put`", dir, mostCodeFiles, size(mostCodeBytes))
		}
		return err
	})
	return entries, err
}

func entry(dir, name string) (bine.ArtifactEntry, error) {
	relative, err := filepath.Rel(dir, name)
	if err != nil {
		return bine.ArtifactEntry{}, err
	}
	f, err := os.Open(name)
	if err != nil {
		return bine.ArtifactEntry{}, err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return bine.ArtifactEntry{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return bine.ArtifactEntry{
		Path: filepath.ToSlash(relative), Hash: bine.Hash(hex.EncodeToString(sum.Sum(nil))), Size: n, Executable: about.Mode()&0o100 != 0,
	}, err
}
