// Package mount shows the files of a project as a directory of this computer
// (FUSE), over the REST API and as the user whose key it has, so that any program
// reads and writes them.
//
// # What it promises
//
// Close to open: what was written is the server's, and seen by everybody, when
// close or fsync return without an error; whoever opens a file then sees it. What
// the kernel keeps of names and attributes is at most Options.Timeout old. Names
// are made, renamed and removed on the server before the call returns.
//
// A file that grows at its end is sent in pieces while it is written. Any other
// write makes a local copy of the file (a spool), which replaces the whole file at
// close and fsync. A file that is open for writing for more than a second has a lease:
// who writes to it elsewhere is refused (EBUSY), and of two who are faster the last one
// wins. With O_APPEND several add to one file. How much all copies
// together may hold is Options.SpoolLimit.
//
// While the server does not answer, a call waits for Options.Patience and then
// fails with EIO. Each call may have been carried out although its answer was
// lost: it is sent again in a way that is harmless.
package mount

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Options say what is mounted, and how.
type Options struct {
	Client  *client.Client
	Project bine.ProjectName
	Path    string // directory of the project; empty is all of it
	Point   string // where to mount: a directory
	// Timeout is how long the kernel keeps names and attributes. 0 asks the
	// server each time.
	Timeout time.Duration
	// Patience is how long a call waits for a server that does not answer.
	Patience   time.Duration
	ReadOnly   bool
	AllowOther bool   // other users of this computer may use the mount, too
	SpoolDir   string // where local copies are kept; empty is the system's
	SpoolLimit int64  // bytes of all local copies together
	Log        io.Writer
	Debug      bool // write every call of the kernel to Log
}

// The defaults of Options.
const (
	DefaultTimeout    = time.Second
	DefaultPatience   = 30 * time.Second
	DefaultSpoolLimit = 8 << 30
)

// largest is the most bytes that the kernel reads or writes in one call.
const largest = 1 << 20

// Mount is a mounted directory.
type Mount struct {
	server *fuse.Server
	system *system
	point  string
}

// New mounts. The directory is usable when it returns.
func New(ctx context.Context, o Options) (*Mount, error) {
	if err := possible(); err != nil {
		return nil, err
	}
	s := &system{Options: o, log: log.New(o.Log, "bine mount: ", 0)}
	s.life, s.end = context.WithCancel(context.Background())
	root, err := s.root(ctx)
	if err != nil {
		s.end()
		return nil, err
	}
	server, err := fs.Mount(o.Point, root, s.options(root))
	if err != nil {
		s.end()
		return nil, fmt.Errorf("mount %s: %w", o.Point, err)
	}
	return &Mount{server, s, o.Point}, nil
}

// possible says what is missing for mounting, if anything.
func possible() error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return bine.Errorf(bine.Unavailable, "this computer has no /dev/fuse: load the kernel's module (modprobe fuse), or start the container with --device /dev/fuse --cap-add SYS_ADMIN")
	}
	if os.Geteuid() == 0 {
		return nil
	}
	for _, helper := range []string{"fusermount3", "fusermount"} {
		if _, err := exec.LookPath(helper); err == nil {
			return nil
		}
	}
	return bine.Errorf(bine.Unavailable, "fusermount3 is missing, without which only root may mount: install fuse3 (apt-get install fuse3, dnf install fuse3)")
}

func (s *system) options(root *dir) *fs.Options {
	flags := []string{}
	if s.ReadOnly {
		flags = append(flags, "ro")
	}
	return &fs.Options{
		EntryTimeout: &s.Timeout, AttrTimeout: &s.Timeout, Logger: s.log,
		RootStableAttr: &fs.StableAttr{Mode: syscall.S_IFDIR, Ino: root.ino},
		MountOptions: fuse.MountOptions{
			Name: "bine", FsName: fmt.Sprintf("%s:%s", s.Project, s.Path), Options: flags, AllowOther: s.AllowOther,
			MaxWrite: largest, MaxReadAhead: largest, SyncRead: true, IgnoreSecurityLabels: true,
			DirectMount: os.Geteuid() == 0, Debug: s.Debug, Logger: s.log,
		},
	}
}

// Wait returns when nothing is mounted any more.
func (m *Mount) Wait() {
	m.server.Wait()
	m.system.over()
}

// Close unmounts. Where files are still open it takes the directory out of sight
// and returns Conflict: Wait then waits for the programs that have them open.
func (m *Mount) Close() error {
	err := m.server.Unmount()
	if err == nil {
		m.system.over()
		return nil
	}
	if detach := lazily(m.point); detach != nil {
		return fmt.Errorf("unmount %s: %w", m.point, errors.Join(err, detach))
	}
	return bine.Errorf(bine.Conflict, "%s is in use: it is out of sight, and stays until the programs that use it end", m.point)
}

func lazily(point string) error {
	if os.Geteuid() == 0 {
		return syscall.Unmount(point, syscall.MNT_DETACH)
	}
	for _, helper := range []string{"fusermount3", "fusermount"} {
		if path, err := exec.LookPath(helper); err == nil {
			return exec.Command(path, "-uz", point).Run()
		}
	}
	return exec.ErrNotFound
}

// system is what all files and directories of a mount share.
type system struct {
	Options
	log     *log.Logger
	spooled atomic.Int64 // bytes of local copies
	changes atomic.Int64 // counts what was changed here, so that older listings are not believed
	space   space
	claims  sync.WaitGroup  // leases that are kept
	life    context.Context // ends when nothing is mounted any more
	end     context.CancelFunc
}

// over gives back what is held for files that count as open still: the kernel
// tells of the last close of a file later, and of some not at all once nothing is
// mounted.
func (s *system) over() {
	s.end()
	s.claims.Wait()
}

// root describes the directory that is mounted.
func (s *system) root(ctx context.Context) (*dir, error) {
	f, err := s.Client.Stat(ctx, s.Project, s.Path)
	if err != nil {
		return nil, err
	}
	if !f.Dir {
		return nil, bine.Errorf(bine.Invalid, "%s is a file: a directory can be mounted", s.Path)
	}
	about, err := os.Stat(s.Point)
	if err != nil {
		return nil, bine.Errorf(bine.NotFound, "%s is not there: make the directory to mount at", s.Point)
	}
	if !about.IsDir() {
		return nil, bine.Errorf(bine.Invalid, "%s is not a directory: nothing can be mounted there", s.Point)
	}
	return &dir{entry: entry{s: s, ino: uint64(f.ID)}}, nil
}
