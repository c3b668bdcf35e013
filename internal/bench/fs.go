package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

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

// FileBench says where the file system is measured.
type FileBench struct {
	Dir      string // empty; holds a SQLite database and blocks
	Database string // address of an empty MySQL database to measure too; empty for none
	Runs     int
}

// Files compares the file system, in process, with the reference statements
// that do the same to bare tables of 200,000 rows in the same database. The size
// is that of the name space, or the number of threads. The reference syncs as
// little as SQLite allows where the database of an installation, which answers
// no commit before it is on disk, syncs each; so a second one does that too.
func Files(ctx context.Context, o FileBench) (rows []Row, err error) {
	blocks, err := blockdir.Open(filepath.Join(o.Dir, "blocks"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, blocks.Close()) }()
	file := filepath.Join(o.Dir, "bench.db")
	addresses := []string{"sqlite://" + file}
	if o.Database != "" {
		addresses = append(addresses, o.Database)
	}
	for _, address := range addresses {
		more, err := filesOf(ctx, address, file, blocks, max(o.Runs, operation))
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// filesOf measures the file system on one engine.
func filesOf(ctx context.Context, address, file string, blocks *blockdir.Store, rounds int) (rows []Row, err error) {
	db, err := database.Open(ctx, address, database.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var config *mysql.Config
	engine := "SQLite"
	if db.Dialect() == database.MySQL {
		engine = "MySQL"
		if config, err = database.MySQLConfig(address); err != nil {
			return nil, err
		}
	}
	bare, err := openReference(ctx, file, config)
	if err != nil {
		return nil, fmt.Errorf("make the reference tables: %w", err)
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	tree := dfs.New(db, blocks, dfs.Options{})
	defer func() { err = errors.Join(err, tree.Close()) }()
	s := &space{db: db, tree: tree, bare: bare, engine: engine, user: dfs.User{Project: "bench", Name: "bench", Role: bine.DataOwner}}
	if _, err := tree.Stat(ctx, dfs.Platform(), dfs.ProjectPath(s.user.Project)); !bine.IsKind(err, bine.NotFound) {
		return nil, errors.Join(err, bine.Errorf(bine.Conflict, "there is a project %s in the database already: measure in an empty one", s.user.Project))
	}
	if err := tree.MakeProjectTree(ctx, s.user.Project); err != nil {
		return nil, err
	}
	one, err := bare.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, one.close()) }()
	for _, files := range []int{1_000, 10_000, 50_000} {
		if err := s.fill(ctx, files); err != nil {
			return rows, err
		}
		more, err := s.measure(ctx, one, rounds)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	if engine == "SQLite" {
		more, err := s.large(ctx, filepath.Dir(file), rounds)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	for _, measure := range []func(ctx context.Context, rounds int) ([]Row, error){s.mix, s.directories} {
		more, err := measure(ctx, rounds)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// space is a name space beside the reference tables.
type space struct {
	db     *database.DB
	tree   *dfs.Tree
	bare   *refTables
	engine string
	user   dfs.User
	files  int
	made   atomic.Int64 // files that were made while measuring
}

const filesPerDir = 16

// path gives a file's path, of seven components; its name is as long as those
// of the reference.
func (s *space) path(n int) string {
	dir := n / filesPerDir
	return dfs.ProjectPath(s.user.Project, "Resources", fmt.Sprintf("d%033d", dir/1024), fmt.Sprintf("d%033d", dir/32%32), fmt.Sprintf("d%033d", dir%32), refName("f", n))
}

// fill makes files until there are as many: the first are small, the others empty.
func (s *space) fill(ctx context.Context, files int) error {
	data := make([]byte, smallFile)
	for s.files < files {
		from, to := s.files, min(files, s.files+filled)
		err := s.db.Together(ctx, func(ctx context.Context) error {
			for n := from; n < to; n++ {
				content := data
				if n >= hot {
					content = nil
				}
				if _, err := s.tree.Create(ctx, s.user, s.path(n), bytes.NewReader(content), dfs.CreateOptions{Parents: true}); err != nil {
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
	n := int(s.made.Add(1))
	return s.path(n%s.files) + fmt.Sprintf("-%d", n)
}

// kindOfCall is an operation, and the statements that are its reference.
type kindOfCall struct {
	name     string
	least    float64
	call     func(ctx context.Context, n int) error
	bare     func(ctx context.Context, n int) error
	changing bool
}

func (s *space) kinds(bare *statements) []kindOfCall {
	data := make([]byte, smallFile)
	return []kindOfCall{
		{"stat of a path of depth 7", leastStat, func(ctx context.Context, n int) error {
			_, err := s.tree.Stat(ctx, s.user, s.path(s.chosen(n)))
			return err
		}, bare.stat, false},
		{"create of an empty file", leastCreate, func(ctx context.Context, n int) error {
			_, err := s.tree.Create(ctx, s.user, s.fresh(), bytes.NewReader(nil), dfs.CreateOptions{})
			return err
		}, bare.create, true},
		{"write of a 4 KB file", leastSmall, func(ctx context.Context, n int) error {
			_, err := s.tree.Create(ctx, s.user, s.fresh(), bytes.NewReader(data), dfs.CreateOptions{})
			return err
		}, func(ctx context.Context, n int) error { return bare.write(ctx, data) }, true},
		{"read of a 4 KB file", leastSmall, func(ctx context.Context, n int) error { return s.read(ctx, s.chosen(n)) }, bare.read, false},
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
func (s *space) measure(ctx context.Context, bare *statements, rounds int) ([]Row, error) {
	var rows []Row
	for _, k := range s.kinds(bare) {
		took, loose, err := k.compare(ctx, bare, rounds, "NORMAL")
		if err != nil {
			return rows, fmt.Errorf("%s: %w", k.name, err)
		}
		r := Row{Name: s.engine + ": " + k.name, Size: s.files, Value: rate(took.median()), Unit: "/s"}
		rows = append(rows, r.Against(rate(loose.median())).HeldTo(RatioAtLeast(k.least)))
		if !k.changing || s.engine != "SQLite" {
			continue
		}
		took, strict, err := k.compare(ctx, bare, rounds, "FULL")
		if err != nil {
			return rows, fmt.Errorf("%s: %w", k.name, err)
		}
		r = Row{Name: s.engine + ": " + k.name + ", beside statements that sync too", Size: s.files, Value: rate(took.median()), Unit: "/s"}
		rows = append(rows, r.Against(rate(strict.median())).HeldTo(RatioAtLeast(k.least)))
	}
	return rows, nil
}

// compare makes calls and runs their reference in rounds by turns, so that both
// meet the same weather.
func (k kindOfCall) compare(ctx context.Context, reference *statements, rounds int, synchronous string) (took, bare sample, err error) {
	if err := reference.sync(ctx, synchronous); err != nil {
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
