package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bine-ml/bine"
)

const (
	sealKeySize = 32
	sealVersion = "v1"
)

// Sealer encrypts small secrets for keeping (AES-256-GCM). Each has a key of
// its own, which is kept beside it, encrypted with the key of the file; so the
// file's key can be changed without reading a secret.
type Sealer struct{ outer cipher.AEAD }

// NewSealer makes a sealer over a key of 32 bytes.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != sealKeySize {
		return nil, bine.Errorf(bine.Invalid, "the key that seals secrets has %d bytes, not %d", len(key), sealKeySize)
	}
	outer, err := newGCM(key)
	return &Sealer{outer}, err
}

// OpenSealer makes a sealer over the key in a file, which it makes where it is
// not there. A file that others may read is refused.
func OpenSealer(path string) (*Sealer, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key that seals secrets: %w", err)
	}
	about, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key that seals secrets: %w", err)
	}
	if about.Mode().Perm()&0o077 != 0 {
		return nil, bine.Errorf(bine.Invalid, "%s holds the key that seals secrets and may be read by others: chmod 600 it", path)
	}
	return NewSealer(key)
}

// makeKeyFile writes a new key aside and links it into place, so that of two
// programs that start at once both use the same key and none reads half of it.
func makeKeyFile(path string) ([]byte, error) {
	key := make([]byte, sealKeySize)
	rand.Read(key)
	f, err := os.CreateTemp(filepath.Dir(path), ".seal-*") // made with mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts a secret. place says what it belongs to (for example
// "route/<project>/<deployment>"): it opens for the same place only.
func (s *Sealer) Seal(secret, place string) (string, error) {
	key := make([]byte, sealKeySize)
	rand.Read(key)
	inner, err := newGCM(key)
	if err != nil {
		return "", err
	}
	aad := []byte(place)
	b64 := base64.RawURLEncoding
	return strings.Join([]string{sealVersion, b64.EncodeToString(s.outer.Seal(nil, nil, key, aad)), b64.EncodeToString(inner.Seal(nil, nil, []byte(secret), aad))}, "."), nil
}

// Open gives a secret that was sealed for the place.
func (s *Sealer) Open(sealed, place string) (string, error) {
	bad := bine.Errorf(bine.Internal, "a sealed secret cannot be opened: it belongs elsewhere, or the key file is another one")
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != sealVersion {
		return "", bad
	}
	wrapped, errKey := base64.RawURLEncoding.DecodeString(parts[1])
	text, errText := base64.RawURLEncoding.DecodeString(parts[2])
	if errKey != nil || errText != nil {
		return "", bad
	}
	key, err := s.outer.Open(nil, nil, wrapped, []byte(place))
	if err != nil {
		return "", bad
	}
	inner, err := newGCM(key)
	if err != nil {
		return "", bad
	}
	secret, err := inner.Open(nil, nil, text, []byte(place))
	if err != nil {
		return "", bad
	}
	return string(secret), nil
}
