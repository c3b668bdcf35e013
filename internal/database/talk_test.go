package database_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

func TestATalkIsOneTransaction(t *testing.T) {
	db := databasetest.MariaDB(t)
	ctx := t.Context()
	fault := errors.New("second thoughts")
	for what, end := range map[string]func(k database.Talk) error{
		"it fails":           func(database.Talk) error { return fault },
		"it does not commit": func(database.Talk) error { return nil },
		"its last statement is bad": func(k database.Talk) error {
			return k.Commit(ctx, []database.Statement{putting("t2", ""), putting("t1", "")})
		},
	} {
		err := db.Talk(ctx, func(k database.Talk) error {
			rows, err := k.Begin(ctx, []database.Statement{{Text: "SELECT 1"}})
			if err == nil {
				err = rows.Close()
			}
			if err == nil {
				_, err = k.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES ('t1', '')")
			}
			return errors.Join(err, end(k))
		})
		if (err != nil) != (what != "it does not commit") || count(t, db, "t1")+count(t, db, "t2") != 0 {
			t.Errorf("%s: %v, and %d rows", what, err, count(t, db, "t1")+count(t, db, "t2"))
		}
	}
	var first, second int
	err := db.Talk(ctx, func(k database.Talk) error {
		rows, err := k.Begin(ctx, []database.Statement{{Text: "SELECT ?", Args: []any{7}}, {Text: "SELECT ? UNION ALL SELECT 9", Args: []any{8}}})
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			err = errors.Join(err, rows.Scan(&first))
		}
		for rows.NextResultSet() {
			for rows.Next() {
				err = errors.Join(err, rows.Scan(&second))
			}
		}
		return errors.Join(err, rows.Close(), k.Commit(ctx, []database.Statement{putting("t1", "a';b?")}))
	})
	if err != nil || first != 7 || second != 9 || count(t, db, "t1") != 1 {
		t.Errorf("read %d and %d, %v, %d rows", first, second, err, count(t, db, "t1"))
	}
}

func TestTalksThatLoseARaceAreRunAgain(t *testing.T) {
	db := databasetest.MariaDB(t)
	if _, err := db.Packet(t.Context(), []database.Statement{putting("a", "0"), putting("b", "0")}); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			add := func(name string) database.Statement {
				return database.Statement{Text: "UPDATE settings SET value = value + 1 WHERE name = ?", Args: []any{name}}
			}
			order := []database.Statement{add("a"), add("b")}
			if i%2 == 1 {
				order[0], order[1] = order[1], order[0]
			}
			err := db.Talk(t.Context(), func(k database.Talk) error {
				rows, err := k.Begin(t.Context(), []database.Statement{{Text: "SELECT 1"}})
				if err == nil {
					err = rows.Close()
				}
				return errors.Join(err, k.Commit(t.Context(), order))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	sum := 0
	if err := db.Read().QueryRow("SELECT SUM(value) FROM settings WHERE name IN ('a', 'b')").Scan(&sum); err != nil || sum != 16 {
		t.Errorf("the sum is %d, %v; want 16", sum, err)
	}
}
