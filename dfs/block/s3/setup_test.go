package s3_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/s3"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
)

func TestParse(t *testing.T) {
	got, err := s3.Parse("s3://bucket/some/where/?endpoint=https://host:9000&region=eu-north-1&path_style=true&ca=/etc/ca.pem&part_size=16MiB&parallel=2&timeout=90s&checksum=md5&encrypt=true&iam=true")
	want := s3.Config{
		Endpoint: "https://host:9000", Bucket: "bucket", Prefix: "some/where/", Region: "eu-north-1", Style: s3.StylePath, CAFile: "/etc/ca.pem",
		PartSize: 16 << 20, Parallel: 2, Timeout: 90 * time.Second, Checksum: s3.ContentMD5, Encrypt: true, UseIAM: true,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := s3.Parse("s3://bucket"); err != nil || got != (s3.Config{Bucket: "bucket"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{
		"s3:/bucket", "s3://", "/var/blocks", "s3://key:hidden@bucket", "s3://bucket?secret_key=hidden", "s3://bucket?endpoint=https://key:hidden@host", "s3://bucket?endpoint=host",
		"s3://bucket?endpoint=https://host/hidden", "s3://bucket?part_size=1MiB", "s3://bucket?part_size=16", "s3://bucket?parallel=0", "s3://bucket?timeout=1",
		"s3://bucket?checksum=hidden", "s3://bucket?encrypt=hidden", "s3://bucket?region=a&region=b", "s3://bucket#hidden", "s3://buc ket\x7f:hidden@",
	} {
		if _, err := s3.Parse(bad); !bine.IsKind(err, bine.Invalid) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v, want an error of kind invalid that quotes no value", bad, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	server := s3test.Start(t)
	for name, c := range map[string]struct {
		change func(*s3.Config)
		kind   bine.Kind
		want   string
	}{
		"no bucket":      {func(c *s3.Config) { c.Bucket = "not-there" }, bine.Internal, "make it"},
		"unknown key":    {func(c *s3.Config) { c.AccessKey = "somebody" }, bine.Internal, "BINE_S3_ACCESS_KEY"},
		"wrong secret":   {func(c *s3.Config) { c.SecretKey = "something else" }, bine.Internal, "BINE_S3_SECRET_KEY"},
		"half the keys":  {func(c *s3.Config) { c.AccessKey = "" }, bine.Invalid, "only one"},
		"nobody there":   {func(c *s3.Config) { c.Endpoint = "http://127.0.0.1:1" }, bine.Unavailable, "cannot be reached"},
		"no such host":   {func(c *s3.Config) { c.Endpoint = "http://s3.invalid" }, bine.Unavailable, "cannot be reached"},
		"no TLS there":   {func(c *s3.Config) { c.Endpoint = strings.Replace(c.Endpoint, "http:", "https:", 1) }, bine.Internal, "http://"},
		"no CA file":     {func(c *s3.Config) { c.CAFile = "/not/there" }, bine.Invalid, "/not/there"},
		"another region": {func(c *s3.Config) { c.Region = "eu-north-1" }, bine.Internal, "region"},
	} {
		config := server.Config(t)
		c.change(&config)
		begun := time.Now()
		store, err := s3.Open(t.Context(), config)
		if err == nil {
			store.Close()
		}
		if took := time.Since(begun); !bine.IsKind(err, c.kind) || !strings.Contains(err.Error(), c.want) || took > 5*time.Second {
			t.Errorf("%s: got %v after %s; want an error of kind %s with %q", name, err, took, c.kind, c.want)
		}
		if err != nil && config.SecretKey != "" && strings.Contains(err.Error(), config.SecretKey) {
			t.Errorf("%s: the secret is in %q", name, err)
		}
	}
}

func TestOpenNeedsEveryRight(t *testing.T) {
	server := s3test.Start(t)
	for name, meant := range map[string]func(*http.Request) bool{
		"list": lists, "put": puts, "get": gets, "delete": func(r *http.Request) bool { return r.Method == http.MethodDelete },
	} {
		p := newProxy(t, server)
		p.set(always(meant, fault{status: 403, code: "AccessDenied"}))
		if _, err := s3.Open(t.Context(), p.config(server.Config(t))); !bine.IsKind(err, bine.Internal) || !strings.Contains(err.Error(), "access is denied") {
			t.Errorf("without the right to %s: got %v", name, err)
		}
	}
}

func TestKeysOfTheEnvironment(t *testing.T) {
	c := s3test.Start(t).Config(t)
	t.Setenv("AWS_ACCESS_KEY_ID", c.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", c.SecretKey)
	c.AccessKey, c.SecretKey = "", ""
	s3test.Open(t, c)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("HOME", t.TempDir())
	if _, err := s3.Open(t.Context(), c); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "no keys") {
		t.Errorf("without keys: got %v", err)
	}
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	server := s3test.StartTLS(t, cert, key)
	c := server.Config(t)
	c.Endpoint, c.PartSize = "https://"+server.Address, 5<<20
	if _, err := s3.Open(t.Context(), c); !bine.IsKind(err, bine.Internal) || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("without the authority: got %v", err)
	}
	c.CAFile = cert
	store := s3test.Open(t, c)
	for _, size := range []int{1000, large} {
		id, data := block.NewID(), noise(size)
		if err := store.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if got := blocktest.Read(t, store, id, 0, 0); !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back as %d others", size, len(got))
		}
	}
}

// certificate makes a certificate for 127.0.0.1 that is its own authority.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestEveryKindOfChecksum(t *testing.T) {
	server := s3test.Start(t)
	for kind, header := range map[s3.Checksum]string{s3.CRC32C: "X-Amz-Checksum-Crc32c", s3.ContentMD5: "Content-Md5", s3.NoChecksums: ""} {
		c := server.Config(t)
		c.PartSize, c.Checksum = 5<<20, kind
		p := newProxy(t, server)
		store := s3test.Open(t, p.config(c))
		for _, size := range []int{1000, large} {
			id, data := block.NewID(), noise(size)
			p.set(nil)
			if err := store.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			for _, r := range p.seen() {
				if puts(r) && header != "" && r.Header.Get(header) == "" {
					t.Errorf("%s: a request of a block of %d bytes has no %s", kind, size, header)
				}
			}
			if got := blocktest.Read(t, store, id, 0, 0); !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes came back as %d others", kind, size, len(got))
			}
		}
	}
}

func TestEncryptionIsAskedFor(t *testing.T) {
	server := s3test.Start(t)
	c := server.Config(t)
	p := newProxy(t, server)
	p.set(func(r *http.Request) fault {
		if puts(r) || begins(r) {
			return fault{status: 403, code: r.Header.Get("X-Amz-Server-Side-Encryption")}
		}
		return fault{}
	})
	c.Encrypt = true
	if _, err := s3.Open(t.Context(), p.config(c)); err == nil || !strings.Contains(err.Error(), "AES256") {
		t.Errorf("got %v, want a request for AES256", err)
	}
}

func TestAFullDiskIsNoQuota(t *testing.T) {
	server := s3test.Start(t)
	c := server.Config(t)
	if err := syscall.Mount("tmpfs", filepath.Join(server.Dir, c.Bucket), "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small disk to fill needs the right to mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(filepath.Join(server.Dir, c.Bucket), syscall.MNT_DETACH) })
	c.PartSize = 5 << 20
	store := s3test.Open(t, c)
	if err := store.Put(t.Context(), block.NewID(), bytes.NewReader(noise(large))); !bine.IsKind(err, bine.NoQuota) {
		t.Errorf("got %v, want an error of kind no_quota", err)
	}
	for stat := range store.List(t.Context()) {
		t.Errorf("%v is there", stat)
	}
	if err := store.Put(t.Context(), block.NewID(), bytes.NewReader(noise(1<<20))); err != nil {
		t.Errorf("a block that fits, afterwards: %v", err)
	}
}

func TestOwnerIsTheFirst(t *testing.T) {
	store := s3test.Open(t, s3test.Start(t).Config(t))
	if owner, err := store.Owner(t.Context()); err != nil || owner != "" {
		t.Errorf("at first: got %q, %v", owner, err)
	}
	for _, name := range []string{"one", "two"} {
		if err := store.SetOwner(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if owner, err := store.Owner(t.Context()); err != nil || owner != "one" {
		t.Errorf("got %q, %v; want the first", owner, err)
	}
	for stat, err := range store.List(t.Context()) {
		t.Errorf("the list shows %v, %v", stat, err)
	}
}

func TestPrefixesAreApart(t *testing.T) {
	c := s3test.Start(t).Config(t)
	other := c
	other.Prefix = ""
	a, b := s3test.Open(t, c), s3test.Open(t, other)
	if err := a.Put(t.Context(), block.NewID(), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for stat, err := range b.List(t.Context()) {
		t.Errorf("the blocks of another prefix are listed: %v, %v", stat, err)
	}
}
