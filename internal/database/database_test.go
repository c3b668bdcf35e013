package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

func put(tx *sql.Tx, name, value string) error {
	_, err := tx.Exec("INSERT INTO settings (name, value) VALUES (?, ?)", name, value)
	return err
}

func count(t *testing.T, db *database.DB, name string) (n int) {
	t.Helper()
	if err := db.Read().QueryRow("SELECT COUNT(*) FROM settings WHERE name LIKE ?", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriteCommitsOrUndoesAll(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		if err := db.Write(ctx, func(tx *sql.Tx) error { return put(tx, "a", "1") }); err != nil {
			t.Fatal(err)
		}
		fault := errors.New("second thoughts")
		err := db.Write(ctx, func(tx *sql.Tx) error {
			if err := put(tx, "b", "1"); err != nil {
				return err
			}
			return fault
		})
		if !errors.Is(err, fault) || count(t, db, "%") != 1 {
			t.Errorf("a failed write: error %v, %d rows; want the fault and 1 row", err, count(t, db, "%"))
		}
		err = db.Write(ctx, func(tx *sql.Tx) error {
			if err := put(tx, "c", "1"); err != nil {
				return err
			}
			return put(tx, "a", "2")
		})
		if !db.IsDuplicate(err) || count(t, db, "c") != 0 {
			t.Errorf("a duplicate: error %v, %d rows of the same transaction; want a duplicate and none", err, count(t, db, "c"))
		}
	})
}

func TestManyWritersEachGetTheirOwnAnswer(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		fault := errors.New("odd")
		var wait sync.WaitGroup
		for i := range 200 {
			wait.Go(func() {
				defer func() {
					if p := recover(); (p != nil) != (i%10 == 7) {
						t.Errorf("writer %d: recovered %v", i, p)
					}
				}()
				err := db.Write(t.Context(), func(tx *sql.Tx) error {
					if err := put(tx, fmt.Sprintf("w%d", i), "1"); err != nil {
						return err
					}
					switch {
					case i%10 == 7:
						panic("seven")
					case i%2 == 1:
						return fault
					}
					return nil
				})
				if errors.Is(err, fault) != (i%2 == 1) {
					t.Errorf("writer %d: error %v", i, err)
				}
			})
		}
		wait.Wait()
		if n := count(t, db, "w%"); n != 100 {
			t.Errorf("%d rows; want the 100 of those that succeeded", n)
		}
	})
}

func TestAWriterThatGivesUpChangesNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		held, release := make(chan struct{}), make(chan struct{})
		var wait sync.WaitGroup
		wait.Go(func() {
			_ = db.Write(t.Context(), func(*sql.Tx) error { close(held); <-release; return nil })
		})
		<-held
		if db.Dialect() == database.SQLite {
			wait.Go(func() {
				if err := db.Write(ctx, func(tx *sql.Tx) error { return put(tx, "late", "1") }); !errors.Is(err, context.Canceled) {
					t.Errorf("a writer that gave up: %v", err)
				}
			})
		}
		cancel()
		close(release)
		wait.Wait()
		if err := db.Write(ctx, func(tx *sql.Tx) error { return put(tx, "late", "1") }); !errors.Is(err, context.Canceled) {
			t.Errorf("a write after a cancel: %v", err)
		}
		if n := count(t, db, "late"); n != 0 {
			t.Errorf("%d rows; want none", n)
		}
	})
}

func TestTogetherIsOneTransaction(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var woken int
		write := func(ctx context.Context, name string) error {
			err := db.Write(ctx, func(tx *sql.Tx) error { return put(tx, name, "1") })
			if err == nil {
				db.OnCommit(ctx, func() { woken++ })
			}
			return err
		}
		err := db.Together(t.Context(), func(ctx context.Context) error {
			if err := write(ctx, "a"); err != nil {
				return err
			}
			var n int
			if err := db.Reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM settings").Scan(&n); err != nil || n != 1 || woken != 0 {
				t.Errorf("within: %d rows, %d calls, %v; want what was written and no call yet", n, woken, err)
			}
			return write(ctx, "b")
		})
		if err != nil || woken != 2 || count(t, db, "%") != 2 {
			t.Fatalf("together: %v, %d calls, %d rows", err, woken, count(t, db, "%"))
		}
		err = db.Together(t.Context(), func(ctx context.Context) error {
			_ = write(ctx, "c")
			_ = write(ctx, "a") // fails, which nobody looks at
			return nil
		})
		if !db.IsDuplicate(err) || woken != 2 || count(t, db, "c") != 0 {
			t.Errorf("with a failing second write: %v, %d calls, %d rows of the first; want all undone", err, woken, count(t, db, "c"))
		}
	})
}

func TestADeadlockIsTriedAgain(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for _, name := range []string{"0", "1"} {
			if err := db.Write(t.Context(), func(tx *sql.Tx) error { return put(tx, name, "") }); err != nil {
				t.Fatal(err)
			}
		}
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				for range 20 {
					err := db.Write(t.Context(), func(tx *sql.Tx) error {
						for j := range 2 {
							if _, err := tx.Exec("UPDATE settings SET value = CONCAT(value, 'x') WHERE name = ?", fmt.Sprint((i+j)%2)); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		var n int
		if err := db.Read().QueryRow("SELECT SUM(LENGTH(value)) FROM settings").Scan(&n); err != nil || n != 320 {
			t.Errorf("%d changes of 320 are there, %v", n, err)
		}
	})
}

func TestReadersOfSQLiteCannotWrite(t *testing.T) {
	db := databasetest.SQLite(t)
	if _, err := db.Read().Exec("DELETE FROM settings"); err == nil {
		t.Error("a reader deleted")
	}
}

func TestFileIsForItsOwnerOnly(t *testing.T) {
	address := databasetest.SQLiteAddress(t)
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(address)
	for path, want := range map[string]os.FileMode{u.Path: 0o600, u.Path + "-wal": 0o600, filepath.Dir(u.Path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, want)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(u.Path + "-wal"); err == nil && info.Size() > 0 {
		t.Errorf("after Close the log still has %d bytes", info.Size())
	}
}

func addresses(t *testing.T, check func(t *testing.T, address string)) {
	t.Run("SQLite", func(t *testing.T) { check(t, databasetest.SQLiteAddress(t)) })
	t.Run("MariaDB", func(t *testing.T) { check(t, databasetest.MariaDBAddress(t)) })
}

func TestReopenedKeepsWhatWasWritten(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		for i := range 2 {
			db, err := database.Open(t.Context(), address, database.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, "%"); n != i {
				t.Errorf("opening %d: %d rows", i, n)
			}
			if err := db.Write(t.Context(), func(tx *sql.Tx) error { return put(tx, fmt.Sprint(i), "") }); err != nil {
				t.Error(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestANewerSchemaIsLeftAsItIs(t *testing.T) {
	addresses(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, ?)", 99999, true)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = database.Open(t.Context(), address, database.Options{})
		if !bine.IsKind(err, bine.Conflict) || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("open = %v; want a conflict that names the newer program", err)
		}
	})
}

func TestOpeningAtOnceMigratesOnce(t *testing.T) {
	address := databasetest.MariaDBAddress(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			db, err := database.Open(t.Context(), address, database.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestAddressesThatAreWrongSayHow(t *testing.T) {
	for address, want := range map[string]string{
		"sqlite://relative.db":            "three slashes",
		"postgres://a/b":                  "no database engine",
		"mysql://host/name":               "lacks a part",
		"mysql://u:p@host/":               "lacks a part",
		"mysql://u:secret@[/x":            "cannot be read",
		"mysql://u:p@host/name?timeout=x": "parameter",
	} {
		_, err := database.Open(t.Context(), address, database.Options{})
		if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("open %s: %v; want an invalid that says %q", address, err, want)
		}
	}
}

func TestAFullDiskIsNoQuota(t *testing.T) {
	db := databasetest.SQLite(t)
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("PRAGMA max_page_count = 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sql.Tx) error { return put(tx, "big", strings.Repeat("x", 1<<20)) })
	if !bine.IsKind(err, bine.NoQuota) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("write = %v; want no quota that says to free space", err)
	}
	if n := count(t, db, "%"); n != 0 {
		t.Errorf("%d rows; want the database readable and empty", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, db := range map[string]*database.DB{"SQLite": databasetest.SQLite(b), "MariaDB": databasetest.MariaDB(b)} {
		write := func(i int) error {
			return db.Write(b.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec("UPDATE lease_ledger SET last = ? WHERE id = 1", i)
				return err
			})
		}
		b.Run(name+"/alone", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := write(i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/16 at once", func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := write(i); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
