package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

func putting(name, value string) database.Statement {
	return database.Statement{Text: "INSERT INTO settings (name, value) VALUES (?, ?)", Args: []any{name, value}}
}

func TestAPacketIsOneTransaction(t *testing.T) {
	db := databasetest.MariaDB(t)
	ctx := t.Context()
	if !db.Packets(ctx) {
		t.Fatal("a server takes no packets")
	}
	rows, err := db.Packet(ctx, []database.Statement{putting("p1", "a';b?\\"), putting("p2", ""), {Text: "UPDATE settings SET value = 'x' WHERE name = 'p2'"}, {Text: "SELECT * FROM settings"}})
	if err != nil || !slices.Equal(rows[:3], []int64{1, 1, 1}) {
		t.Fatalf("rows %v, %v", rows, err)
	}
	var value string
	if err := db.Read().QueryRow("SELECT value FROM settings WHERE name = 'p1'").Scan(&value); err != nil || value != "a';b?\\" {
		t.Errorf("read %q, %v", value, err)
	}

	_, err = db.Packet(ctx, []database.Statement{putting("p3", ""), putting("p1", "")})
	if !db.IsDuplicate(err) {
		t.Errorf("a name that is taken: %v", err)
	}
	_, err = db.Packet(ctx, []database.Statement{putting("p3", ""), {Text: "INSERT INTO settings (name, value) VALUES (IF(@nothing = 1, 'p4', NULL), '')"}})
	if !db.IsNull(err) {
		t.Errorf("a NULL: %v", err)
	}
	if n := count(t, db, "p3"); n != 0 {
		t.Error("what came before the statement that failed stayed")
	}
	if rows, err := db.Packet(ctx, []database.Statement{putting("p3", "")}); err != nil || rows[0] != 1 {
		t.Errorf("after failures: %v, %v", rows, err)
	}

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Packet(canceled, []database.Statement{putting("p5", "")}); err == nil {
		t.Error("one that was given up was sent")
	}
	err = db.Together(ctx, func(ctx context.Context) error {
		if db.Packets(ctx) {
			t.Error("a packet would leave the transaction that the context carries")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if databasetest.SQLite(t).Packets(ctx) {
		t.Error("SQLite takes packets")
	}
}

func TestAPacketThatLosesARaceIsSentAgain(t *testing.T) {
	db := databasetest.MariaDB(t)
	for i := range 2 {
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return put(tx, fmt.Sprint(i), "") }); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 20 {
				add := func(j int) database.Statement {
					return database.Statement{Text: "UPDATE settings SET value = CONCAT(value, 'x') WHERE name = ?", Args: []any{fmt.Sprint((i + j) % 2)}}
				}
				if _, err := db.Packet(t.Context(), []database.Statement{add(0), add(1)}); err != nil {
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
}
