package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/bine-ml/bine"
)

const (
	// uploads is how many files are sent at once.
	uploads = 4
	// askAtOnce is for how many hashes the server is asked in one call.
	askAtOnce = 1000
)

// artifact stores the file or directory called name.
func (s artifacts) artifact(ctx context.Context, root *os.Root, name string) (bine.ArtifactRef, error) {
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bine.ArtifactRef{}, bine.Errorf(bine.Invalid, "output %q (artifact) is missing: the program must make a file or directory of this name in $BINE_OUTPUTS", name)
	case err != nil:
		return bine.ArtifactRef{}, bine.Errorf(bine.Invalid, "output %q cannot be read: %w", name, err)
	}
	var entries []bine.ArtifactEntry
	if info.IsDir() {
		entries, err = list(root, name)
	} else {
		entries = []bine.ArtifactEntry{{Path: name}}
	}
	if err != nil {
		return bine.ArtifactRef{}, bine.Errorf(bine.Invalid, "output %q: %w", name, err)
	}
	for i := range entries {
		if err := measure(root, &entries[i]); err != nil {
			return bine.ArtifactRef{}, bine.Errorf(bine.Invalid, "output %q: %w", name, err)
		}
	}
	if err := s.upload(ctx, root, entries); err != nil {
		return bine.ArtifactRef{}, err
	}
	if !info.IsDir() {
		return bine.ArtifactRef{Hash: entries[0].Hash, Kind: bine.ArtifactFile, Size: entries[0].Size, Name: name}, nil
	}
	for i := range entries {
		entries[i].Path = strings.TrimPrefix(entries[i].Path, name+"/")
	}
	slices.SortFunc(entries, func(a, b bine.ArtifactEntry) int { return strings.Compare(a.Path, b.Path) })
	ref, err := s.api.PutManifest(ctx, s.project, entries)
	ref.Name = name
	return ref, err
}

// list names the files below a directory. Directories that are empty are none.
func list(root *os.Root, dir string) ([]bine.ArtifactEntry, error) {
	entries := []bine.ArtifactEntry{}
	err := fs.WalkDir(root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !utf8.ValidString(name) {
			return bine.Errorf(bine.Invalid, "%q is not a name in UTF-8", name)
		}
		if !d.IsDir() {
			entries = append(entries, bine.ArtifactEntry{Path: path.Clean(name)})
		}
		return nil
	})
	return entries, err
}

// openRegular opens a file for reading, and nothing else: opening a pipe that a
// program left would wait for ever.
func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = bine.Errorf(bine.Invalid, "%s is not a regular file", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// measure finds out hash, size and mode of a file.
func measure(root *os.Root, e *bine.ArtifactEntry) error {
	f, err := openRegular(root, e.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	sum := sha256.New()
	if e.Size, err = io.Copy(sum, f); err != nil {
		return err
	}
	e.Hash, e.Executable = bine.Hash(hex.EncodeToString(sum.Sum(nil))), info.Mode()&0o100 != 0
	return nil
}

// upload sends the files that the project does not have yet.
func (s artifacts) upload(ctx context.Context, root *os.Root, entries []bine.ArtifactEntry) error {
	paths := map[bine.Hash]string{}
	for _, e := range entries {
		paths[e.Hash] = e.Path
	}
	hashes := make([]bine.Hash, 0, len(paths))
	for hash := range paths {
		hashes = append(hashes, hash)
	}
	for some := range slices.Chunk(hashes, askAtOnce) {
		absent, err := s.api.MissingArtifacts(ctx, s.project, some)
		if err != nil {
			return err
		}
		err = eachOf(ctx, uploads, absent, func(ctx context.Context, hash bine.Hash) error {
			f, err := openRegular(root, paths[hash])
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = s.api.PutArtifact(ctx, s.project, hash, f)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
