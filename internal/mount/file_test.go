package mount_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/mount"
)

// is fails the test unless err is an errno.
func is(t *testing.T, what string, err error, want syscall.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestFilesAreTheServers(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	write(t, at+"/deep/er/a.txt", "hello")
	same(t, "what was written, on the server", w.file("deep/er/a.txt"), "hello")
	_, err := w.as("olga").Upload(t.Context(), "demo", "Resources/deep/b.txt", strings.NewReader("from there"), false)
	w.ok(err)
	text, err := os.ReadFile(at + "/deep/b.txt")
	w.ok(err)
	same(t, "what the server had", string(text), "from there")
	_, err = w.as("olga").Upload(t.Context(), "demo", "Resources/deep/b.txt", strings.NewReader("changed there"), true)
	w.ok(err)
	text, err = os.ReadFile(at + "/deep/b.txt")
	w.ok(err)
	same(t, "what changed on the server, opened anew", string(text), "changed there")
	write(t, at+"/deep/b.txt", "shorter")
	same(t, "what was overwritten", w.file("deep/b.txt"), "shorter")
}

func TestErrnos(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	write(t, at+"/dir/file", "x")
	w.ok(os.Mkdir(at+"/empty", 0o755))
	_, err := os.Open(at + "/missing")
	is(t, "what is not there", err, syscall.ENOENT)
	is(t, "a directory that is there", os.Mkdir(at+"/dir", 0o755), syscall.EEXIST)
	is(t, "a directory that is not empty", syscall.Rmdir(at+"/dir"), syscall.ENOTEMPTY)
	is(t, "a file as a directory", syscall.Rmdir(at+"/dir/file"), syscall.ENOTDIR)
	is(t, "a directory as a file", syscall.Unlink(at+"/dir"), syscall.EISDIR)
	_, err = os.OpenFile(at+"/dir/file", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	is(t, "O_EXCL on what is there", err, syscall.EEXIST)
	is(t, "a file over a directory", syscall.Rename(at+"/dir/file", at+"/empty"), syscall.EISDIR)
	is(t, "a directory over a file", syscall.Rename(at+"/empty", at+"/dir/file"), syscall.ENOTDIR)
	is(t, "a directory over a full one", syscall.Rename(at+"/empty", at+"/dir"), syscall.ENOTEMPTY)
	is(t, "a directory under itself", syscall.Rename(at+"/dir", at+"/dir/below"), syscall.EINVAL)
	is(t, "RENAME_NOREPLACE on what is there", unix.Renameat2(unix.AT_FDCWD, at+"/dir/file", unix.AT_FDCWD, at+"/empty", unix.RENAME_NOREPLACE), syscall.EEXIST)
	is(t, "RENAME_EXCHANGE", unix.Renameat2(unix.AT_FDCWD, at+"/dir/file", unix.AT_FDCWD, at+"/empty", unix.RENAME_EXCHANGE), syscall.EINVAL)
	w.ok(syscall.Rename(at+"/dir", at+"/empty"))
	same(t, "a directory that went over an empty one", w.file("empty/file"), "x")
	is(t, "a name that is too long", os.WriteFile(at+"/"+strings.Repeat("n", 256), nil, 0o644), syscall.ENAMETOOLONG)
	is(t, "a name that is not UTF-8", os.WriteFile(at+"/caf\xe9", nil, 0o644), syscall.EILSEQ)
	is(t, "a name with a backslash", os.WriteFile(at+`/a\b`, nil, 0o644), syscall.EINVAL)
	is(t, "a hard link", os.Link(at+"/empty/file", at+"/link"), syscall.ENOTSUP)
	is(t, "another owner", os.Chown(at+"/empty/file", 12345, -1), syscall.EPERM)
	w.ok(os.Chown(at+"/empty/file", os.Getuid(), os.Getgid()))
}

func TestLinks(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	write(t, at+"/dir/file", "x")
	w.ok(os.Symlink("dir/file", at+"/link"))
	text, err := os.ReadFile(at + "/link")
	w.ok(err)
	same(t, "what a link leads to", string(text), "x")
	there, err := w.as("olga").LinkInfo(t.Context(), "demo", "Resources/link")
	w.ok(err)
	same(t, "the link on the server", there.Link, "dir/file")
	for to, want := range map[string]string{"/Resources/dir/file": "file", "/Models": "", "../../../../etc/passwd": "", "../inside": "../inside", "../../Models": ""} {
		_, err := w.as("olga").ChangeFile(t.Context(), "demo", "Resources/dir/l", client.FileChange{Op: "link", To: to})
		if err == nil {
			got, err := os.Readlink(at + "/dir/l")
			if same(t, "a link to "+to, got, want); want == "" {
				is(t, "a link to "+to, err, syscall.EACCES)
			}
			w.ok(os.Remove(at + "/dir/l"))
		}
	}
	w.ok(os.Remove(at + "/link"))
	same(t, "what a link led to that was removed", w.file("dir/file"), "x")
	is(t, "a link from the top of the computer", os.Symlink("/etc/passwd", at+"/link"), syscall.EPERM)
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	names := []string{strings.Repeat("ü", 127) + "x", "日本語", "a b\tc", "new\nline", "100%25?#&+;=", ".hidden", "…", "e\u0301", "é", strings.Repeat("n", 255)}
	for _, name := range names {
		w.ok(os.WriteFile(filepath.Join(at, name), []byte(name), 0o644))
		same(t, "the content of "+name, w.file(name), name)
	}
	entries, err := os.ReadDir(at)
	w.ok(err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("listed: %q, want %q", got, names)
	}
}

func TestManyEntries(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	c := w.as("olga")
	const many = 2345
	for i := range many {
		_, err := c.UploadFile(t.Context(), "demo", fmt.Sprintf("Resources/many/%05d", i), strings.NewReader("x"), client.UploadOptions{Parents: true})
		w.ok(err)
	}
	entries, err := os.ReadDir(at + "/many")
	w.ok(err)
	same(t, "entries", len(entries), many)
	for i, e := range entries {
		about, err := e.Info()
		w.ok(err)
		if e.Name() != fmt.Sprintf("%05d", i) || about.Size() != 1 {
			t.Fatalf("entry %d is %s of %d bytes", i, e.Name(), about.Size())
		}
	}
	w.ok(os.RemoveAll(at + "/many"))
	_, err = os.Stat(at + "/many")
	is(t, "what was removed", err, syscall.ENOENT)
}

// TestWritesAnywhere compares a file that is written at random places, cut and
// read with one in memory.
func TestWritesAnywhere(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	for _, flags := range []int{os.O_RDWR, os.O_WRONLY} {
		chance := rand.New(rand.NewPCG(1, uint64(flags)))
		name := fmt.Sprintf("file%d", flags)
		f, err := os.OpenFile(at+"/"+name, flags|os.O_CREATE, 0o644)
		w.ok(err)
		var want []byte
		for range 300 {
			switch off := chance.IntN(200_000); chance.IntN(8) {
			case 0:
				w.ok(f.Truncate(int64(off)))
				want = append(want, make([]byte, max(0, off-len(want)))...)[:off]
			case 1:
				w.ok(f.Sync())
				same(t, "the file after fsync", w.file(name) == string(want), true)
			case 2, 3:
				off = len(want)
				fallthrough
			default:
				data := bytes.Repeat([]byte{byte(chance.IntN(256))}, chance.IntN(5000)+1)
				_, err := f.WriteAt(data, int64(off))
				w.ok(err)
				want = append(want, make([]byte, max(0, off+len(data)-len(want)))...)
				copy(want[off:], data)
			}
			about, err := f.Stat()
			w.ok(err)
			if about.Size() != int64(len(want)) {
				t.Fatalf("the size is %d, want %d", about.Size(), len(want))
			}
			if flags == os.O_RDWR && len(want) > 0 {
				got, off := make([]byte, 3000), chance.IntN(len(want))
				n, err := f.ReadAt(got, int64(off))
				if err != nil && err != io.EOF {
					t.Fatal(err)
				}
				if !bytes.Equal(got[:n], want[off:min(len(want), off+3000)]) {
					t.Fatalf("other bytes at %d", off)
				}
			}
		}
		w.ok(f.Close())
		same(t, "the file after close", w.file(name) == string(want), true)
	}
}

func TestLargeFileIsStreamed(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga", func(o *mount.Options) { o.SpoolLimit = 1 << 20 })
	large := make([]byte, 50<<20)
	rand.NewChaCha8([32]byte{1}).Read(large)
	w.ok(os.WriteFile(at+"/large", large, 0o644))
	same(t, "a large file on the server", w.file("large") == string(large), true)
	got, err := os.ReadFile(at + "/large")
	w.ok(err)
	same(t, "a large file read back", bytes.Equal(got, large), true)
	f, err := os.OpenFile(at+"/large", os.O_RDWR, 0)
	w.ok(err)
	_, err = f.WriteAt([]byte("x"), 1000)
	is(t, "a change in the middle of what is larger than local copies may be", err, syscall.EFBIG)
	w.ok(f.Close())
	same(t, "the file afterwards", w.file("large") == string(large), true)
}

func TestAppendByTwo(t *testing.T) {
	w := newWorld(t)
	// Two mounts: neither knows of the other.
	points := []string{w.mounted("olga"), w.mounted("olga")}
	var files []*os.File
	for _, at := range points {
		for range 2 {
			f, err := os.OpenFile(at+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			w.ok(err)
			files = append(files, f)
		}
	}
	for i := range 40 {
		f := files[i%len(files)]
		_, err := fmt.Fprintf(f, "line %02d\n", i)
		w.ok(err)
		w.ok(f.Sync())
	}
	for _, f := range files {
		w.ok(f.Close())
	}
	lines := strings.Fields(strings.ReplaceAll(w.file("log"), "line ", ""))
	slices.Sort(lines)
	same(t, "lines", len(slices.Compact(lines)), 40)
}

func TestRemovedWhileOpen(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	for _, how := range []string{"unlink", "rename"} {
		write(t, at+"/a", "before")
		f, err := os.OpenFile(at+"/a", os.O_RDWR, 0)
		w.ok(err)
		if how == "unlink" {
			w.ok(os.Remove(at + "/a"))
		} else {
			write(t, at+"/b", "other")
			w.ok(os.Rename(at+"/b", at+"/a"))
		}
		_, err = f.WriteAt([]byte("BE"), 0)
		w.ok(err)
		got, err := io.ReadAll(f)
		w.ok(err)
		same(t, "a file after "+how, string(got), "BEfore")
		w.ok(f.Close())
	}
	same(t, "what replaced it", w.file("a"), "other")
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	write(t, at+"/a", "x")
	moment := time.Date(2020, 1, 2, 3, 4, 5, 678901000, time.UTC)
	w.ok(os.Chtimes(at+"/a", moment, moment))
	w.ok(os.Chmod(at+"/a", 0o640))
	about, err := os.Stat(at + "/a")
	w.ok(err)
	same(t, "time and mode", fmt.Sprint(about.ModTime().UTC(), about.Mode()), fmt.Sprint(moment, os.FileMode(0o640)))
	// A time set while the file is open stays when it is closed.
	f, err := os.OpenFile(at+"/b", os.O_CREATE|os.O_WRONLY, 0o444)
	w.ok(err)
	_, err = f.WriteString("read-only, and yet written by who made it")
	w.ok(err)
	w.ok(os.Chtimes(at+"/b", moment, moment))
	told, err := f.Stat()
	w.ok(err)
	w.ok(f.Close())
	about, err = os.Stat(at + "/b")
	w.ok(err)
	same(t, "the time after close", about.ModTime().UTC(), moment)
	same(t, "the time told before", told.ModTime().UTC(), moment)
	same(t, "the mode", about.Mode(), 0o444)
	is(t, "set-user-id", os.Chmod(at+"/a", os.ModeSetuid|0o755), syscall.EPERM)
	w.ok(unix.Setxattr(at+"/a", "user.origin", []byte("here"), 0))
	is(t, "an attribute made twice", unix.Setxattr(at+"/a", "user.origin", nil, unix.XATTR_CREATE), syscall.EEXIST)
	value, err := w.as("olga").Xattr(t.Context(), "demo", "Resources/a", "origin")
	w.ok(err)
	same(t, "the attribute on the server", string(value), "here")
	var space syscall.Statfs_t
	w.ok(syscall.Statfs(at, &space))
	same(t, "a name may have", space.Namelen, 255)
}

// TestTimeThatWasTold looks at the time of a file before and after it is closed:
// git and make compare them.
func TestTimeThatWasTold(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	f, err := os.Create(at + "/a")
	w.ok(err)
	_, err = f.WriteString("content")
	w.ok(err)
	before, err := f.Stat()
	w.ok(err)
	w.ok(f.Close())
	after, err := os.Stat(at + "/a")
	w.ok(err)
	same(t, "the time after close", after.ModTime(), before.ModTime())
}

func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	write(t, w.mounted("olga")+"/a", "x")
	at := w.mounted("olga", func(o *mount.Options) { o.ReadOnly = true })
	_, err := os.ReadFile(at + "/a")
	w.ok(err)
	is(t, "writing", os.WriteFile(at+"/a", nil, 0o644), syscall.EROFS)
	is(t, "removing", os.Remove(at+"/a"), syscall.EROFS)
}

func TestRolesDecide(t *testing.T) {
	w := newWorld(t)
	write(t, w.mounted("olga")+"/a", strings.Repeat("x", 3<<20))
	at := w.mounted("sven", func(o *mount.Options) { o.Path = "" })
	is(t, "a Data Scientist writing a model", os.WriteFile(at+"/Models/a", nil, 0o644), syscall.EACCES)
	w.ok(os.WriteFile(at+"/Resources/b", []byte("x"), 0o444))
	same(t, "what a Data Scientist wrote", w.file("b"), "x")
	f, err := os.Open(at + "/Resources/a")
	w.ok(err)
	defer f.Close()
	n, err := io.Copy(io.Discard, f)
	is(t, "a Data Scientist reading more than a preview", err, syscall.EACCES)
	same(t, "what a Data Scientist could read", n, int64(1<<20))
}

func TestServerGoesAndComes(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga", func(o *mount.Options) { o.Patience = 5 * time.Second })
	f, err := os.Create(at + "/a")
	w.ok(err)
	_, err = f.WriteString("written while the server was there")
	w.ok(err)
	address := w.listening.Listener.Addr().String()
	w.listening.CloseClientConnections()
	w.listening.Close()
	back := time.AfterFunc(time.Second, func() { w.serve(address) })
	defer back.Stop()
	w.ok(f.Close())
	same(t, "a file closed while the server was away", w.file("a"), "written while the server was there")
}

func TestServerStaysAway(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga", func(o *mount.Options) { o.Patience = 300 * time.Millisecond })
	w.listening.CloseClientConnections()
	w.listening.Close()
	_, err := os.ReadFile(at + "/a")
	is(t, "a server that stays away", err, syscall.EIO)
}
