package dfs_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/mattn/go-sqlite3"

	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// The benchmarks run each operation beside its reference statement, on the
// same machine in the same run, and report "x-limit": how fast the operation
// is, 1 being the reference. Both sides hold a tree of the same shape: 16 files
// and 2 directories in a directory, names of 34 characters. The reference of
// SQLite commits without waiting for the disk (synchronous=NORMAL), the file
// system waits; "x-durable" compares with a reference that waits, too.

const benchLevels = 9 // directories above the files of the deepest level

func benchName(kind string, n int) string { return fmt.Sprintf("%s-%0*d", kind, 33-len(kind), n) }

// benchDir is the directory on level below base that benchmarks use.
func benchDir(base string, levels int) string {
	for level := range levels {
		base += "/" + benchName("dir", level%2)
	}
	return base
}

// raw is the reference: one connection with prepared statements.
type raw struct {
	b        *testing.B
	conn     *sql.Conn
	mysql    bool
	prepared map[string]*sql.Stmt
	next     int64
	parent   int64    // of the files of the path at depth 7
	names    []string // of the path at depth 7, from below the root
}

const rawSchema = `CREATE TABLE ref_inode (parent_id BIGINT, name VARBINARY(255), id BIGINT, is_dir TINYINT, perm SMALLINT, uid INT, gid INT, size BIGINT, mtime BIGINT, atime BIGINT, flags INT, PRIMARY KEY (parent_id, name), UNIQUE (id))%s;
CREATE TABLE ref_small (id BIGINT PRIMARY KEY, data MEDIUMBLOB);
CREATE TABLE ref_change (id %s, inode BIGINT, op TINYINT)`

func (r *raw) exec(query string, args ...any) {
	r.b.Helper()
	if _, err := r.stmt(query).Exec(args...); err != nil {
		r.b.Fatalf("%s: %v", query, err)
	}
}

func (r *raw) stmt(query string) *sql.Stmt {
	if s := r.prepared[query]; s != nil {
		return s
	}
	s, err := r.conn.PrepareContext(context.Background(), query)
	if err != nil {
		r.b.Fatalf("%s: %v", query, err)
	}
	r.prepared[query] = s
	return s
}

func newRaw(b *testing.B, driver, dsn string) *raw {
	b.Helper()
	pool, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := pool.Conn(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	r := &raw{b: b, conn: conn, mysql: driver == "mysql", prepared: map[string]*sql.Stmt{}, next: 1}
	b.Cleanup(func() { conn.Close(); pool.Close() })
	without, id := " WITHOUT ROWID", "INTEGER PRIMARY KEY"
	if r.mysql {
		without, id = "", "BIGINT AUTO_INCREMENT PRIMARY KEY"
	}
	for query := range strings.SplitSeq(fmt.Sprintf(rawSchema, without, id), ";") {
		r.run(query)
	}
	r.run("BEGIN")
	r.grow(1, benchLevels)
	r.run("COMMIT")
	return r
}

func (r *raw) run(query string) {
	if _, err := r.conn.ExecContext(context.Background(), query); err != nil {
		r.b.Fatalf("%s: %v", query, err)
	}
}

const rawInsert = "INSERT INTO ref_inode VALUES (?, ?, ?, ?, 493, 1, 1, 0, 1, 1, 0)"

func (r *raw) grow(parent int64, levels int) {
	for n := range 16 {
		r.next++
		r.exec(rawInsert, parent, benchName("file", n), r.next, 0)
	}
	for n := range 2 {
		r.next++
		id := r.next
		r.exec(rawInsert, parent, benchName("dir", n), id, 1)
		if on := n == (benchLevels-levels)%2; on && len(r.names) < 6 && len(r.names) == benchLevels-levels {
			r.names, r.parent = append(r.names, benchName("dir", n)), id
		}
		if levels > 1 {
			r.grow(id, levels-1)
		}
	}
}

// path finds the first file of the directory at depth 6 by a join of seven tables.
func (r *raw) path() (id int64) {
	query, args := "SELECT i7.id, i7.is_dir, i7.perm, i7.uid, i7.gid, i7.size, i7.mtime, i7.atime, i7.flags FROM ref_inode i1", []any{}
	names := append(append([]string{}, r.names...), benchName("file", 3))
	for level := 2; level <= 7; level++ {
		query += fmt.Sprintf(" JOIN ref_inode i%d ON i%d.parent_id = i%d.id AND i%d.name = ?", level, level, level-1, level)
		args = append(args, names[level-1])
	}
	args = append(args, names[0])
	var rest [8]int64
	if err := r.stmt(query+" WHERE i1.parent_id = 1 AND i1.name = ?").QueryRow(args...).
		Scan(&id, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4], &rest[5], &rest[6], &rest[7]); err != nil {
		r.b.Fatal(err)
	}
	return id
}

// create is the packet that makes a file, with its bytes where there are any.
func (r *raw) create(data []byte) {
	r.next++
	name, last := benchName("new", int(r.next)), r.names[len(r.names)-1]
	if r.mysql {
		packet, args := "BEGIN; SELECT id, perm FROM ref_inode WHERE parent_id = ? AND name = ? FOR UPDATE; "+rawInsert+"; INSERT INTO ref_change (inode, op) VALUES (?, 1);", []any{r.parent, last, r.parent, name, r.next, 0, r.next}
		if data != nil {
			packet, args = packet+" INSERT INTO ref_small VALUES (?, ?);", append(args, r.next, data)
		}
		if _, err := r.conn.ExecContext(context.Background(), packet+" COMMIT", args...); err != nil {
			r.b.Fatal(err)
		}
		return
	}
	r.exec("BEGIN IMMEDIATE")
	rows, err := r.stmt("SELECT id, perm FROM ref_inode WHERE parent_id = ? AND name = ?").Query(r.parent, last)
	if err != nil {
		r.b.Fatal(err)
	}
	rows.Next()
	rows.Close()
	r.exec(rawInsert, r.parent, name, r.next, 0)
	r.exec("INSERT INTO ref_change (inode, op) VALUES (?, 1)", r.next)
	if data != nil {
		r.exec("INSERT INTO ref_small VALUES (?, ?)", r.next, data)
	}
	r.exec("COMMIT")
}

func (r *raw) readSmall() {
	r.path()
	var data []byte
	if err := r.stmt("SELECT data FROM ref_small WHERE id = ?").QueryRow(1).Scan(&data); err != nil || len(data) != 4096 {
		r.b.Fatal(err)
	}
}

func (r *raw) list() {
	r.path()
	rows, err := r.stmt("SELECT * FROM ref_inode WHERE parent_id = ?").Query(-1)
	if err != nil {
		r.b.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var name string
		var v [10]int64
		if err := rows.Scan(&v[0], &name, &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9]); err != nil {
			r.b.Fatal(err)
		}
	}
	if n != 100 {
		r.b.Fatal(n)
	}
}

// bench holds both sides.
type bench struct {
	tree    *dfs.Tree
	limit   *raw
	durable *raw // nil where the limit is
	dir     string
}

func newBench(b *testing.B, engine string) *bench {
	b.Helper()
	address := databasetest.SQLiteAddress(b)
	if engine == "MariaDB" {
		address = databasetest.MariaDBAddress(b)
	}
	db, err := database.Open(b.Context(), address, database.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	s := &bench{tree: newTree(b, db, openBlocks(b), dfs.Options{})}
	s.grow(b, db)
	if engine == "MariaDB" {
		u, _ := url.Parse(address)
		c := mysql.NewConfig()
		c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "unix", u.Query().Get("socket"), strings.TrimPrefix(u.Path, "/")
		c.MultiStatements, c.InterpolateParams = true, true
		s.limit = newRaw(b, "mysql", c.FormatDSN())
	} else {
		dir := b.TempDir()
		s.limit = newRaw(b, "sqlite3", "file:"+filepath.Join(dir, "limit.db")+"?_journal_mode=WAL&_synchronous=NORMAL")
		s.durable = newRaw(b, "sqlite3", "file:"+filepath.Join(dir, "durable.db")+"?_journal_mode=WAL&_synchronous=FULL")
	}
	for _, r := range []*raw{s.limit, s.durable} {
		if r == nil {
			continue
		}
		r.exec("INSERT INTO ref_small VALUES (?, ?)", 1, bytes.Repeat([]byte("x"), 4096))
		for n := range 100 {
			r.next++
			r.exec(rawInsert, -1, benchName("file", n), r.next, 0)
		}
	}
	return s
}

// grow makes the tree below Resources, so that the directory that is used has
// the same depth as that of the reference: 7 with the file.
func (s *bench) grow(b *testing.B, db *database.DB) {
	var dirs []string
	level := []string{at("Resources")}
	for range benchLevels {
		dirs = append(dirs, level...)
		var below []string
		for _, dir := range level {
			below = append(below, dir+"/"+benchName("dir", 0), dir+"/"+benchName("dir", 1))
		}
		level = below
	}
	for len(dirs) > 0 {
		batch := dirs[:min(30, len(dirs))]
		dirs = dirs[len(batch):]
		err := db.Together(b.Context(), func(ctx context.Context) error {
			for _, dir := range batch {
				for n := range 16 {
					if _, err := s.tree.Create(ctx, owner, dir+"/"+benchName("file", n), strings.NewReader(""), dfs.CreateOptions{Parents: true}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	s.dir = benchDir(at("Resources"), 3) // /Projects/demo/Resources and three more: a file in it has depth 7
	put(b, s.tree, s.dir+"/small", bytes.Repeat([]byte("x"), 4096))
	for n := range 100 {
		put(b, s.tree, s.dir+"-list/"+benchName("file", n), nil)
	}
}

// compare times f and the reference in turns.
func (s *bench) compare(b *testing.B, f func(n int), reference func(*raw)) {
	const turn = 50
	var ours, limit, durable time.Duration
	timed := func(total *time.Duration, f func()) {
		began := time.Now()
		f()
		*total += time.Since(began)
	}
	n := 0
	for n == 0 || n < b.N {
		timed(&ours, func() {
			for i := range turn {
				f(n + i)
			}
		})
		timed(&limit, func() {
			for range turn {
				reference(s.limit)
			}
		})
		if s.durable != nil {
			timed(&durable, func() {
				for range turn {
					reference(s.durable)
				}
			})
		}
		n += turn
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(n), "ns/op")
	b.ReportMetric(float64(limit)/float64(ours), "x-limit")
	if s.durable != nil {
		b.ReportMetric(float64(durable)/float64(ours), "x-durable")
	}
}

func BenchmarkFS(b *testing.B) {
	for _, engine := range []string{"SQLite", "MariaDB"} {
		b.Run(engine, func(b *testing.B) {
			s := newBench(b, engine)
			round := 0
			fail := func(err error) {
				if err != nil {
					b.Fatal(err)
				}
			}
			create := func(data []byte) func(int) {
				round++
				return func(n int) {
					path := fmt.Sprintf("%s/%s", s.dir, benchName(fmt.Sprint("new", round), n))
					_, err := s.tree.Create(b.Context(), owner, path, bytes.NewReader(data), dfs.CreateOptions{})
					fail(err)
				}
			}
			small := bytes.Repeat([]byte("x"), 4096)
			b.Run("StatDepth7", func(b *testing.B) {
				path := s.dir + "/" + benchName("file", 3)
				s.compare(b, func(int) { _, err := s.tree.Stat(b.Context(), owner, path); fail(err) }, func(r *raw) { r.path() })
			})
			b.Run("CreateEmpty", func(b *testing.B) { s.compare(b, create(nil), func(r *raw) { r.create(nil) }) })
			b.Run("Write4KB", func(b *testing.B) { s.compare(b, create(small), func(r *raw) { r.create(small) }) })
			b.Run("Read4KB", func(b *testing.B) {
				s.compare(b, func(int) {
					r, _, err := s.tree.Open(b.Context(), owner, s.dir+"/small", 0, 0)
					fail(err)
					_, err = io.Copy(io.Discard, r)
					fail(err)
					fail(r.Close())
				}, (*raw).readSmall)
			})
			b.Run("List100", func(b *testing.B) {
				s.compare(b, func(int) { _, _, err := s.tree.List(b.Context(), owner, s.dir+"-list", "", 0); fail(err) }, (*raw).list)
			})
		})
	}
}
