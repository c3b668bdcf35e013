package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/rpc/encryption"

	"github.com/bine-ml/bine/internal/temporal"
)

// serverName is the name in the one certificate.
const serverName = "temporal.bine.internal"

// certificates are the authority and the one leaf of one start of a server. The
// leaf is shown by servers and clients alike: whoever has it is trusted, and
// nobody else gets as far as a handler.
type certificates struct {
	authority []byte // DER
	leaf      tls.Certificate
	pool      *x509.CertPool
}

// newCertificates makes an authority that is forgotten at once, and its leaf.
func newCertificates(ip net.IP) (*certificates, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// A server may run for long; its certificates end with it.
	from, until := time.Now().Add(-time.Hour), time.Now().AddDate(20, 0, 0)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bine temporal authority"},
		NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: serverName},
		NotBefore: from, NotAfter: until, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{serverName, "localhost"}, IPAddresses: []net.IP{ip},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &certificates{
		authority: caDER,
		leaf:      tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey},
		pool:      pool,
	}, nil
}

// server is the configuration of every port.
func (c *certificates) server() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{c.leaf}, ClientCAs: c.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
	}
}

// client is the configuration of everyone who may connect.
func (c *certificates) client() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{c.leaf}, RootCAs: c.pool, ServerName: serverName,
		MinVersion: tls.VersionTLS13,
	}
}

// provider gives the server its configurations, between its own services and
// for clients from outside.
func (c *certificates) provider() encryption.TLSConfigProvider {
	return &encryption.FixedTLSConfigProvider{
		InternodeServerConfig: c.server(), InternodeClientConfig: c.client(),
		FrontendServerConfig: c.server(), FrontendClientConfig: c.client(),
	}
}

// write puts the certificates into dir, for temporal.LoadTLS of another process.
func (c *certificates) write(dir string) error {
	key, err := x509.MarshalPKCS8PrivateKey(c.leaf.PrivateKey)
	if err != nil {
		return fmt.Errorf("encode client key: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create directory of certificates: %w", err)
	}
	return errors.Join(
		writePEM(dir, temporal.AuthorityFile, "CERTIFICATE", c.authority),
		writePEM(dir, temporal.ClientKeyFile, "PRIVATE KEY", key),
		writePEM(dir, temporal.ClientFile, "CERTIFICATE", c.leaf.Certificate[0]),
	)
}

// writePEM replaces a file at once: no reader sees half of it.
func writePEM(dir, name, kind string, der []byte) error {
	file, err := os.CreateTemp(dir, "."+name+"-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(file.Name())
	err = errors.Join(pem.Encode(file, &pem.Block{Type: kind, Bytes: der}), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
