package dfs

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// shardedBy says by which column the rows of a table would lie together if the
// tables were spread over servers: names by their directory, what hangs on an
// inode by that, what belongs to a project by that.
var shardedBy = map[string]string{
	"dfs_inodes": "parent_id", "dfs_small": "inode_id", "dfs_blocks": "inode_id", "dfs_xattrs": "inode_id",
	"dfs_usage": "project_id", "dfs_changes": "project",
}

var (
	tables = regexp.MustCompile(`(?:FROM|JOIN|INTO|UPDATE) (dfs_[a-z]+)(?: (i[0-9]+))?`)
	column = regexp.MustCompile(`\(([a-z_, ]+)\)`)
)

// unboundTables names the tables of which a statement does not say the shard.
func unboundTables(statement string) (all []string) {
	if strings.HasPrefix(statement, "INSERT") { // a row has its shard
		table := tables.FindStringSubmatch(statement)[1]
		if !strings.Contains(column.FindString(statement), shardedBy[table]) {
			all = append(all, table)
		}
		return all
	}
	for _, found := range tables.FindAllStringSubmatch(statement, -1) {
		by := shardedBy[found[1]]
		if found[2] != "" {
			by = found[2] + "." + by
		}
		if by == "" || !regexp.MustCompile(`(^|[^a-z_.0-9])`+regexp.QuoteMeta(by)+` = (\?|i[0-9]+\.id)`).MatchString(statement) {
			all = append(all, strings.TrimSpace(found[1]+" "+found[2]))
		}
	}
	return all
}

func TestUnboundTablesAreFound(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT size FROM dfs_inodes WHERE parent_id = ? AND name = ?":                                      "",
		"SELECT size FROM dfs_inodes WHERE id = ?":                                                          "dfs_inodes",
		"SELECT i2.id FROM dfs_inodes i1 JOIN dfs_inodes i2 ON i2.parent_id = i1.id WHERE i1.parent_id = ?": "",
		"SELECT i2.id FROM dfs_inodes i1 JOIN dfs_inodes i2 ON i2.id = i1.parent_id WHERE i1.parent_id = ?": "dfs_inodes i2",
		"SELECT data FROM dfs_small WHERE inode_id = ?":                                                     "",
		"SELECT value FROM dfs_xattrs WHERE name = ?":                                                       "dfs_xattrs",
		"INSERT INTO dfs_small (inode_id, data) VALUES (?, ?)":                                              "",
		"INSERT INTO dfs_small (data) VALUES (?)":                                                           "dfs_small",
		"DELETE FROM dfs_inodes WHERE parent_id = ? AND name = ?":                                           "",
		"SELECT SUM(bytes) FROM dfs_usage WHERE project_id = ?":                                             "",
		"SELECT 1 FROM dfs_garbage WHERE since < ?":                                                         "dfs_garbage",
	} {
		if got := strings.Join(unboundTables(statement), ", "); got != want {
			t.Errorf("%s: unbound are %q, want %q", statement, got, want)
		}
	}
}

// The statements of what people do most each say which shard they are for.
func TestHotStatementsAreOfOneShard(t *testing.T) {
	db := databasetest.MariaDB(t)
	tree := New(db, new(mem.Store), Options{Inline: 64, BlockSize: 1 << 20})
	t.Cleanup(func() { tree.Close() })
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(tree.MakeProjectTree(ctx, "demo"))
	user := User{Project: "demo", Name: "ann", Role: bine.DataScientist}
	path := ProjectPath("demo", "Resources", "a", "file")
	for _, size := range []int{10, 1000} {
		_, err := tree.Create(ctx, user, path, strings.NewReader(strings.Repeat("x", size)), CreateOptions{Parents: true, Overwrite: true})
		ok(err)
		_, err = tree.Stat(ctx, user, path)
		ok(err)
		r, _, err := tree.Open(ctx, user, path, 0, 0)
		ok(err)
		_, err = io.Copy(io.Discard, r)
		ok(err)
		_, _, err = tree.List(ctx, user, ProjectPath("demo", "Resources", "a"), "", 0)
		ok(err)
		_, err = tree.Xattrs(ctx, user, path)
		ok(err)
	}
	_, err := tree.Usage(ctx, user, ProjectPath("demo"))
	ok(err)
	prepared := 0
	for _, statement := range tree.reads.Texts() {
		prepared++
		if all := unboundTables(statement); len(all) > 0 {
			t.Errorf("%s\nis asked of every shard: %v", statement, all)
		}
	}
	if prepared < 6 {
		t.Errorf("%d statements are prepared; that cannot be all", prepared)
	}
	for _, statement := range packetStatements(ctx, t, tree, user) {
		if all := unboundTables(statement); len(all) > 0 {
			t.Errorf("%s\nis asked of every shard: %v", statement, all)
		}
	}
}

// packetStatements are those of the packets, but the variables that they set.
func packetStatements(ctx context.Context, t *testing.T, tree *Tree, user User) []string {
	c, err := resolve(ctx, tree.reader(ctx), []string{projectsName, "demo", "Resources", "a", "file"})
	if err != nil || !c.complete() {
		t.Fatal(c, err)
	}
	var p packet
	p.unless(c.above(), user)
	p.change("DELETE FROM dfs_inodes", c.last())
	all := []string{insertInode.plain, insertSmall.plain, insertChange.plain, tree.sql.insertUsage.plain, insertInode.bound}
	for _, s := range p.statements {
		if strings.Contains(s.Text, "dfs_") {
			all = append(all, s.Text)
		}
	}
	return all
}
