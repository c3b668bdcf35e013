package dfs_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// The environment of the process that is killed.
const (
	victimDatabase = "BINE_TEST_VICTIM_DATABASE"
	victimBlocks   = "BINE_TEST_VICTIM_BLOCKS"
	victimRound    = "BINE_TEST_VICTIM_ROUND"
)

// crashContent is what the victim writes: its length and bytes follow from the name.
func crashContent(round string, n int) []byte {
	size := []int{100, 5000, 300_000, 1_500_000}[n%4]
	return bytes.Repeat(fmt.Appendf(nil, "%s-%06d ", round, n), size/10)
}

// victimTree is what a process that is killed works on; elsewhere it skips the test.
func victimTree(t *testing.T, ctx context.Context, o dfs.Options) (tree *dfs.Tree, round string) {
	address := os.Getenv(victimDatabase)
	if address == "" {
		t.Skip("runs as a process of its own")
	}
	db, err := database.Open(ctx, address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := dir.Open(os.Getenv(victimBlocks))
	if err != nil {
		t.Fatal(err)
	}
	return dfs.New(db, blocks, o), os.Getenv(victimRound)
}

// TestVictim is the process that TestAKilledServerLosesNothing kills: it
// creates, overwrites, appends, renames and removes, changes access lists, makes
// links, and says what is done.
func TestVictim(t *testing.T) {
	ctx := context.Background()
	tree, round := victimTree(t, ctx, small)
	if err := tree.MakeProjectTree(ctx, dfstest.Project); err != nil {
		t.Fatal(err)
	}
	logged := 0
	for n := 0; ; n++ {
		path := at("Resources", round, fmt.Sprint(n%20))
		if _, err := tree.Create(ctx, owner, path, bytes.NewReader(crashContent(round, n)), dfs.CreateOptions{Overwrite: true, Parents: true}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("done", n)
		info, err := tree.Append(ctx, owner, at("Logs/log"+round), int64(logged), bytes.Repeat([]byte("l"), 700))
		if err != nil {
			t.Fatal(err)
		}
		logged = int(info.Size)
		if _, err := tree.ModifyACL(ctx, owner, at("Resources", round), []bine.ACLEntry{{Default: n%2 == 0, Type: bine.ACLUser, Name: fmt.Sprint("demo__u", n%7), Perm: "rw-"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Symlink(ctx, owner, at("Jupyter", round, fmt.Sprint(n)), fmt.Sprint("../../Resources/", round, "/", n%20), dfs.SymlinkOptions{Parents: true}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("logged", logged)
		if n%10 == 9 {
			if err := tree.Remove(ctx, owner, path, dfs.RemoveOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := tree.Reclaim(ctx, 100); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAKilledServerLosesNothing(t *testing.T) {
	for engine, addressOf := range map[string]func(testing.TB) string{"SQLite": databasetest.SQLiteAddress, "MariaDB": databasetest.MariaDBAddress} {
		t.Run(engine, func(t *testing.T) {
			address, path := addressOf(t), filepath.Join(t.TempDir(), "blocks")
			for round := range 6 {
				done, logged := kill(t, address, path, fmt.Sprint(round), 7+round*23)
				checkAfterCrash(t, address, path, fmt.Sprint(round), done, logged)
			}
			checkNothingLeaks(t, address, path)
		})
	}
}

// kill runs the victim, kills it after so many lines, and answers what it said was done.
func kill(t *testing.T, address, path, round string, lines int) (done, logged int) {
	t.Helper()
	return killTest(t, "TestVictim", address, path, round, lines)
}

// killTest is kill for a victim of any name.
func killTest(t *testing.T, victim, address, path, round string, lines int) (done, logged int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+victim+"$", "-test.v")
	cmd.Env = append(os.Environ(), victimDatabase+"="+address, victimBlocks+"="+path, victimRound+"="+round)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done = -1
	said := bufio.NewScanner(out)
	var other []string
	for said.Scan() {
		var n int
		if _, err := fmt.Sscanf(said.Text(), "done %d", &n); err == nil {
			done = n
		} else if _, err := fmt.Sscanf(said.Text(), "logged %d", &n); err == nil {
			logged = n
		} else {
			other = append(other, said.Text())
		}
		if lines--; lines == 0 {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if lines > 0 {
		t.Fatalf("the victim ended by itself: %s", strings.Join(other, "\n"))
	}
	return done, logged
}

// checkAfterCrash reads every file: what was said to be done is there, whole.
func checkAfterCrash(t *testing.T, address, path, round string, done, logged int) {
	t.Helper()
	tree, _, _ := reopen(t, address, path, time.Now)
	entries, _, err := tree.List(t.Context(), owner, at("Resources", round), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	newest := -1
	for _, e := range entries {
		data, err := get(t, tree, e.Path)
		if err != nil {
			t.Errorf("%s: %v", e.Path, err)
			continue
		}
		var n int
		if _, err := fmt.Sscanf(string(data[strings.IndexByte(string(data), '-')+1:][:6]), "%d", &n); err != nil || !bytes.Equal(data, crashContent(round, n)) {
			t.Errorf("%s holds %d bytes that were never written: %v", e.Path, len(data), err)
		}
		newest = max(newest, n)
	}
	if removed := done%10 == 9; newest < done && !removed {
		t.Errorf("the newest file is %d, but %d was said to be done", newest, done)
	}
	log, err := get(t, tree, at("Logs/log"+round))
	if err != nil || len(log) < logged || len(log) > logged+700 || len(log)%700 != 0 {
		t.Errorf("the log has %d bytes, %d were said to be there: %v", len(log), logged, err)
	}
}

func reopen(t *testing.T, address, path string, now func() time.Time) (*dfs.Tree, *database.DB, *dir.Store) {
	t.Helper()
	db, err := database.Open(t.Context(), address, database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	blocks, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blocks.Close() })
	o := small
	o.Now = now
	tree := dfs.New(db, blocks, o)
	t.Cleanup(func() { tree.Close() })
	return tree, db, blocks
}

// checkNothingLeaks reclaims what the crashes left: then the blocks stored are the blocks named.
func checkNothingLeaks(t *testing.T, address, path string) {
	t.Helper()
	later := new(clock)
	later.forward(2 * time.Hour)
	tree, db, blocks := reopen(t, address, path, later.Now)
	if found, err := tree.Scrub(t.Context()); err != nil || found.Removed != 0 || len(found.Missing) != 0 {
		t.Errorf("scrub: %+v, %v: every block should have a row and every row its block", found, err)
	}
	reclaimAll(t, tree)
	later.forward(2 * time.Hour) // for what was given up only now
	reclaimAll(t, tree)
	if stored, named := countBlocks(t, blocks), countNamed(t, db); stored != named || named == 0 {
		t.Errorf("%d blocks are stored and %d named", stored, named)
	}
	wantSound(t, tree)
}
