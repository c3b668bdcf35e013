package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// mounter mounts a project as a user of this computer, who may not be root.
type mounter struct {
	s     *system
	dir   string
	point string
	cred  *syscall.Credential
}

// newMounter is for somebody by name, in a directory that is theirs.
func newMounter(t *testing.T, s *system, name string) *mounter {
	t.Helper()
	who, err := user.Lookup(name)
	if err != nil {
		t.Skipf("there is no user %s: %v", name, err)
	}
	id := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	// Not s.dir, which others may not enter, and not t.TempDir, which is below such a one.
	dir, err := os.MkdirTemp("", "bine-mount-")
	if err != nil {
		t.Fatal(err)
	}
	m := &mounter{s: s, dir: dir, point: filepath.Join(dir, "files"), cred: &syscall.Credential{Uid: id(who.Uid), Gid: id(who.Gid)}}
	t.Cleanup(func() {
		_ = exec.Command("umount", "-l", m.point).Run()
		_ = os.RemoveAll(dir)
	})
	for _, step := range []error{os.Mkdir(m.point, 0o700), os.Chown(dir, int(m.cred.Uid), int(m.cred.Gid)), os.Chown(m.point, int(m.cred.Uid), int(m.cred.Gid)),
		exec.Command("cp", program(t), filepath.Join(dir, "bine")).Run(), os.Chmod(filepath.Join(dir, "bine"), 0o755)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	return m
}

// command is a program that the user runs.
func (m *mounter) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.s.t.Context(), name, args...)
	cmd.Dir = "/"
	cmd.Env = append(m.s.env, "HOME="+m.dir, "BINE_CONFIG="+filepath.Join(m.dir, "config.json"), "BINE_API="+m.s.url, "BINE_API_KEY="+m.s.key(),
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: m.cred}
	return cmd
}

func (m *mounter) sh(script string) string {
	m.s.t.Helper()
	out, err := m.command("sh", "-euc", `cd "$1"; `+script, "sh", m.point).CombinedOutput()
	if err != nil {
		m.s.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// mount mounts in the background, and reads to the end what the command prints.
func (m *mounter) mount(what string) {
	t := m.s.t
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := m.command(filepath.Join(m.dir, "bine"), "mount", what, m.point, "--background")
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	said := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(r)
		said <- string(all)
	}()
	err = cmd.Wait()
	select {
	case text := <-said:
		if err != nil {
			t.Fatalf("bine mount: %v\n%s", err, text)
		}
	case <-time.After(time.Minute):
		t.Fatal("the mount in the background keeps the pipe that it was started with")
	}
}

func (m *mounter) mounted() bool {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		m.s.t.Fatal(err)
	}
	return strings.Contains(string(table), " "+m.point+" ")
}

// TestMountInTheBackground mounts as root and as somebody else, uses what is
// mounted with programs, and unmounts it.
func TestMountInTheBackground(t *testing.T) {
	device, err := os.Stat("/dev/fuse")
	if err != nil || os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs /dev/fuse and root")
		}
		t.Skip("left out: it takes /dev/fuse, and root to become somebody else")
	}
	need(t, "fusermount3")
	need(t, "git")
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("shop")
	useMount(t, s, p, "root")
	if device.Mode().Perm()&0o006 != 0o006 {
		t.Logf("left out: mounting as somebody else, because /dev/fuse is open to its owner only (%v)", device.Mode())
		return
	}
	useMount(t, s, p, "nobody")
}

func useMount(t *testing.T, s *system, p bine.ProjectName, name string) {
	t.Helper()
	m := newMounter(t, s, name)
	m.mount(fmt.Sprintf("%s:Resources", p))
	if !m.mounted() {
		t.Fatalf("%s: it is not mounted when the command returns", name)
	}
	got := m.sh(`
git init -q -b main ` + name + ` && cd ` + name + ` && echo hello > a && git add a && git commit -q -m first
git clone -q . ../copy-` + name + ` && cd ../copy-` + name + ` && echo more >> a && git commit -q -a -m second
git fsck --strict && git log --oneline | wc -l && tar -cf ../` + name + `.tar . && mkdir ../un-` + name + ` && tar -C ../un-` + name + ` -xf ../` + name + `.tar
diff -r . ../un-` + name + ` && cat a`)
	if want := "2\nhello\nmore"; got != want {
		t.Errorf("%s: git and tar say %q, want %q", name, got, want)
	}
	if out := s.mustCLI("fs", "cat", "-p", string(p), "Resources/copy-"+name+"/a"); out != "hello\nmore\n" {
		t.Errorf("%s: the server has %q", name, out)
	}
	if out, err := m.command("fusermount3", "-u", m.point).CombinedOutput(); err != nil {
		t.Fatalf("%s: fusermount3: %v\n%s", name, err, out)
	}
	eventually(t, time.Minute, "it is unmounted and its process has ended", func() bool {
		return !m.mounted() && exec.Command("pgrep", "-f", m.point).Run() != nil
	})
}
