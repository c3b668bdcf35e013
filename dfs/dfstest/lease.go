package dfstest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var leases = map[string]func(*testing.T, dfs.FS){
	"a file has one writer":                  oneWriter,
	"a lease follows its file":               leaseFollows,
	"a lease ends with its file":             leaseEnds,
	"who overwrites ends a lease":            leaseOverwritten,
	"a stream that overwrites seizes":        leaseSeized,
	"a lease can be recovered":               leaseRecovered,
	"what a lease is given for, and to whom": leaseRefused,
}

func lease(t *testing.T, fs dfs.FS, user dfs.User, path, holder string) (dfs.Lease, dfs.User) {
	t.Helper()
	l, err := fs.Lease(t.Context(), user, path, holder)
	if err != nil {
		t.Fatalf("Lease(%s, %s): %v", path, holder, err)
	}
	info, err := fs.Stat(t.Context(), owner, path)
	if user.Lease = l.Epoch; err != nil || l.Size != info.Size || l.Inode != info.ID || l.Epoch == 0 || l.Holder != holder || !l.Yields.After(l.Renewed) {
		t.Errorf("Lease(%s, %s) answers %+v", path, holder, l)
	}
	return l, user
}

func wantHolder(t *testing.T, fs dfs.FS, path, holder string) {
	t.Helper()
	l, err := fs.LeaseOf(t.Context(), owner, path)
	if err != nil || l.Holder != holder || (l.Epoch == 0) != (holder == "") {
		t.Errorf("the lease of %s is %+v (%v), want that of %q", path, l, err, holder)
	}
}

func wantLeased(t *testing.T, what string, err error, path, holder string) {
	t.Helper()
	wantKind(t, what, err, bine.Leased, path)
	if l, ok := dfs.HeldBy(err); !ok || l.Holder != holder || !strings.Contains(err.Error(), holder) {
		t.Errorf("%s: %v says that %+v has the lease, want %s", what, err, l, holder)
	}
}

// written tries the ways to change the content of a file, and gives what they answer.
func written(t *testing.T, fs dfs.FS, user dfs.User, path string) map[string]error {
	t.Helper()
	size := int64(len(get(t, fs, path)))
	put(t, fs, at("Resources/more"), []byte("more"))
	_, appended := fs.Append(t.Context(), user, path, size, []byte("x"))
	_, block := fs.Append(t.Context(), user, path, size, noise(10_000))
	_, cut := fs.Truncate(t.Context(), user, path, 0)
	_, joined := fs.Concat(t.Context(), user, path, []string{at("Resources/more")})
	return map[string]error{"append": appended, "append of a block": block, "truncate": cut, "concat": joined}
}

func oneWriter(t *testing.T, fs dfs.FS) {
	path := at("Resources/one")
	for _, size := range []int{10, 6000, 3 << 20} {
		data := noise(size)
		put(t, fs, path, data)
		l, writer := lease(t, fs, owner, path, "first")
		if again, _ := lease(t, fs, owner, path, "first"); again.Epoch != l.Epoch {
			t.Errorf("asked again, the lease is another one: %+v, %+v", l, again)
		}
		_, err := fs.Lease(t.Context(), owner, path, "second")
		wantLeased(t, "a second lease", err, path, "first")
		_, err = fs.Lease(t.Context(), scientist, path, "first")
		wantLeased(t, "the same name of another user", err, path, "first")
		for what, err := range written(t, fs, owner, path) {
			wantLeased(t, what+" without the lease", err, path, "first")
		}
		wrong := writer
		wrong.Lease++
		for what, err := range written(t, fs, wrong, path) {
			wantKind(t, what+" under another lease", err, bine.Fenced, path)
		}
		wantContent(t, fs, path, data)
		wantHolder(t, fs, path, "first")
		info, err := fs.Append(t.Context(), writer, path, int64(size), []byte("end"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.AppendTo(t.Context(), writer, info, info.Size, noise(9000)); err != nil {
			t.Fatal(err)
		}
		wantContent(t, fs, path, append(append(data, "end"...), noise(9000)...))
		if _, err := fs.RenewLease(t.Context(), writer, l); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := fs.ReleaseLease(t.Context(), writer, l); err != nil {
				t.Error(err)
			}
		}
		wantHolder(t, fs, path, "")
		_, err = fs.RenewLease(t.Context(), writer, l)
		wantKind(t, "renewing what was released", err, bine.Fenced, path)
		for what, err := range written(t, fs, writer, path) {
			wantKind(t, what+" under a lease that was released", err, bine.Fenced, path)
		}
		second, _ := lease(t, fs, scientist, path, "second")
		if second.Epoch == l.Epoch {
			t.Error("the next lease has the same epoch")
		}
		if err := fs.ReleaseLease(t.Context(), writer, l); err != nil {
			t.Error(err)
		}
		wantHolder(t, fs, path, "second")
		if err := fs.ReleaseLease(t.Context(), scientist, second); err != nil {
			t.Error(err)
		}
		for what, err := range written(t, fs, owner, path) {
			if err != nil && what != "append of a block" { // its offset is an old one
				t.Errorf("%s of a file that nobody writes: %v", what, err)
			}
		}
	}
}

func leaseFollows(t *testing.T, fs dfs.FS) {
	from, to := at("Resources/from"), at("Resources/dir/to")
	put(t, fs, from, []byte("one "))
	mkdir(t, fs, at("Resources/dir"))
	l, writer := lease(t, fs, owner, from, "w")
	info, err := fs.Stat(t.Context(), owner, from)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{{from, to}, {at("Resources/dir"), at("Resources/other")}} {
		if _, err := fs.Rename(t.Context(), owner, step[0], step[1], dfs.RenameOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	to = at("Resources/other/to")
	wantHolder(t, fs, to, "w")
	if _, err := fs.AppendTo(t.Context(), writer, info, 4, []byte("two")); err != nil {
		t.Errorf("appending to where it is now: %v", err)
	}
	if _, err := fs.RenewLease(t.Context(), writer, l); err != nil {
		t.Error(err)
	}
	mode := uint32(0o600)
	if _, err := fs.SetAttributes(t.Context(), owner, to, dfs.Attributes{Mode: &mode}); err != nil {
		t.Error(err)
	}
	entries := []bine.ACLEntry{{Type: bine.ACLUser, Perm: "rw-"}, {Type: bine.ACLUser, Name: "demo__cid", Perm: "rw-"}, {Type: bine.ACLGroup, Perm: "---"}, {Type: bine.ACLOther, Perm: "---"}}
	if _, err := fs.SetACL(t.Context(), owner, to, entries); err != nil {
		t.Error(err)
	}
	if _, err := fs.RemoveACL(t.Context(), owner, to); err != nil {
		t.Error(err)
	}
	wantHolder(t, fs, to, "w")
	if _, err := fs.Clone(t.Context(), owner, to, at("Resources/copy"), dfs.CloneOptions{}); err != nil {
		t.Error(err)
	}
	wantHolder(t, fs, at("Resources/copy"), "")
	if err := fs.ReleaseLease(t.Context(), writer, l); err != nil {
		t.Error(err)
	}
	wantHolder(t, fs, to, "")
	wantContent(t, fs, to, []byte("one two"))
}

func leaseEnds(t *testing.T, fs dfs.FS) {
	path, other := at("Resources/dir/f"), at("Resources/g")
	remove := func(path string, recursive bool) error {
		return fs.Remove(t.Context(), owner, path, dfs.RemoveOptions{Recursive: recursive})
	}
	for what, end := range map[string]func() error{
		"removed":                  func() error { return remove(path, false) },
		"removed with a directory": func() error { return remove(at("Resources/dir"), true) },
		"replaced": func() error {
			put(t, fs, other, []byte("another"))
			_, err := fs.Rename(t.Context(), owner, other, path, dfs.RenameOptions{Overwrite: true})
			return err
		},
		"nearly added to another": func() error {
			put(t, fs, other, []byte("another"))
			_, err := fs.Concat(t.Context(), owner, other, []string{path})
			wantLeased(t, "concat", err, path, "w")
			return remove(path, false)
		},
	} {
		put(t, fs, path, []byte("content"))
		l, writer := lease(t, fs, owner, path, "w")
		if err := end(); err != nil {
			t.Fatal(what, err)
		}
		put(t, fs, path, []byte("new"))
		wantHolder(t, fs, path, "")
		_, err := fs.Append(t.Context(), writer, path, 3, []byte("x"))
		wantKind(t, "append to what was "+what, err, bine.Fenced, path)
		if what != "removed with a directory" { // which is there until it is reclaimed
			_, err = fs.RenewLease(t.Context(), writer, l)
			wantKind(t, "renew the lease of what was "+what, err, bine.Fenced, path)
		}
		if err := fs.ReleaseLease(t.Context(), writer, l); err != nil {
			t.Errorf("release the lease of what was %s: %v", what, err)
		}
		if err := remove(path, false); err != nil {
			t.Fatal(err)
		}
		_, err = fs.Create(t.Context(), writer, path, strings.NewReader("x"), dfs.CreateOptions{})
		wantKind(t, "create where the file is gone", err, bine.Fenced, path)
		_, err = fs.Append(t.Context(), writer, path, 0, []byte("x"))
		wantKind(t, "append where the file is gone", err, bine.Fenced, path)
	}
}

func leaseOverwritten(t *testing.T, fs dfs.FS) {
	path := at("Resources/f")
	for _, size := range []int{5, 10_000} {
		put(t, fs, path, []byte("content"))
		_, writer := lease(t, fs, owner, path, "w")
		overwrite := func(user dfs.User, with []byte) error {
			_, err := fs.Create(t.Context(), user, path, bytes.NewReader(with), dfs.CreateOptions{Overwrite: true})
			return err
		}
		if err := overwrite(writer, noise(size)); err != nil {
			t.Error(err)
		}
		wantHolder(t, fs, path, "w")
		if err := overwrite(owner, noise(size+1)); err != nil {
			t.Error(err)
		}
		wantHolder(t, fs, path, "")
		wantKind(t, "overwriting under a lease that has ended", overwrite(writer, []byte("late")), bine.Fenced, path)
		wantContent(t, fs, path, noise(size+1))
		put(t, fs, at("Resources/from"), []byte("from"))
		_, writer = lease(t, fs, owner, path, "w")
		if _, err := fs.Clone(t.Context(), owner, at("Resources/from"), path, dfs.CloneOptions{Overwrite: true}); err != nil {
			t.Error(err)
		}
		wantKind(t, "overwriting what was copied over", overwrite(writer, []byte("late")), bine.Fenced, path)
	}
}

// pausing calls f when no more than after bytes are left of it.
type pausing struct {
	*bytes.Reader
	after int
	f     func()
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.f != nil && p.Len() <= p.after {
		p.f()
		p.f = nil
	}
	return p.Reader.Read(b[:min(len(b), 4096)])
}

func leaseSeized(t *testing.T, fs dfs.FS) {
	path := at("Resources/f")
	put(t, fs, path, []byte("content"))
	_, writer := lease(t, fs, owner, path, "first")
	create := func(holder string, f func()) error {
		data := noise(3 << 20)
		body := &pausing{bytes.NewReader(data), len(data) / 2, f}
		_, err := fs.Create(t.Context(), owner, path, struct{ *pausing }{body}, dfs.CreateOptions{Overwrite: true, Holder: holder})
		return err
	}
	err := create("second", func() {
		wantHolder(t, fs, path, "second")
		wantContent(t, fs, path, []byte("content"))
		_, err := fs.Append(t.Context(), writer, path, 7, []byte("x"))
		wantKind(t, "the first writer's append", err, bine.Fenced, path)
		_, err = fs.Append(t.Context(), owner, path, 7, []byte("x"))
		wantLeased(t, "an append meanwhile", err, path, "second")
	})
	if err != nil {
		t.Fatal(err)
	}
	wantHolder(t, fs, path, "")
	wantContent(t, fs, path, noise(3<<20))
	err = create("third", func() {
		if err := create("fourth", nil); err != nil {
			t.Error(err)
		}
	})
	wantKind(t, "a stream whose lease was seized", err, bine.Fenced, path)
	wantHolder(t, fs, path, "")
	err = create("fifth", func() {
		if err := fs.Remove(t.Context(), owner, path, dfs.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	wantKind(t, "overwriting a file that is removed meanwhile", err, bine.Fenced, path)
	if err := create("sixth", nil); err != nil {
		t.Errorf("a file that was not there: %v", err)
	}
	wantHolder(t, fs, path, "")
}

func leaseRecovered(t *testing.T, fs dfs.FS) {
	path := at("Resources/f")
	put(t, fs, path, []byte("content"))
	if l, err := fs.RecoverLease(t.Context(), owner, path); err != nil || l.Epoch != 0 {
		t.Errorf("recovering what nobody writes: %+v, %v", l, err)
	}
	had, writer := lease(t, fs, owner, path, "w")
	if l, err := fs.RecoverLease(t.Context(), scientist, path); err != nil || l.Epoch != had.Epoch || l.Holder != "w" {
		t.Errorf("recovering: %+v, %v", l, err)
	}
	_, err := fs.Append(t.Context(), writer, path, 7, []byte("x"))
	wantKind(t, "the old writer's append", err, bine.Fenced, path)
	if _, err := fs.Append(t.Context(), scientist, path, 7, []byte("y")); err != nil {
		t.Error(err)
	}
	wantContent(t, fs, path, []byte("contenty"))
}

func leaseRefused(t *testing.T, fs dfs.FS) {
	path := at("Resources/f")
	put(t, fs, path, []byte("content"))
	mode := uint32(0o640)
	if _, err := fs.SetAttributes(t.Context(), owner, path, dfs.Attributes{Mode: &mode}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, path, holder string
		user               dfs.User
		kind               bine.Kind
	}{
		{"a file that is not there", at("Resources/none"), "w", owner, bine.NotFound},
		{"a directory", at("Resources"), "w", owner, bine.Conflict},
		{"no name", path, "", owner, bine.Invalid},
		{"a long name", path, strings.Repeat("x", 201), owner, bine.Invalid},
		{"a name with a line's end", path, "a\nb", owner, bine.Invalid},
		{"who may read only", path, "w", scientist, bine.Forbidden},
		{"a stranger", path, "w", stranger, bine.NotFound},
	} {
		if _, err := fs.Lease(t.Context(), c.user, c.path, c.holder); !bine.IsKind(err, c.kind) {
			t.Errorf("%s: %v, want %s", c.what, err, c.kind)
		}
	}
	l, _ := lease(t, fs, owner, path, "w")
	_, err := fs.RecoverLease(t.Context(), scientist, path)
	wantKind(t, "recovering what one may not write", err, bine.Forbidden, path)
	if got, err := fs.LeaseOf(t.Context(), scientist, path); err != nil || got.Holder != "w" {
		t.Errorf("who may read sees %+v (%v)", got, err)
	}
	_, err = fs.LeaseOf(t.Context(), stranger, path)
	wantKind(t, "a stranger's look", err, bine.NotFound, path)
	_, err = fs.RenewLease(t.Context(), scientist, l)
	wantKind(t, "renewing somebody else's", err, bine.Fenced, path)
	if err := fs.ReleaseLease(t.Context(), scientist, l); err != nil {
		t.Error(err)
	}
	wantHolder(t, fs, path, "w")
	mode = 0o660
	if _, err := fs.SetAttributes(t.Context(), owner, path, dfs.Attributes{Mode: &mode}); err != nil {
		t.Fatal(err)
	}
	writer := scientist
	writer.Lease = l.Epoch
	_, err = fs.Append(t.Context(), writer, path, 7, []byte("x"))
	wantKind(t, "writing under somebody else's lease", err, bine.Fenced, path)
}
