package agent

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// restFor is how long an entry of the cache is kept after its last use in any
// case: it may be on its way into an attempt.
const restFor = time.Hour

// kept is one entry of the cache. inodes has the size of each of its files by
// number: entries share files.
type kept struct {
	path   string
	used   time.Time
	inodes map[uint64]int64
}

// prune removes the entries whose last use is longest ago until the rest is
// within the limit. What is in use stays.
func (c *cache) prune(inUse map[string]bool) error {
	entries, err := c.entries()
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b kept) int { return a.used.Compare(b.used) })
	var total int64
	holders := map[uint64]int{}
	for _, e := range entries {
		for inode, size := range e.inodes {
			if holders[inode]++; holders[inode] == 1 {
				total += size
			}
		}
	}
	for _, e := range entries {
		if total <= c.limit || time.Since(e.used) < restFor {
			return nil
		}
		if inUse[e.path] {
			continue
		}
		discard(e.path)
		for inode, size := range e.inodes {
			if holders[inode]--; holders[inode] == 0 {
				total -= size
			}
		}
	}
	return nil
}

// entries lists the cache; what an earlier agent left half made goes.
func (c *cache) entries() ([]kept, error) {
	paths, err := filepath.Glob(filepath.Join(c.dir, "*", "*"))
	if err != nil {
		return nil, err
	}
	var out []kept
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		if strings.HasPrefix(filepath.Base(path), ".partial-") {
			if time.Since(info.ModTime()) > restFor {
				discard(path)
			}
			continue
		}
		out = append(out, kept{path: path, used: info.ModTime(), inodes: inodes(path)})
	}
	return out, nil
}

func inodes(path string) map[uint64]int64 {
	out := map[uint64]int64{}
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				out[stat.Ino] = info.Size()
			}
		}
		return nil
	})
	return out
}
