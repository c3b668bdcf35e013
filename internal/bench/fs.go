package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	blockdir "github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/internal/database"
)

// What the operations of the file system must reach of their statements' rates.
const (
	leastStat   = 0.7
	leastCreate = 0.6
	leastSmall  = 0.5 // writing and reading a small file
)

const (
	smallFile = 4 << 10
	filled    = 500  // files that are made in one transaction
	operation = 10   // rounds of each kind, at least
	together  = 25   // calls in a round
	hot       = 1024 // files that are described and read, as many as of the reference
)

// Files compares the file system, in process and one call after the other, with
// the reference statements that do the same to bare tables of 200,000 rows in
// the same database. The size is that of the name space. The reference syncs as
// little as SQLite allows where the database of an installation, which answers
// no commit before it is on disk, syncs each; so a second one does that too.
func Files(ctx context.Context, dir string, runs int) (rows []Row, err error) {
	file := filepath.Join(dir, "bench.db")
	db, err := database.Open(ctx, "sqlite://"+file, database.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	blocks, err := blockdir.Open(filepath.Join(dir, "blocks"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, blocks.Close()) }()
	bare, err := openStatements(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	tree := dfs.New(db, blocks, dfs.Options{})
	defer func() { err = errors.Join(err, tree.Close()) }()
	s := &space{db: db, tree: tree, bare: bare, user: dfs.User{Project: "bench", Name: "bench", Role: bine.DataOwner}}
	if err := tree.MakeProjectTree(ctx, s.user.Project); err != nil {
		return nil, err
	}
	for _, files := range []int{1_000, 10_000, 50_000} {
		if err := s.fill(ctx, files); err != nil {
			return rows, err
		}
		more, err := s.measure(ctx, max(runs, operation))
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// space is a name space beside the reference tables.
type space struct {
	db    *database.DB
	tree  *dfs.Tree
	bare  *statements
	user  dfs.User
	files int
	made  int // files that were made while measuring
}

const filesPerDir = 16

// path gives a file's path, of seven components; its name is as long as those
// of the reference.
func (s *space) path(n int) string {
	dir := n / filesPerDir
	return dfs.ProjectPath(s.user.Project, "Resources", fmt.Sprintf("d%033d", dir/1024), fmt.Sprintf("d%033d", dir/32%32), fmt.Sprintf("d%033d", dir%32), refName("f", n))
}

// fill makes files until there are as many, small ones each.
func (s *space) fill(ctx context.Context, files int) error {
	data := make([]byte, smallFile)
	for s.files < files {
		from, to := s.files, min(files, s.files+filled)
		err := s.db.Together(ctx, func(ctx context.Context) error {
			for n := from; n < to; n++ {
				if _, err := s.tree.Create(ctx, s.user, s.path(n), bytes.NewReader(data), dfs.CreateOptions{Parents: true}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.files = to
	}
	return nil
}

// chosen gives the nth of the files that are described and read.
func (s *space) chosen(n int) int { return n * 7919 % min(s.files, hot) }

// fresh gives the path of a file that is not there, in a directory that is.
func (s *space) fresh() string {
	s.made++
	return s.path(s.made%s.files) + fmt.Sprintf("-%d", s.made)
}

// kindOfCall is an operation, and the statements that are its reference.
type kindOfCall struct {
	name     string
	least    float64
	call     func(ctx context.Context, n int) error
	bare     func(ctx context.Context, n int) error
	changing bool
}

func (s *space) kinds() []kindOfCall {
	data := make([]byte, smallFile)
	return []kindOfCall{
		{"stat of a path of depth 7", leastStat, func(ctx context.Context, n int) error {
			_, err := s.tree.Stat(ctx, s.user, s.path(s.chosen(n)))
			return err
		}, s.bare.stat, false},
		{"create of an empty file", leastCreate, func(ctx context.Context, n int) error {
			_, err := s.tree.Create(ctx, s.user, s.fresh(), bytes.NewReader(nil), dfs.CreateOptions{})
			return err
		}, s.bare.create, true},
		{"write of a 4 KB file", leastSmall, func(ctx context.Context, n int) error {
			_, err := s.tree.Create(ctx, s.user, s.fresh(), bytes.NewReader(data), dfs.CreateOptions{})
			return err
		}, func(ctx context.Context, n int) error { return s.bare.write(ctx, data) }, true},
		{"read of a 4 KB file", leastSmall, func(ctx context.Context, n int) error { return s.read(ctx, s.chosen(n)) }, s.bare.read, false},
	}
}

func (s *space) read(ctx context.Context, n int) error {
	body, _, err := s.tree.Open(ctx, s.user, s.path(n), 0, 0)
	if err != nil {
		return err
	}
	var to bytes.Buffer
	_, err = to.ReadFrom(body)
	return errors.Join(err, body.Close())
}

// measure measures every kind, by turns with its reference.
func (s *space) measure(ctx context.Context, rounds int) ([]Row, error) {
	var rows []Row
	for _, k := range s.kinds() {
		took, loose, err := s.compare(ctx, k, rounds, "NORMAL")
		if err != nil {
			return rows, fmt.Errorf("%s: %w", k.name, err)
		}
		r := Row{Name: k.name, Size: s.files, Value: rate(took.median()), Unit: "/s"}
		rows = append(rows, r.Against(rate(loose.median())).HeldTo(RatioAtLeast(k.least)))
		if !k.changing {
			continue
		}
		took, strict, err := s.compare(ctx, k, rounds, "FULL")
		if err != nil {
			return rows, fmt.Errorf("%s: %w", k.name, err)
		}
		r = Row{Name: k.name + ", beside statements that sync too", Size: s.files, Value: rate(took.median()), Unit: "/s"}
		rows = append(rows, r.Against(rate(strict.median())).HeldTo(RatioAtLeast(k.least)))
	}
	return rows, nil
}

// compare makes calls and runs their reference in rounds by turns, so that both
// meet the same weather.
func (s *space) compare(ctx context.Context, k kindOfCall, rounds int, synchronous string) (took, bare sample, err error) {
	if err := s.bare.sync(ctx, synchronous); err != nil {
		return nil, nil, err
	}
	for n := range (rounds + 1) * together {
		began := time.Now()
		if err := k.call(ctx, n); err != nil {
			return nil, nil, err
		}
		if n >= together { // those before were to warm up
			took = append(took, time.Since(began))
		}
		if n%together != together-1 {
			continue
		}
		for m := n + 1 - together; m <= n; m++ {
			began := time.Now()
			if err := k.bare(ctx, m); err != nil {
				return nil, nil, fmt.Errorf("reference: %w", err)
			}
			if n >= together {
				bare = append(bare, time.Since(began))
			}
		}
	}
	return took, bare, nil
}
