package temporal

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bine-ml/bine"
)

// The files in a directory of certificates, in PEM.
const (
	AuthorityFile = "ca.pem"     // who signs the server's certificate
	ClientFile    = "client.pem" // ours
	ClientKeyFile = "client.key" // the key to ours; for its owner's eyes only
)

// LoadTLS gives the mutual TLS of a client whose certificates are in dir. The
// files are read again for each connection: a server that starts again with new
// certificates, or an authority that renews them, needs no restart of clients.
func LoadTLS(dir string) (*tls.Config, error) {
	if _, err := loadPair(dir); err != nil {
		return nil, err
	}
	if _, err := loadAuthority(dir); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return loadPair(dir) },
		// The default check would use an authority read once; ours, below, is
		// the same check with the authority that the file holds now.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(dir, s) },
	}, nil
}

func loadPair(dir string) (*tls.Certificate, error) {
	key := filepath.Join(dir, ClientKeyFile)
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, bine.Errorf(bine.Forbidden, "%s can be read by others (mode %04o); run chmod 600 on it", key, info.Mode().Perm())
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, ClientFile), key)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the client certificate for Temporal in %s: %w", dir, err)
	}
	return &pair, nil
}

func loadAuthority(dir string) (*x509.CertPool, error) {
	path := filepath.Join(dir, AuthorityFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, bine.Errorf(bine.Invalid, "the authority of Temporal's certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, bine.Errorf(bine.Invalid, "%s holds no certificate", path)
	}
	return pool, nil
}

// verify checks the server's chain, as crypto/tls does by default.
func verify(dir string, s tls.ConnectionState) error {
	roots, err := loadAuthority(dir)
	if err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: s.ServerName, Roots: roots, Intermediates: between,
	}); err != nil {
		return fmt.Errorf("certificate of Temporal: %w", err)
	}
	return nil
}
