package mount_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/mount"
)

// run runs a shell script in a directory. Where a program is missing the test is
// left out, which under CI is a failure.
func run(t *testing.T, dir, script string, programs ...string) string {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("CI needs %s", name)
			}
			t.Skipf("left out: %s is missing", name)
		}
	}
	// The shell changes the directory: a process that has not begun yet must not
	// wait for this one, which serves the mount and waits for it to begin.
	c := exec.CommandContext(t.Context(), "sh", "-euc", `cd "$1"; shift`+"\n"+script, "sh", dir)
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org", "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v", out, err)
	}
	return string(out)
}

// tree makes a directory of files of many sizes and modes, here.
func tree(t *testing.T) string {
	t.Helper()
	at := t.TempDir()
	run(t, at, `
mkdir -p src/a/b/c 'src/with space' src/empty
i=0; while [ $i -lt 60 ]; do head -c $((i*i*97)) /dev/urandom > src/a/b/$i.bin; i=$((i+1)); done
echo hello > 'src/with space/ü.txt'; : > src/nothing; head -c 3000000 /dev/urandom > src/large
printf '#!/bin/sh\necho ran\n' > src/run.sh; chmod 755 src/run.sh; chmod 440 src/a/b/1.bin; touch -d 2020-02-03T04:05:06 src/a/b/2.bin`)
	return at + "/src"
}

func TestGit(t *testing.T) {
	w := newWorld(t)
	at, from := w.mounted("olga"), tree(t)
	run(t, from, "git init -q -b main . && git add -A && git commit -q -m first", "git")
	out := run(t, at, `
git clone -q "`+from+`" copy
cd copy
git status --porcelain
for i in 1 2 3; do echo $i >> nothing; git commit -q -a -m "change $i"; done
git mv large renamed && git commit -q -m move
git checkout -q -b side HEAD~2 && echo side > side.txt && git add side.txt && git commit -q -m side
git checkout -q main && git merge -q -m merged side
git gc -q --prune=now
git fsck --strict
git status --porcelain
git log --oneline | wc -l`, "git")
	if got := strings.TrimSpace(out); got != "7" {
		t.Errorf("git says %q, want seven commits and nothing to complain of", got)
	}
	// All of it is on the server: another mount sees the same.
	run(t, w.mounted("olga", func(o *mount.Options) { o.ReadOnly = true }), `cd copy && git fsck --strict && test "$(git log --oneline | wc -l)" = 7 && cmp renamed "`+from+`/large"`, "git")
}

// database is a program that uses sqlite as programs do.
const database = `
import sqlite3
db = sqlite3.connect("data.db")
db.execute("PRAGMA journal_mode = DELETE")
db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
for i in range(20):
    with db:
        db.executemany("INSERT INTO t (x) VALUES (?)", [(f"{i} {j}" * 20,) for j in range(200)])
try:
    with db:
        db.execute("DELETE FROM t")
        raise KeyError
except KeyError:
    pass
db.close()
db = sqlite3.connect("data.db")
with db:
    db.execute("DELETE FROM t WHERE id % 2 = 0")
db.execute("VACUUM")
print(db.execute("SELECT COUNT(*) FROM t").fetchone()[0], db.execute("PRAGMA integrity_check").fetchone()[0])
db.close()
`

func TestSQLite(t *testing.T) {
	w := newWorld(t)
	at := w.mounted("olga")
	program := t.TempDir() + "/work.py"
	w.ok(os.WriteFile(program, []byte(database), 0o600))
	out := run(t, at, "python3 "+program+"; ls", "python3")
	if got, want := strings.Join(strings.Fields(out), " "), "2000 ok data.db"; got != want {
		t.Errorf("sqlite says %q, want %q", got, want)
	}
	here := t.TempDir() + "/data.db"
	w.ok(os.WriteFile(here, []byte(w.file("data.db")), 0o600))
	check := `python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0])' ` + here
	if out := run(t, t.TempDir(), check, "python3"); strings.TrimSpace(out) != "ok" {
		t.Errorf("the database on the server: %s", out)
	}
}

func TestTarCopyAndDD(t *testing.T) {
	w := newWorld(t)
	at, from := w.mounted("olga"), tree(t)
	run(t, at, "from='"+from+"'"+`
listing() { (cd "$1" && find . -type f -printf '%P %m %s %Ts\n' | sort); }
tar -C "$from" -cf packed.tar .
mkdir unpacked && tar -C unpacked -xpf packed.tar
diff -r "$from" unpacked
cp -a "$from" copied
diff -r "$from" copied
listing "$from" > "$HOME/want"; listing unpacked | diff "$HOME/want" -; listing copied | diff "$HOME/want" -
test -s "$HOME/want"
./copied/run.sh | grep -q ran
cp "$from/large" "$HOME/large"
for f in copied/large "$HOME/large"; do dd if=/dev/zero of="$f" bs=1000 seek=700 count=5 conv=notrunc status=none; done
cmp copied/large "$HOME/large"
dd if="$from/large" of=unpacked/large bs=64k oflag=append conv=notrunc status=none
test "$(stat -c %s unpacked/large)" = 6000000
mv copied moved && rm -r moved unpacked packed.tar
test -z "$(ls -A)"`, "tar", "dd", "find")
}
