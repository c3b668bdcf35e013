package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteschema "go.temporal.io/server/schema/sqlite"

	"github.com/bine-ml/bine"
)

// Temporal makes the schema of a fresh SQLite file and never looks at it again:
// a file of an older server starts, and then calls hang for a table that is
// missing. So the schema is compared with the wanted one at every start.

// object is a part of a schema as SQLite stores it.
type object struct{ kind, name, table, text string }

func (o object) virtual() bool { return strings.HasPrefix(strings.ToUpper(o.text), "CREATE VIRTUAL") }

// tables is what a file must hold: its parts in the order of their making, the
// columns of its tables, and the rows that are in them from the first moment.
type tables struct {
	objects []object
	columns map[string][]string
	seeds   map[string]string // table to INSERT statement
}

// open opens a SQLite file with the same library that the server uses: two
// libraries on one file would drop each other's locks. The name in a DSN is
// escaped as it is in the server's own.
func open(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?"+url.Values{
		"_pragma": {"busy_timeout=10000", "journal_mode=wal", "synchronous=normal"},
	}.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// statements collects what the server would run on a fresh database.
type statements struct {
	sqlplugin.AdminDB
	texts []string
}

// Exec keeps the statement.
func (s *statements) Exec(text string, _ ...any) error {
	s.texts = append(s.texts, text)
	return nil
}

var insertInto = regexp.MustCompile(`(?i)^\s*INSERT\s+INTO\s+(\w+)`)

// wantedSchema makes the schema of this server in memory and reads it.
func wantedSchema(ctx context.Context) (*tables, error) {
	var all statements
	if err := sqliteschema.SetupSchemaOnDB(&all); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	want := &tables{columns: make(map[string][]string), seeds: make(map[string]string)}
	for _, text := range all.texts {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return nil, fmt.Errorf("%w in %.60q", err, text)
		}
		if m := insertInto.FindStringSubmatch(text); m != nil {
			want.seeds[m[1]] = text
		}
	}
	if want.objects, err = readObjects(ctx, db); err != nil {
		return nil, err
	}
	for _, o := range want.objects {
		if o.kind != "table" {
			continue
		}
		if want.columns[o.name], err = readColumns(ctx, db, o.name, ""); err != nil {
			return nil, err
		}
	}
	return want, nil
}

// queryer is a database or a transaction of it.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// readObjects lists the parts of a schema, without the tables that full-text
// indexes make for themselves.
func readObjects(ctx context.Context, db queryer) ([]object, error) {
	rows, err := db.QueryContext(ctx, `SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []object
	var indexes []string
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.text); err != nil {
			return nil, err
		}
		if o.virtual() {
			indexes = append(indexes, o.name)
		}
		all = append(all, o)
	}
	return slices.DeleteFunc(all, func(o object) bool {
		return slices.ContainsFunc(indexes, func(index string) bool { return strings.HasPrefix(o.name, index+"_") })
	}), rows.Err()
}

// readColumns lists the columns of a table that meet the condition.
func readColumns(ctx context.Context, db queryer, table, condition string) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM pragma_table_xinfo(?) `+condition, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// apply gives the file the wanted schema, whole or not at all, and keeps the
// rows that are in it. It refuses a file that a newer server has written.
func (s *tables) apply(ctx context.Context, file string) error {
	db, err := open(file)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	defer tx.Rollback()
	if err := checkVersion(ctx, tx, file); err != nil {
		return err
	}
	if err := s.repair(ctx, tx); err != nil {
		return fmt.Errorf("bring the schema of %s to Temporal %s: %w", file, headers.ServerVersion, err)
	}
	return tx.Commit()
}

// checkVersion refuses what a newer server has written, and else writes down
// that this one was here.
func checkVersion(ctx context.Context, tx *sql.Tx, file string) error {
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS bine_schema (one INTEGER PRIMARY KEY CHECK (one = 1), version TEXT NOT NULL)`); err != nil {
		return fmt.Errorf("read schema version of %s: %w", file, err)
	}
	var found string
	err := tx.QueryRowContext(ctx, `SELECT version FROM bine_schema`).Scan(&found)
	if err != nil && err != sql.ErrNoRows {
		return fmt.Errorf("read schema version of %s: %w", file, err)
	}
	if newer(found, headers.ServerVersion) {
		return bine.Errorf(bine.Conflict,
			"%s was written by Temporal %s, and this program carries %s; use the newer program, or a copy of the data from before", file, found, headers.ServerVersion)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO bine_schema VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET version = excluded.version`, headers.ServerVersion)
	return err
}

// newer says whether version a has another schema than b, because it is later:
// patch releases have the same one.
func newer(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range 2 {
		if i >= len(x) || i >= len(y) {
			return false
		}
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		if errM != nil || errN != nil || m != n {
			return m > n
		}
	}
	return false
}

// repair makes what is missing, and makes anew what is different.
func (s *tables) repair(ctx context.Context, tx *sql.Tx) error {
	for _, want := range s.objects {
		if want.kind == "table" && !want.virtual() {
			if err := s.repairTable(ctx, tx, want); err != nil {
				return fmt.Errorf("table %s: %w", want.name, err)
			}
		}
	}
	have, err := readObjects(ctx, tx)
	if err != nil {
		return err
	}
	for _, want := range s.objects {
		if slices.Contains(have, want) || want.kind == "table" && !want.virtual() {
			continue
		}
		if err := exec(ctx, tx, "DROP "+want.kind+" IF EXISTS "+want.name, want.text); err != nil {
			return fmt.Errorf("%s %s: %w", want.kind, want.name, err)
		}
		if want.virtual() { // a full-text index over a table: read the table again
			if err := exec(ctx, tx, "INSERT INTO "+want.name+" ("+want.name+") VALUES ('rebuild')"); err != nil {
				return fmt.Errorf("index %s: %w", want.name, err)
			}
		}
	}
	return nil
}

// repairTable makes a table that is missing, and one anew that lacks columns:
// SQLite cannot add stored columns to a table. Columns that the table has too
// many stay where no other is missing.
func (s *tables) repairTable(ctx context.Context, tx *sql.Tx, want object) error {
	columns, err := readColumns(ctx, tx, want.name, "")
	if err != nil {
		return err
	}
	if len(columns) == 0 {
		return exec(ctx, tx, want.text, s.seeds[want.name])
	}
	if !slices.ContainsFunc(s.columns[want.name], func(c string) bool { return !slices.Contains(columns, c) }) {
		return nil
	}
	have, err := readObjects(ctx, tx)
	if err != nil {
		return err
	}
	for _, o := range have { // they would keep their names and follow the old table
		if o.table == want.name && o.kind != "table" {
			if err := exec(ctx, tx, "DROP "+o.kind+" "+o.name); err != nil {
				return err
			}
		}
	}
	old := "bine_old_" + want.name
	if err := exec(ctx, tx, "ALTER TABLE "+want.name+" RENAME TO "+old, want.text); err != nil {
		return err
	}
	given, err := readColumns(ctx, tx, want.name, "WHERE hidden = 0") // not generated
	if err != nil {
		return err
	}
	given = slices.DeleteFunc(given, func(c string) bool { return !slices.Contains(columns, c) })
	list := strings.Join(given, ", ")
	return exec(ctx, tx, "INSERT INTO "+want.name+" ("+list+") SELECT "+list+" FROM "+old, "DROP TABLE "+old)
}

func exec(ctx context.Context, tx queryer, texts ...string) error {
	for _, text := range texts {
		if text == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}
