// Package s3test gives tests a private S3 server: versitygw over a directory.
package s3test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine/dfs/block/s3"
)

// The keys of the server's one user.
const (
	AccessKey = "bine-test"
	SecretKey = "0123456789abcdef-secret"
)

// Server is a running S3 server.
type Server struct {
	Address string // host:port
	Dir     string // buckets are directories in it
	buckets atomic.Int64
}

var errNotBuilt = errors.New("there is no S3 server to test with: build it with `make bin/versitygw`, or have versitygw on the PATH")

// Start starts a server that ends with the test. Where its program is not to be
// found the test is skipped, but fails when CI is set.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t)
}

// StartTLS is Start with a certificate and its key, in PEM files.
func StartTLS(t testing.TB, cert, key string) *Server {
	t.Helper()
	return start(t, "--cert", cert, "--key", key)
}

// keeper runs the server and ends it when its standard input closes: at the end
// of the test, or when the test binary is gone, however it ended.
const keeper = `
"$@" </dev/null &
server=$!
read -r _
kill -9 "$server" 2>/dev/null
wait "$server"
`

func start(t testing.TB, flags ...string) *Server {
	t.Helper()
	program, err := find()
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: freeAddress(t), Dir: t.TempDir()}
	log, err := os.Create(filepath.Join(t.TempDir(), "versitygw.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"-c", keeper, "keeper", program, "--access", AccessKey, "--secret", SecretKey, "--port", s.Address, "--quiet"}, flags...)
	cmd := exec.Command("/bin/sh", append(args, "posix", "--sidecar", t.TempDir(), s.Dir)...)
	cmd.Stdout, cmd.Stderr = log, log
	life, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start versitygw: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { life.Close(); <-ended })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.Address); err == nil {
			conn.Close()
			return s
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("versitygw did not start:\n%s", text)
		}
	}
}

// Bucket makes an empty bucket.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", s.buckets.Add(1))
	if err := os.Mkdir(filepath.Join(s.Dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// Config is for a store in a new bucket.
func (s *Server) Config(t testing.TB) s3.Config {
	t.Helper()
	return s3.Config{Endpoint: "http://" + s.Address, Bucket: s.Bucket(t), Prefix: "blocks/", AccessKey: AccessKey, SecretKey: SecretKey}
}

// Open opens a store that ends with the test.
func Open(t testing.TB, c s3.Config) *s3.Store {
	t.Helper()
	store, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// find looks on the PATH and in bin of the module that the test is of.
func find() (string, error) {
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path, nil
	}
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(at, "bin", "versitygw")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
		if up := filepath.Dir(at); up != at {
			at = up
			continue
		}
		return "", errNotBuilt
	}
}
