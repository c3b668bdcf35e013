package dfs_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// TestServer is one of the servers of TestServersThatAreKilled: it works on the
// name space that it shares with the others, and says which of its own files are
// written for good.
func TestServer(t *testing.T) {
	ctx := context.Background()
	// Copies whose maker was killed hold what was replaced back for minutes: with
	// large files it would fill the disk in the long form.
	tree, round := victimTree(t, ctx, dfs.Options{Inline: 4 << 10, BlockSize: 40 << 10, Grace: time.Minute})
	for n := 0; ; n++ {
		var both sync.WaitGroup
		both.Go(func() { serverMix(t, ctx, tree) })
		own := at("Resources", "own", round, fmt.Sprint(n%30))
		if _, err := tree.Create(ctx, owner, own, bytes.NewReader(serverContent(round, n)), dfs.CreateOptions{Overwrite: true, Parents: true}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("done", n)
		both.Wait()
	}
}

// serverContent is what a server writes: from a content in the row to two blocks.
func serverContent(round string, n int) []byte {
	size := []int{100, 5000, 12_000, 60_000}[n%4]
	return bytes.Repeat(fmt.Appendf(nil, "%s-%06d ", round, n), size/10)[:size]
}

// serverMix does a few random things to what all servers share.
func serverMix(t *testing.T, ctx context.Context, tree *dfs.Tree) {
	path := func() string {
		parts := []string{"Resources", "all"}
		for range 1 + rand.IntN(3) {
			parts = append(parts, string(rune('a'+rand.IntN(3))))
		}
		return at(parts...)
	}
	for range 4 {
		var err error
		switch p := path(); rand.IntN(15) {
		case 0, 1, 2:
			_, err = tree.Create(ctx, owner, p, bytes.NewReader(serverContent("all", rand.IntN(4))), dfs.CreateOptions{Overwrite: true, Parents: true})
		case 3:
			_, err = tree.Mkdir(ctx, owner, p, dfs.MkdirOptions{Parents: true})
		case 4, 5:
			_, err = tree.Rename(ctx, owner, p, path(), dfs.RenameOptions{Overwrite: true})
		case 6:
			err = tree.Remove(ctx, owner, p, dfs.RemoveOptions{Recursive: true})
		case 7:
			_, err = tree.Append(ctx, owner, p, int64(rand.IntN(2)*5000), serverContent("all", rand.IntN(3)))
		case 8:
			_, err = tree.Truncate(ctx, owner, p, int64(rand.IntN(50_000)))
		case 9:
			_, err = tree.Concat(ctx, owner, p, []string{path()})
		case 10:
			if err = tree.Trash(ctx, owner, p); err == nil && rand.IntN(2) == 0 {
				var in []dfs.Trashed
				if in, err = tree.Trashed(ctx, owner, 0, 5); len(in) > 0 {
					_, err = tree.Restore(ctx, owner, in[rand.IntN(len(in))].ID, "")
				}
			}
		case 11:
			_, err = tree.Reclaim(ctx, 50)
		case 12:
			err = tree.SetQuota(ctx, owner, p, dfs.Quota{Bytes: int64(rand.IntN(2)) << 40})
		case 13, 14:
			_, err = tree.Clone(ctx, owner, p, path(), dfs.CloneOptions{Overwrite: true})
		}
		for _, kind := range []bine.Kind{bine.NotFound, bine.Conflict, bine.Invalid, bine.Unavailable} {
			if bine.IsKind(err, kind) {
				err = nil
			}
		}
		if err != nil {
			t.Error(err)
			fmt.Println("fault", err)
		}
	}
}

// TestServersThatAreKilled has three servers at work on one database, which are
// killed at random and started again: what they said was written is there, and
// nothing is wrong with what is left.
func TestServersThatAreKilled(t *testing.T) {
	lasting := 6 * time.Second
	if os.Getenv("BINE_E2E_LONG") != "" {
		lasting = 10 * time.Minute
	}
	for engine, addressOf := range map[string]func(testing.TB) string{"SQLite": databasetest.SQLiteAddress, "MariaDB": databasetest.MariaDBAddress} {
		t.Run(engine, func(t *testing.T) {
			address, path := addressOf(t), filepath.Join(t.TempDir(), "blocks")
			tree, _, _ := reopen(t, address, path, time.Now)
			if err := tree.MakeProjectTree(t.Context(), dfstest.Project); err != nil {
				t.Fatal(err)
			}
			until, kills := time.Now().Add(lasting), 0
			var mu sync.Mutex
			last := map[string]int{}
			var servers sync.WaitGroup
			for server := range 3 {
				servers.Go(func() {
					for life := 0; time.Now().Before(until) && !t.Failed(); life++ {
						round := fmt.Sprintf("s%d.%d", server, life)
						done := runServer(t, address, path, round, time.Duration(500+rand.IntN(2500))*time.Millisecond)
						mu.Lock()
						last[round] = done
						kills++
						mu.Unlock()
					}
				})
			}
			servers.Wait()
			t.Logf("%d kills", kills)
			checkServers(t, address, path, last)
		})
	}
}

// runServer runs a server for a while, kills it, and says which of its files was the last that is written for good.
func runServer(t *testing.T, address, path, round string, lives time.Duration) (done int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServer$", "-test.v")
	cmd.Env = append(os.Environ(), victimDatabase+"="+address, victimBlocks+"="+path, victimRound+"="+round)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return -1
	}
	timer := time.AfterFunc(lives, func() { cmd.Process.Kill() })
	defer timer.Stop()
	done = -1
	var other []string
	for said := bufio.NewScanner(out); said.Scan(); {
		if _, err := fmt.Sscanf(said.Text(), "done %d", &done); err != nil {
			other = append(other, said.Text())
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") || strings.Contains(strings.Join(other, "\n"), "fault") {
		t.Errorf("server %s ended by itself (%v): %s", round, err, strings.Join(other, "\n"))
	}
	return done
}

func checkServers(t *testing.T, address, path string, last map[string]int) {
	t.Helper()
	tree, db, blocks := reopen(t, address, path, func() time.Time { return time.Now().Add(2 * time.Hour) })
	files := 0
	for round, done := range last {
		for n := max(0, done-29); n <= done; n++ {
			data, err := get(t, tree, at("Resources", "own", round, fmt.Sprint(n%30)))
			newer := done + 1 // may have been written without a word
			if err != nil || !bytes.Equal(data, serverContent(round, n)) && !(n%30 == newer%30 && bytes.Equal(data, serverContent(round, newer))) {
				t.Errorf("file %d of %s holds %d other bytes: %v", n, round, len(data), err)
			}
			files++
		}
	}
	if files == 0 {
		t.Error("no server wrote anything")
	}
	wantSound(t, tree)
	reclaimAll(t, tree)
	wantSound(t, tree)
	if stored, named := countBlocks(t, blocks), countNamed(t, db)+count(t, db, "dfs_garbage"); stored != named { // garbage is what the reclaiming has just given up
		t.Errorf("%d blocks are stored and %d named", stored, named)
	}
}
