// Package artifact keeps files and directories by the hash of their content,
// below .artifacts of the project that they belong to. What is stored never
// changes, so putting the same again is harmless and costs no room.
//
// A file artifact is the file itself. A directory artifact is a manifest, a
// file of canonical JSON that names other artifacts; see bine.ArtifactEntry.
// Only the platform writes below .artifacts, so callers decide who may.
package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// Store keeps artifacts in a file system.
type Store struct{ fs dfs.FS }

// New gives the artifacts that fs keeps.
func New(fs dfs.FS) *Store { return &Store{fs} }

const (
	root     = ".artifacts"
	dirXattr = "bine.directory" // on manifests: the bytes of all files of the directory together
	mode     = 0o440
)

// place is the path of an artifact.
func place(project bine.ProjectName, hash bine.Hash) string {
	return dfs.ProjectPath(project, root, string(hash[:2]), string(hash))
}

// Put stores the bytes of a file.
func (s *Store) Put(ctx context.Context, project bine.ProjectName, r io.Reader) (bine.ArtifactRef, error) {
	return s.put(ctx, project, "", r)
}

// PutAs stores the bytes of a file that has the given hash; others are
// Invalid. What is stored already is not read again.
func (s *Store) PutAs(ctx context.Context, project bine.ProjectName, want bine.Hash, r io.Reader) (bine.ArtifactRef, error) {
	ref, err := s.Stat(ctx, project, want)
	if err == nil {
		return bine.ArtifactRef{Hash: want, Kind: bine.ArtifactFile, Size: ref.Size}, nil
	}
	if !bine.IsKind(err, bine.NotFound) {
		return ref, err
	}
	return s.put(ctx, project, want, r)
}

func (s *Store) put(ctx context.Context, project bine.ProjectName, want bine.Hash, r io.Reader) (bine.ArtifactRef, error) {
	sum := sha256.New()
	var hash bine.Hash
	info, err := s.fs.Create(ctx, dfs.Platform(), dfs.ProjectPath(project, root), io.TeeReader(r, sum), dfs.CreateOptions{Mode: mode, At: func() (string, error) {
		hash = bine.Hash(hex.EncodeToString(sum.Sum(nil)))
		if want != "" && hash != want {
			return "", bine.Errorf(bine.Invalid, "the content has the hash %s, not %s as it should: it was damaged on its way, or is another", hash, want)
		}
		return place(project, hash), s.makeDir(ctx, project, hash)
	}})
	if bine.IsKind(err, bine.Conflict) { // the same bytes were stored before
		info, err = s.fs.Stat(ctx, dfs.Platform(), place(project, hash))
	}
	if err != nil {
		return bine.ArtifactRef{}, fmt.Errorf("store an artifact: %w", err)
	}
	return bine.ArtifactRef{Hash: hash, Kind: bine.ArtifactFile, Size: info.Size}, nil
}

// makeDir makes the directory of an artifact, and none above it: what comes
// late for a project that was removed must not make it anew.
func (s *Store) makeDir(ctx context.Context, project bine.ProjectName, hash bine.Hash) error {
	path := dfs.ProjectPath(project, root, string(hash[:2]))
	if _, err := s.fs.Stat(ctx, dfs.Platform(), path); !bine.IsKind(err, bine.NotFound) {
		return err
	}
	_, err := s.fs.Mkdir(ctx, dfs.Platform(), path, dfs.MkdirOptions{})
	if bine.IsKind(err, bine.Conflict) {
		return nil
	}
	return err
}

// PutManifest stores a directory, all of whose files must be stored already:
// those that are not are named in an Invalid error.
func (s *Store) PutManifest(ctx context.Context, project bine.ProjectName, entries []bine.ArtifactEntry) (bine.ArtifactRef, error) {
	text, err := canonical(entries)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	size, err := s.checkEntries(ctx, project, entries)
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	ref, err := s.put(ctx, project, "", bytes.NewReader(text))
	if err != nil {
		return ref, err
	}
	// Last, so that nobody takes it for a directory before it is one. The same
	// bytes may have been put as a file before.
	if err := s.fs.SetXattr(ctx, dfs.Platform(), place(project, ref.Hash), dirXattr, strconv.AppendInt(nil, size, 10)); err != nil {
		return ref, fmt.Errorf("store a directory: %w", err)
	}
	return bine.ArtifactRef{Hash: ref.Hash, Kind: bine.ArtifactDir, Size: size}, nil
}

// checkEntries says whether the files are there in the size that is said, and how large they are together.
func (s *Store) checkEntries(ctx context.Context, project bine.ProjectName, entries []bine.ArtifactEntry) (int64, error) {
	var missing []string
	var total int64
	sizes := map[bine.Hash]int64{}
	for _, e := range entries {
		size, seen := sizes[e.Hash]
		if !seen {
			info, err := s.fs.Stat(ctx, dfs.Platform(), place(project, e.Hash))
			if bine.IsKind(err, bine.NotFound) {
				info.Size = -1
				missing = append(missing, string(e.Hash))
			} else if err != nil {
				return 0, err
			}
			size = info.Size
			sizes[e.Hash] = size
		}
		if size >= 0 && size != e.Size {
			return 0, bine.Errorf(bine.Invalid, "%s has %d bytes in the manifest, but what is stored under its hash %s has %d", e.Path, e.Size, e.Hash, size)
		}
		total += e.Size
	}
	if len(missing) > 0 {
		return 0, bine.Errorf(bine.Invalid, "%d of the directory's files are not stored in project %s: put them first: %s", len(missing), project, strings.Join(missing[:min(len(missing), 100)], ", "))
	}
	return total, nil
}

// Has says which of the hashes the project has no artifact for, each once.
func (s *Store) Has(ctx context.Context, project bine.ProjectName, hashes []bine.Hash) (missing []bine.Hash, err error) {
	missing = []bine.Hash{}
	seen := map[bine.Hash]bool{}
	for _, hash := range hashes {
		if err := hash.Check(); err != nil {
			return nil, err
		}
		if seen[hash] {
			continue
		}
		seen[hash] = true
		_, err := s.fs.Stat(ctx, dfs.Platform(), place(project, hash))
		if bine.IsKind(err, bine.NotFound) {
			missing = append(missing, hash)
		} else if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// Stat says what is stored under a hash: a directory, if it was put as one.
func (s *Store) Stat(ctx context.Context, project bine.ProjectName, hash bine.Hash) (bine.ArtifactRef, error) {
	if err := hash.Check(); err != nil {
		return bine.ArtifactRef{}, err
	}
	info, err := s.fs.Stat(ctx, dfs.Platform(), place(project, hash))
	if err != nil {
		return bine.ArtifactRef{}, unknown(project, hash, err)
	}
	ref := bine.ArtifactRef{Hash: hash, Kind: bine.ArtifactFile, Size: info.Size}
	text, err := s.fs.Xattr(ctx, dfs.Platform(), place(project, hash), dirXattr)
	if bine.IsKind(err, bine.NotFound) {
		return ref, nil
	}
	if err != nil {
		return ref, err
	}
	ref.Kind = bine.ArtifactDir
	if ref.Size, err = strconv.ParseInt(string(text), 10, 64); err != nil {
		return ref, fmt.Errorf("read the size of artifact %s: %w", hash, err)
	}
	return ref, nil
}

func unknown(project bine.ProjectName, hash bine.Hash, err error) error {
	if bine.IsKind(err, bine.NotFound) {
		return bine.Errorf(bine.NotFound, "project %s has no artifact %s", project, hash)
	}
	return err
}

// Open reads length bytes of an artifact from offset on, as dfs.FS does; of a
// directory, its manifest. It gives the size of what is read from.
func (s *Store) Open(ctx context.Context, project bine.ProjectName, hash bine.Hash, offset, length int64) (io.ReadCloser, int64, error) {
	if err := hash.Check(); err != nil {
		return nil, 0, err
	}
	r, info, err := s.fs.Open(ctx, dfs.Platform(), place(project, hash), offset, length)
	if err != nil {
		return nil, 0, unknown(project, hash, err)
	}
	return r, info.Size, nil
}

// Manifest lists the files of a directory artifact by path.
func (s *Store) Manifest(ctx context.Context, project bine.ProjectName, hash bine.Hash) ([]bine.ArtifactEntry, error) {
	ref, err := s.Stat(ctx, project, hash)
	if err != nil {
		return nil, err
	}
	if ref.Kind != bine.ArtifactDir {
		return nil, bine.Errorf(bine.Invalid, "artifact %s of project %s is a file, not a directory", hash, project)
	}
	r, _, err := s.Open(ctx, project, hash, 0, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var entries []bine.ArtifactEntry
	if err := json.NewDecoder(r).Decode(&entries); err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", hash, err)
	}
	return entries, nil
}
