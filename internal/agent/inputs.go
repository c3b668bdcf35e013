package agent

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bine-ml/bine"
)

// putInputs puts every input in place. Files, and the parts of a gathered
// input, are links in the attempt's own directory, under the names that they
// had where they were made; a directory is read where the cache has it.
func (t *attempt) putInputs(ctx context.Context, process bine.Process, from artifacts) (placed, error) {
	out := placed{inputs: map[string]string{}}
	for name, ref := range process.Inputs {
		if err := bine.CheckIdentifier("input", name); err != nil {
			return out, err
		}
		to := filepath.Join(t.dir, inputsDir, name)
		var err error
		switch {
		case ref.Parts != nil:
			out.inputs[name], err = to, t.putParts(ctx, from, ref.Parts, to)
		case ref.Kind == bine.ArtifactDir:
			out.inputs[name], err = t.agent.cache.Dir(ctx, from, ref.Hash)
			out.read = append(out.read, out.inputs[name])
		default:
			out.inputs[name] = filepath.Join(to, baseName(ref.Name))
			if err = os.Mkdir(to, 0o700); err == nil {
				err = t.putPart(ctx, from, ref, out.inputs[name])
			}
		}
		if err != nil {
			return out, fmt.Errorf("input %s: %w", name, err)
		}
	}
	return out, nil
}

// putParts makes a directory with one entry for each key.
func (t *attempt) putParts(ctx context.Context, from artifacts, parts map[string]bine.ArtifactRef, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for key, ref := range parts {
		if err := bine.CheckItemKey(key); err != nil {
			return err
		}
		if err := t.putPart(ctx, from, ref, filepath.Join(to, key)); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (t *attempt) putPart(ctx context.Context, from artifacts, ref bine.ArtifactRef, to string) error {
	if ref.Kind == bine.ArtifactDir {
		dir, err := t.agent.cache.Dir(ctx, from, ref.Hash)
		if err != nil {
			return err
		}
		return linkTree(dir, to)
	}
	file, err := t.agent.cache.File(ctx, from, ref.Hash, false)
	if err != nil {
		return err
	}
	return link(file, to)
}

// baseName is a safe form of the name that an artifact had where it was made.
func baseName(name string) string {
	if name = filepath.Base(filepath.Clean("/" + name)); name == "/" || name == "." || len(name) > 200 {
		return "data"
	}
	return name
}

func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Mkdir(filepath.Join(to, rel), 0o700)
		}
		return link(path, filepath.Join(to, rel))
	})
}

// link gives a file a second name, or a copy where the disk has no links.
func link(from, to string) error {
	err := os.Link(from, to)
	if err == nil || os.IsExist(err) || os.IsNotExist(err) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}
