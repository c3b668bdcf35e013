package databasetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// server is a private MariaDB server.
type server struct {
	socket string
	admin  *sql.DB
	life   io.Closer // the server ends when this closes, or is collected
	made   int
	mu     sync.Mutex
}

// private is the server of this test binary.
var private = sync.OnceValues(start)

var errNotInstalled = errors.New("MariaDB is not installed (Debian: apt-get install mariadb-server)")

// MariaDBAddress is the address of a fresh, empty database on the private server.
func MariaDBAddress(t testing.TB) string {
	t.Helper()
	s, err := private()
	if errors.Is(err, errNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	name := s.name()
	if _, err := s.admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.Exec("DROP DATABASE " + name); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return "mysql://root@localhost/" + name + "?socket=" + url.QueryEscape(s.socket)
}

func (s *server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return "bine_" + strconv.Itoa(s.made)
}

// keeper runs the server and ends it, with all its files, when its standard
// input closes: that is when the test binary is gone, however it ended.
const keeper = `
"$@" >"$DIR/server.log" 2>&1 </dev/null &
server=$!
read -r _
kill "$server" 2>/dev/null
wait "$server"
rm -rf "$DIR"
`

// start makes a server that listens on a socket only.
func start() (*server, error) {
	daemon, err := find("mariadbd", "/usr/sbin/mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db", "/usr/bin/mariadb-install-db")
	if err != nil {
		return nil, err
	}
	dir, as, err := place()
	if err != nil {
		return nil, err
	}
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "socket")
	common := []string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + dir, "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M"}
	if as != nil {
		common = append(common, "--user="+as.Username)
	}
	out, err := exec.Command(install, append(common, "--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("make its data directory: %w: %s", err, out)
	}
	args := append([]string{"-c", keeper, "keeper", daemon}, common...)
	args = append(args, "--socket="+socket, "--skip-networking", "--skip-name-resolve", "--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync", "--debug-no-sync", "--max-connections=500", "--pid-file="+filepath.Join(dir, "pid"))
	cmd := exec.Command("/bin/sh", args...)
	cmd.Env = append(os.Environ(), "DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C of the tests ends it by its input, too
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	admin, err := connect(socket, filepath.Join(dir, "server.log"))
	return &server{socket: socket, admin: admin, life: life}, err
}

func find(name, elsewhere string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if _, err := os.Stat(elsewhere); err == nil {
		return elsewhere, nil
	}
	return "", errNotInstalled
}

// place makes the server's directory. The server refuses to run as root, so
// then it gets a user of its own, who has to be able to reach the directory.
func place() (dir string, as *user.User, err error) {
	if dir, err = os.MkdirTemp("/tmp", "bine-mariadb-"); err != nil || os.Getuid() != 0 {
		return dir, nil, err
	}
	if as, err = user.Lookup("mysql"); err != nil {
		return "", nil, fmt.Errorf("%w: no user mysql", errNotInstalled)
	}
	uid, err := strconv.Atoi(as.Uid)
	if err != nil {
		return "", nil, err
	}
	return dir, as, os.Chown(dir, uid, -1)
}

func connect(socket, log string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.Logger = "root", "unix", socket, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	admin := sql.OpenDB(connector)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = admin.PingContext(ctx); err == nil {
			return admin, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text, _ := os.ReadFile(log)
			return nil, fmt.Errorf("it does not answer: %w: %s", err, text)
		}
	}
}
