package embedded_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
)

// probes are methods of each service that some port of a server has.
func probes() []string {
	return []string{
		"/grpc.health.v1.Health/Check",
		"/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo",
		"/temporal.api.workflowservice.v1.WorkflowService/ListNamespaces",
		"/temporal.api.operatorservice.v1.OperatorService/ListSearchAttributes",
		"/temporal.server.api.adminservice.v1.AdminService/DescribeCluster",
		"/temporal.server.api.historyservice.v1.HistoryService/DescribeHistoryHost",
		"/temporal.server.api.historyservice.v1.HistoryService/TerminateWorkflowExecution",
		"/temporal.server.api.matchingservice.v1.MatchingService/ListNexusEndpoints",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	}
}

func TestNoPortAnswersAStranger(t *testing.T) {
	before := listening(t)
	s := start(t, embedded.Options{Dir: t.TempDir()})
	defer stop(t, s)
	ports := slices.DeleteFunc(listening(t), func(a string) bool { return slices.Contains(before, a) })
	if len(ports) < 4 || !slices.Contains(ports, s.Address()) {
		t.Fatalf("the process listens on %v; want the frontend at %s and three more", ports, s.Address())
	}
	strangers := map[string]credentials.TransportCredentials{
		"plain":               insecure.NewCredentials(),
		"without certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
		"foreign certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{foreign(t)}}),
	}
	count := 0
	for _, port := range ports {
		for name, creds := range strangers {
			for method, code := range probe(t, port, creds) {
				if count++; code != codes.Unavailable {
					t.Errorf("%s on %s, %s: answered %v", method, port, name, code)
				}
			}
		}
	}
	t.Logf("%d probes of %d ports", count, len(ports))

	// With the certificate the same calls reach handlers, or the probes above
	// would prove nothing.
	reached := make(map[string]bool)
	for _, port := range ports {
		for method, code := range probe(t, port, credentials.NewTLS(s.TLS())) {
			reached[method] = reached[method] || code != codes.Unavailable && code != codes.Unimplemented
		}
	}
	for _, method := range probes() {
		if !reached[method] && !strings.Contains(method, "reflection") {
			t.Errorf("%s reached no handler even with the certificate", method)
		}
	}
}

// probe calls every method on a port.
func probe(t *testing.T, address string, creds credentials.TransportCredentials) map[string]codes.Code {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := make(map[string]codes.Code)
	for _, method := range probes() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		answers[method] = status.Code(conn.Invoke(ctx, method, new(emptypb.Empty), new(emptypb.Empty)))
		cancel()
	}
	return answers
}

// foreign makes a certificate of an authority that nobody knows.
func foreign(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{"temporal.bine.internal"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listening gives the addresses that this process listens on, from /proc.
func listening(t *testing.T) []string {
	t.Helper()
	sockets := make(map[string]bool) // inodes of this process's sockets
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("there is no /proc here to read the listening ports from")
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			sockets[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	var found []string
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && sockets[f[9]] {
				found = append(found, address(t, f[1]))
			}
		}
	}
	return found
}

// address reads an address of /proc/net/tcp: words of four bytes in the
// machine's order, which is little-endian wherever this test runs.
func address(t *testing.T, text string) string {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	ip, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(ip, 4) {
		slices.Reverse(word)
	}
	var n int
	if _, err := fmt.Sscanf(port, "%X", &n); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(net.IP(ip).String(), fmt.Sprint(n))
}

func TestAnotherProcessConnectsByFiles(t *testing.T) {
	dir := t.TempDir()
	files := filepath.Join(dir, "client")
	s := start(t, embedded.Options{Dir: dir})
	if err := s.WriteClientCertificates(files); err != nil {
		t.Fatal(err)
	}
	config, err := temporal.LoadTLS(files)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(s.Address(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	c, err := temporal.Dial(t.Context(), temporal.Options{
		Address: s.Address(), TLS: config, Sealer: sealerIn(t, dir), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer work(t, c)()
	begin(t, c, "by-files", waiting)
	stop(t, s)

	// The same client finds the server that comes after, by its new certificates.
	s = start(t, embedded.Options{Dir: dir, Port: port})
	defer stop(t, s)
	if err := s.WriteClientCertificates(files); err != nil {
		t.Fatal(err)
	}
	soon(t, func() string {
		if err := c.SignalWorkflow(t.Context(), "by-files", "", signal, "hello"); err != nil {
			return err.Error()
		}
		return ""
	})
	var said string
	if err := c.GetWorkflow(t.Context(), "by-files", "").Get(t.Context(), &said); err != nil || said != "hello" {
		t.Errorf("got %q, %v", said, err)
	}
}
