package dfs

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/sealed"
	"github.com/bine-ml/bine/dfs/block/tier"
	"github.com/bine-ml/bine/internal/database"
)

// Options are the settings of a Tree that have defaults.
type Options struct {
	Inline    int64            // up to how many bytes a file, or its end, is kept in the database; default 64 KiB
	BlockSize int64            // of what size blocks are at most; default 128 MiB
	Grace     time.Duration    // for how long a block outlives the file that it was of; default 1 h
	Trash     time.Duration    // for how long what was put into the trash can be restored; default 7 days
	Changes   time.Duration    // for how long the feed keeps changes; default 7 days
	Multipart time.Duration    // for how long an upload of S3 may take; default 7 days
	Uploads   time.Duration    // for how long the parts of an upload wait for the next; default 3 days
	LeaseSoft time.Duration    // for how long a lease that is not renewed is respected; default 1 min
	LeaseHard time.Duration    // after what time Reclaim ends a lease that is not renewed; default 20 min
	Now       func() time.Time // default time.Now
	Keys      Sealer           // seals the keys of projects; without one nothing is sealed, and what is cannot be read
	Sealed    bool             // whether what is written to new projects is sealed
}

// Tree is the file system with its metadata in SQL. It keeps no state but
// prepared statements, hints where directories are and how far it has seen the feed: several, in several
// processes, may share a database and a block store.
//
// Rows are locked in this order, and a transaction that loses nevertheless is
// run again (database.DB.Write): the row of the project, by directory renames
// only; the directory that is added to, shared; the entry itself; an entry that
// it replaces; a slot of the usage; slots of limits;
// rows that hang on inodes, its lease among them; garbage; the feed.
// SQLite has one writer and locks nothing.
//
// A block may be of several files, which have flagShared. Its row in
// dfs_shared_blocks is locked after the files and before the garbage, in the order
// of the ids, by who takes it from one of them; who gives it to another file has
// one of those that hold it locked, or takes it out of the garbage. So of the last
// two that give a block up one sees that the other is gone, and the block becomes
// garbage once. A copy of a file locks that before the directory that it comes
// into, and a copy of a tree the files of a batch by their ids: where that meets
// another order, one of the two is run again.
//
// Calls may join a transaction (database.DB.Together), which suits metadata and
// files up to Options.Inline: blocks that were written before such a
// transaction is undone are left to Scrub.
type Tree struct {
	db     *database.DB
	blocks block.Store  // of all tiers, and plain
	tiered *tier.Stores // the same, as they lie there
	tiers  map[string]bool
	keys   keyring
	o      Options
	reads  *database.Prepared
	hints  hints
	ids    ids
	sql    dialect

	finality  finality
	recovered atomic.Int64 // leases that were ended for somebody else
}

var _ FS = (*Tree)(nil)

// New gives the file system whose rows are in db and whose blocks are in
// blocks, which may be several tiers ([tier.Stores]). The two belong together:
// neither is of use without the other.
func New(db *database.DB, blocks block.Store, o Options) *Tree {
	if o.Inline <= 0 {
		o.Inline = 64 << 10
	}
	if o.BlockSize <= 0 {
		o.BlockSize = 128 << 20
	}
	if o.Grace <= 0 {
		o.Grace = time.Hour
	}
	if o.Multipart <= 0 {
		o.Multipart = 7 * 24 * time.Hour
	}
	if o.Trash <= 0 {
		o.Trash = 7 * 24 * time.Hour
	}
	if o.Changes <= 0 {
		o.Changes = 7 * 24 * time.Hour
	}
	if o.Uploads <= 0 {
		o.Uploads = 3 * 24 * time.Hour
	}
	if o.LeaseSoft <= 0 {
		o.LeaseSoft = time.Minute
	}
	if o.LeaseHard <= 0 {
		o.LeaseHard = 20 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Tree{db: db, tiers: map[string]bool{}, o: o, reads: database.NewPrepared(db), sql: dialectOf(db.Dialect())}
	several, ok := blocks.(*tier.Stores)
	if !ok {
		several, _ = tier.New(blocks, nil) // only names can be wrong
	}
	for _, name := range several.Tiers() {
		t.tiers[name] = true
	}
	t.tiered, t.blocks = several, sealed.New(several, t)
	return t
}

// Close gives the prepared statements back. The database stays open.
func (t *Tree) Close() error { return t.reads.Close() }

func (t *Tree) now() int64 { return database.Micros(t.o.Now()) }

// dialect holds the ends of statements in which the engines differ.
type dialect struct {
	share       string    // of a SELECT whose rows others may not change
	exclusive   string    // of a SELECT whose rows others may not even share
	insertUsage insertion // into dfs_usage: add where the slot is there
	setXattr    string    // of an INSERT into dfs_xattrs: replace
	setSmall    string    // of an INSERT into dfs_small: replace
	concat      string    // data with a parameter added to it
	ignoring    string    // begins an INSERT that leaves out rows that are there
	locks       bool
}

func insertingUsage(end string) insertion {
	return inserting("dfs_usage", "project_id, slot, bytes, files, directories", end)
}

func dialectOf(d database.Dialect) dialect {
	if d == database.MySQL {
		return dialect{
			share: " LOCK IN SHARE MODE", exclusive: " FOR UPDATE", locks: true,
			insertUsage: insertingUsage(" ON DUPLICATE KEY UPDATE bytes = bytes + VALUES(bytes), files = files + VALUES(files), directories = directories + VALUES(directories)"),
			setXattr:    " ON DUPLICATE KEY UPDATE value = VALUES(value)",
			setSmall:    " ON DUPLICATE KEY UPDATE version = VALUES(version), data = VALUES(data)",
			concat:      "CONCAT(data, ?)",
			ignoring:    "INSERT IGNORE",
		}
	}
	return dialect{
		insertUsage: insertingUsage(" ON CONFLICT (project_id, slot) DO UPDATE SET bytes = bytes + excluded.bytes, files = files + excluded.files, directories = directories + excluded.directories"),
		setXattr:    " ON CONFLICT (inode_id, name) DO UPDATE SET value = excluded.value",
		setSmall:    " ON CONFLICT (inode_id) DO UPDATE SET version = excluded.version, data = excluded.data",
		concat:      "CAST(data || ? AS BLOB)",
		ignoring:    "INSERT OR IGNORE",
	}
}

// errAgain says that what was found is no longer so, and that looking again
// will tell how it is now.
var errAgain = errors.New("changed meanwhile")

// mostTries bounds how often an operation looks again.
const mostTries = 10

// again runs f until what it finds stays so for as long as it needs it.
func again(path string, f func() error) error {
	for range mostTries {
		if err := f(); !errors.Is(err, errAgain) {
			return err
		}
	}
	return bine.Errorf(bine.Unavailable, "%s: others are changing it all the time: try again", path)
}

// write runs f in a transaction, again when it finds that something moved.
func (t *Tree) write(ctx context.Context, path string, f func(tx *sql.Tx) error) error {
	return again(path, func() error { return t.db.Write(ctx, f) })
}

// reader is where to read from: the transaction that ctx carries, or the pool
// by prepared statements.
func (t *Tree) reader(ctx context.Context) database.Reader {
	if r := t.db.Reader(ctx); r != database.Reader(t.db.Read()) {
		return r
	}
	return t.reads
}

// marks gives n question marks with commas between.
func marks(n int) string {
	b := make([]byte, 0, 2*n)
	for range n {
		b = append(b, '?', ',')
	}
	return string(b[:max(0, len(b)-1)])
}
