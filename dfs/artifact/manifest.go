package artifact

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// mostEntries bounds a directory artifact.
const mostEntries = 200_000

// canonical gives the one form of a manifest: equal directories have equal hashes.
func canonical(entries []bine.ArtifactEntry) ([]byte, error) {
	if len(entries) > mostEntries {
		return nil, bine.Errorf(bine.TooLarge, "the directory has %d files; at most %d are allowed", len(entries), mostEntries)
	}
	sorted := append([]bine.ArtifactEntry{}, entries...)
	slices.SortFunc(sorted, func(a, b bine.ArtifactEntry) int { return strings.Compare(a.Path, b.Path) })
	files := make(map[string]bool, len(sorted))
	for _, e := range sorted {
		if err := checkEntry(e); err != nil {
			return nil, err
		}
		if files[e.Path] {
			return nil, bine.Errorf(bine.Invalid, "the manifest has %q twice", e.Path)
		}
		files[e.Path] = true
	}
	for _, e := range sorted {
		for i, c := range e.Path {
			if c == '/' && files[e.Path[:i]] {
				return nil, bine.Errorf(bine.Invalid, "the manifest has %q as a file and as a directory", e.Path[:i])
			}
		}
	}
	return json.Marshal(sorted)
}

// checkEntry says what is wrong with an entry. Whoever unpacks a directory may
// join a path that passes to one of its own.
func checkEntry(e bine.ArtifactEntry) error {
	if len(e.Path) == 0 || len(e.Path) > dfs.MaxPath || !utf8.ValidString(e.Path) || strings.ContainsAny(e.Path, "\x00\\") {
		return bine.Errorf(bine.Invalid, "the manifest's path %q is not allowed: use 1 to %d bytes of UTF-8, without a backslash or NUL", e.Path[:min(len(e.Path), 80)], dfs.MaxPath)
	}
	for part := range strings.SplitSeq(e.Path, "/") {
		if part == "" || part == "." || part == ".." || len(part) > dfs.MaxName {
			return bine.Errorf(bine.Invalid, "the manifest's path %q is not allowed: it must be relative, without empty, \".\" or \"..\" parts, none over %d bytes", e.Path, dfs.MaxName)
		}
	}
	if e.Size < 0 {
		return bine.Errorf(bine.Invalid, "%s has the size %d in the manifest", e.Path, e.Size)
	}
	return e.Hash.Check()
}
