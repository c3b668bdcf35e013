package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

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
		e, err := codeEntry(dir, name)
		entries, total = append(entries, e), total+e.Size
		if len(entries) > mostCodeFiles || total > mostCodeBytes {
			return bine.Errorf(bine.TooLarge, "%s has more than %d files or %s: keep data out of the directory of the code and upload it with `bine fs put`", dir, mostCodeFiles, size(mostCodeBytes))
		}
		return err
	})
	return entries, err
}

func codeEntry(dir, name string) (bine.ArtifactEntry, error) {
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
