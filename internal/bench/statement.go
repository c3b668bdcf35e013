package bench

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// The reference of the file system: tables as plain as can be, and the
// statements that each operation cannot do without, prepared, on one connection.

const (
	refDepth = 7
	refRows  = 200_000
	refDirs  = 2 // in each directory, beside its files
)

// refName gives a name of 34 characters.
func refName(kind string, n int) string { return fmt.Sprintf("%s%033d", kind, n) }

const refTables = `
CREATE TABLE ref_inode (parent_id BIGINT, name VARBINARY(255), id BIGINT, is_dir TINYINT, perm SMALLINT, uid INT, gid INT, size BIGINT,
	mtime BIGINT, atime BIGINT, flags INT, PRIMARY KEY (parent_id, name), UNIQUE (id)) WITHOUT ROWID;
CREATE TABLE ref_small (id INTEGER PRIMARY KEY, data MEDIUMBLOB);
CREATE TABLE ref_change (id INTEGER PRIMARY KEY AUTOINCREMENT, inode BIGINT, op TINYINT);`

const addInode = "INSERT INTO ref_inode VALUES (?, ?, ?, ?, 420, 1, 1, ?, 1, 1, 0)"

// target is a file of the reference tables whose path has depth 7.
type target struct {
	path   []any // its names
	id     int64
	parent int64
}

// statements are the reference statements.
type statements struct {
	db      *sql.DB
	conn    *sql.Conn
	targets []target
	next    int64 // id
	statOf  *sql.Stmt
	readOf  *sql.Stmt
	look    *sql.Stmt
	insert  *sql.Stmt
	change  *sql.Stmt
	small   *sql.Stmt
}

type refConnector struct{ dsn string }

func (c refConnector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }
func (refConnector) Driver() driver.Driver                          { return new(sqlite3.SQLiteDriver) }

// openStatements makes and fills the tables in a database file.
func openStatements(ctx context.Context, file string) (*statements, error) {
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_cache_size=-16000"
	s := &statements{db: sql.OpenDB(refConnector{dsn}), next: 2}
	var err error
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	if err = s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *statements) close() error { return errors.Join(s.conn.Close(), s.db.Close()) }

// sync says how much of a commit must be on disk when it returns: NORMAL or FULL.
func (s *statements) sync(ctx context.Context, level string) error {
	_, err := s.conn.ExecContext(ctx, "PRAGMA synchronous="+level)
	return err
}

func (s *statements) prepare(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, refTables); err != nil {
		return err
	}
	of := func(columns string) string {
		var joins, where strings.Builder
		for i := 2; i <= refDepth; i++ {
			fmt.Fprintf(&joins, " JOIN ref_inode i%d ON i%d.parent_id = i%d.id AND i%d.name = ?", i, i, i-1, i)
		}
		fmt.Fprintf(&where, " WHERE i1.parent_id = 1 AND i1.name = ?")
		return "SELECT " + columns + " FROM ref_inode i1" + joins.String() + where.String()
	}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.statOf, of("i7.id, i7.is_dir, i7.perm, i7.uid, i7.gid, i7.size, i7.mtime, i7.atime, i7.flags, i1.perm, i2.perm, i3.perm, i4.perm, i5.perm, i6.perm")},
		{&s.readOf, "SELECT data FROM ref_small WHERE id = ?"},
		{&s.look, "SELECT id, perm FROM ref_inode WHERE parent_id = ? AND name = ?"},
		{&s.insert, addInode},
		{&s.change, "INSERT INTO ref_change (inode, op) VALUES (?, 1)"},
		{&s.small, "INSERT INTO ref_small VALUES (?, ?)"},
	} {
		var err error
		if *p.to, err = s.conn.PrepareContext(ctx, p.text); err != nil {
			return err
		}
	}
	return s.fill(ctx)
}

// fill makes 200,000 rows: two directories and 16 files in each directory,
// breadth first.
func (s *statements) fill(ctx context.Context) error {
	type dir struct {
		id    int64
		names []any
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	add := func(parent int64, name string, dir int) (int64, error) {
		id := s.next
		s.next++
		_, err := s.insert.ExecContext(ctx, parent, []byte(name), id, dir, (1-dir)*smallFile)
		return id, err
	}
	data := make([]byte, smallFile)
	for open := []dir{{id: 1}}; s.next < refRows; open = open[1:] {
		at := open[0]
		below := func(name string) []any { return append(append([]any(nil), at.names...), []byte(name)) }
		for n := range refDirs {
			name := refName("d", n)
			id, err := add(at.id, name, 1)
			if err != nil {
				return err
			}
			open = append(open, dir{id, below(name)})
		}
		for n := range filesPerDir {
			name := refName("f", n)
			id, err := add(at.id, name, 0)
			if err != nil {
				return err
			}
			if len(at.names) != refDepth-1 {
				continue
			}
			s.targets = append(s.targets, target{path: joined(below(name)), id: id, parent: at.id})
			if _, err := s.small.ExecContext(ctx, id, data); err != nil {
				return err
			}
		}
	}
	_, err := s.conn.ExecContext(ctx, "COMMIT")
	return err
}

// joined puts the names of a path in the order of the statement's parameters:
// that of the first component stands last.
func joined(names []any) []any { return append(append([]any(nil), names[1:]...), names[0]) }

func (s *statements) target(n int) target { return s.targets[n*7919%len(s.targets)] }

func (s *statements) stat(ctx context.Context, n int) error {
	var about [15]int64
	to := make([]any, len(about))
	for i := range about {
		to[i] = &about[i]
	}
	return s.statOf.QueryRowContext(ctx, s.target(n).path...).Scan(to...)
}

func (s *statements) read(ctx context.Context, n int) error {
	if err := s.stat(ctx, n); err != nil {
		return err
	}
	var data []byte
	return s.readOf.QueryRowContext(ctx, s.target(n).id).Scan(&data)
}

func (s *statements) create(ctx context.Context, _ int) error { return s.add(ctx, nil) }

func (s *statements) write(ctx context.Context, data []byte) error { return s.add(ctx, data) }

// add is the packet that makes a file.
func (s *statements) add(ctx context.Context, data []byte) (err error) {
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		end := "COMMIT"
		if err != nil {
			end = "ROLLBACK"
		}
		_, fault := s.conn.ExecContext(ctx, end)
		err = errors.Join(err, fault)
	}()
	id := s.next
	s.next++
	parent, name := s.target(int(id)).parent, []byte(refName("n", int(id)))
	var found, perm int64
	if err := s.look.QueryRowContext(ctx, parent, name).Scan(&found, &perm); !errors.Is(err, sql.ErrNoRows) {
		return errors.Join(err, fmt.Errorf("%s is there already", name))
	}
	if _, err := s.insert.ExecContext(ctx, parent, name, id, 0, len(data)); err != nil {
		return err
	}
	if data != nil {
		if _, err := s.small.ExecContext(ctx, id, data); err != nil {
			return err
		}
	}
	_, err = s.change.ExecContext(ctx, id)
	return err
}
