package bench

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"github.com/mattn/go-sqlite3"
)

// The reference of the file system: tables as plain as can be, and the
// statements that each operation cannot do without, prepared, on a connection
// for each thread.

const (
	refDepth = 7
	refRows  = 200_000
	refDirs  = 2 // in each directory, beside its files
)

// refName gives a name of 34 characters.
func refName(kind string, n int) string { return fmt.Sprintf("%s%033d", kind, n) }

var makeRefTables = []string{
	`CREATE TABLE ref_inode (parent_id BIGINT, name VARBINARY(255), id BIGINT, is_dir TINYINT, perm SMALLINT, uid INT, gid INT, size BIGINT,
	mtime BIGINT, atime BIGINT, flags INT, PRIMARY KEY (parent_id, name), UNIQUE (id))`,
	"CREATE TABLE ref_small (id BIGINT PRIMARY KEY, data MEDIUMBLOB)",
	"CREATE TABLE ref_change (id BIGINT PRIMARY KEY, inode BIGINT, op TINYINT)",
}

const (
	addInode  = "INSERT INTO ref_inode VALUES (?, ?, ?, ?, 420, 1, 1, ?, 1, 1, 0)"
	addSmall  = "INSERT INTO ref_small VALUES (?, ?)"
	addChange = "INSERT INTO ref_change (inode, op) VALUES (?, 1)"
	lookInode = "SELECT id, perm FROM ref_inode WHERE parent_id = ? AND name = ?"
	readSmall = "SELECT data FROM ref_small WHERE id = ?"
	listDir   = "SELECT * FROM ref_inode WHERE parent_id = ?"
)

// statOf finds a path of depth 7 in one statement.
var statOf = func() string {
	var joins strings.Builder
	for i := 2; i <= refDepth; i++ {
		fmt.Fprintf(&joins, " JOIN ref_inode i%d ON i%d.parent_id = i%d.id AND i%d.name = ?", i, i, i-1, i)
	}
	return "SELECT i7.id, i7.is_dir, i7.perm, i7.uid, i7.gid, i7.size, i7.mtime, i7.atime, i7.flags, i1.perm, i2.perm, i3.perm, i4.perm, i5.perm, i6.perm FROM ref_inode i1" +
		joins.String() + " WHERE i1.parent_id = 1 AND i1.name = ?"
}()

// target is a file of the reference tables whose path has depth 7.
type target struct {
	path   []any // its names
	id     int64
	parent int64
}

// refTables are the reference tables.
type refTables struct {
	db      *sql.DB
	mysql   bool
	targets []target
	next    atomic.Int64 // id
}

type refConnector struct{ dsn string }

func (c refConnector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }
func (refConnector) Driver() driver.Driver                          { return new(sqlite3.SQLiteDriver) }

// openReference makes and fills the tables: in the SQLite database of a file, or
// by config in one of a MySQL server, of which close removes them.
func openReference(ctx context.Context, file string, config *mysql.Config) (*refTables, error) {
	r := &refTables{mysql: config != nil}
	r.next.Store(2)
	if r.mysql {
		config = config.Clone()
		config.MultiStatements, config.InterpolateParams = true, true
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, err
		}
		r.db = sql.OpenDB(connector)
	} else {
		r.db = sql.OpenDB(refConnector{"file:" + (&url.URL{Path: file}).EscapedPath() + "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_cache_size=-16000&_txlock=immediate"})
	}
	if err := r.fill(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *refTables) close() error {
	var err error
	if r.mysql {
		_, err = r.db.Exec("DROP TABLE IF EXISTS ref_inode; DROP TABLE IF EXISTS ref_small; DROP TABLE IF EXISTS ref_change")
	}
	return errors.Join(err, r.db.Close())
}

// fill makes 200,000 rows: two directories and 16 files in each directory,
// breadth first.
func (r *refTables) fill(ctx context.Context) error {
	for _, table := range makeRefTables {
		if r.mysql {
			table = strings.Replace(table, "ref_change (id BIGINT", "ref_change (id BIGINT AUTO_INCREMENT", 1)
		} else if table = strings.Replace(table, "ref_change (id BIGINT PRIMARY KEY", "ref_change (id INTEGER PRIMARY KEY AUTOINCREMENT", 1); strings.Contains(table, "UNIQUE") {
			table += " WITHOUT ROWID"
		}
		if _, err := r.db.ExecContext(ctx, table); err != nil {
			return err
		}
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	type dir struct {
		id    int64
		names []any
	}
	insert, err := tx.PrepareContext(ctx, addInode)
	if err != nil {
		return err
	}
	data := make([]byte, smallFile)
	for open := []dir{{id: 1}}; r.next.Load() < refRows; open = open[1:] {
		at := open[0]
		for n := range refDirs + filesPerDir {
			kind, isDir := "f", 0
			if n < refDirs {
				kind, isDir = "d", 1
			}
			id := r.next.Add(1)
			name := []byte(refName(kind, n))
			if _, err := insert.ExecContext(ctx, at.id, name, id, isDir, (1-isDir)*smallFile); err != nil {
				return err
			}
			names := append(append([]any(nil), at.names...), name)
			if isDir == 1 {
				open = append(open, dir{id, names})
				continue
			}
			if len(names) != refDepth {
				continue
			}
			r.targets = append(r.targets, target{path: joined(names), id: id, parent: at.id})
			if _, err := tx.ExecContext(ctx, addSmall, id, data); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// joined puts the names of a path in the order of the statement's parameters:
// that of the first component stands last.
func joined(names []any) []any { return append(append([]any(nil), names[1:]...), names[0]) }

func (r *refTables) target(n int) target { return r.targets[n*7919%len(r.targets)] }

// statements are the reference statements on one connection.
type statements struct {
	*refTables
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

func (r *refTables) connect(ctx context.Context) (*statements, error) {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &statements{refTables: r, conn: conn, prepared: map[string]*sql.Stmt{}}, nil
}

func (s *statements) close() error { return s.conn.Close() }

// sync says how much of a commit must be on disk when it returns on SQLite:
// NORMAL or FULL.
func (s *statements) sync(ctx context.Context, level string) error {
	if s.mysql {
		return nil
	}
	_, err := s.conn.ExecContext(ctx, "PRAGMA synchronous="+level)
	return err
}

func (s *statements) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := s.prepared[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err == nil {
		s.prepared[text] = stmt
	}
	return stmt, err
}

func (s *statements) scan(ctx context.Context, text string, args []any, to ...any) error {
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(to...)
}

func (s *statements) stat(ctx context.Context, n int) error {
	var about [15]int64
	to := make([]any, len(about))
	for i := range about {
		to[i] = &about[i]
	}
	return s.scan(ctx, statOf, s.target(n).path, to...)
}

func (s *statements) read(ctx context.Context, n int) error {
	if err := s.stat(ctx, n); err != nil {
		return err
	}
	var data []byte
	return s.scan(ctx, readSmall, []any{s.target(n).id}, &data)
}

func (s *statements) list(ctx context.Context, n int) error {
	if err := s.stat(ctx, n); err != nil {
		return err
	}
	stmt, err := s.prepare(ctx, listDir)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, s.target(n).parent)
	if err != nil {
		return err
	}
	defer rows.Close()
	var about [11]sql.RawBytes
	to := make([]any, len(about))
	for i := range about {
		to[i] = &about[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// change is the packet that renames or removes a row or writes its attributes.
func (s *statements) change(ctx context.Context, text string, id int64, args ...any) error {
	return s.packet(ctx, []step{{text, args}, {addChange, []any{id}}})
}

func (s *statements) create(ctx context.Context, _ int) error { return s.write(ctx, nil) }

// write is the packet that makes a file, with its bytes where there are any.
func (s *statements) write(ctx context.Context, data []byte) error {
	_, _, err := s.add(ctx, data)
	return err
}

func (s *statements) add(ctx context.Context, data []byte) (parent int64, name []byte, err error) {
	id := s.next.Add(1)
	parent, name = s.target(int(id)).parent, []byte(refName("n", int(id)))
	look := lookInode
	if s.mysql {
		look += " FOR UPDATE"
	}
	steps := []step{{look, []any{parent, name}}, {addInode, []any{parent, name, id, 0, len(data)}}}
	if data != nil {
		steps = append(steps, step{addSmall, []any{id, data}})
	}
	return parent, name, s.packet(ctx, append(steps, step{addChange, []any{id}}))
}

const deadlock = 1213 // the error of MySQL that has undone the transaction

// step is one statement of a packet.
type step struct {
	text string
	args []any
}

// packet runs a transaction: on MySQL in one round trip, again if it loses a race.
func (s *statements) packet(ctx context.Context, steps []step) (err error) {
	if s.mysql {
		texts, args := []string{"BEGIN"}, []any{}
		for _, step := range steps {
			texts, args = append(texts, step.text), append(args, step.args...)
		}
		text := strings.Join(append(texts, "COMMIT"), "; ")
		for {
			_, err := s.conn.ExecContext(ctx, text, args...)
			if e, ok := errors.AsType[*mysql.MySQLError](err); !ok || e.Number != deadlock {
				return err
			}
		}
	}
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
	for _, step := range steps {
		if step.text == lookInode {
			var found, perm int64
			if err := s.scan(ctx, lookInode, step.args, &found, &perm); !errors.Is(err, sql.ErrNoRows) {
				return errors.Join(err, fmt.Errorf("%s is there already", step.args[1]))
			}
			continue
		}
		stmt, err := s.prepare(ctx, step.text)
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, step.args...); err != nil {
			return err
		}
	}
	return nil
}
