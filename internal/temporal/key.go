package temporal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/bine-ml/bine"
)

// keySize is the length of a key in bytes: AES-256.
const keySize = 32

// Key is a key that payloads are sealed with. It never shows itself in logs or
// in formatted text.
type Key struct {
	id     string
	secret [keySize]byte
}

// NewKey makes a key of 32 secret bytes.
func NewKey(secret []byte) (Key, error) {
	if len(secret) != keySize {
		return Key{}, bine.Errorf(bine.Invalid, "a payload key has %d bytes; this one has %d", keySize, len(secret))
	}
	sum := sha256.Sum256(append([]byte("bine payload key id\x00"), secret...))
	return Key{id: hex.EncodeToString(sum[:8]), secret: [keySize]byte(secret)}, nil
}

// ID names the key without telling anything about it. It is stored beside what
// the key has sealed, so that keys can be exchanged.
func (k Key) ID() string { return k.id }

// String gives the name of the key, never the key.
func (k Key) String() string { return "key " + k.id }

// Format writes the name of the key whatever the verb is, never the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue gives the name of the key, never the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// LoadKey reads the key in the file at path, and makes one there when there is
// none. Processes that start at once agree on one key. A file that others than
// its owner can read is refused.
func LoadKey(path string) (Key, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(path); err != nil {
			return Key{}, fmt.Errorf("create payload key: %w", err)
		}
		key, err = readKey(path)
	}
	return key, err
}

func readKey(path string) (Key, error) {
	file, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("open payload key: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("look at payload key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, bine.Errorf(bine.Forbidden,
			"the payload key %s can be read by others (mode %04o); run chmod 600 on it, and replace the key if somebody may have read it", path, info.Mode().Perm())
	}
	if !info.Mode().IsRegular() || info.Size() != keySize {
		return Key{}, bine.Errorf(bine.Invalid, "%s is no payload key: it must be a file of %d bytes", path, keySize)
	}
	var secret [keySize]byte
	if _, err := file.ReadAt(secret[:], 0); err != nil {
		return Key{}, fmt.Errorf("read payload key: %w", err)
	}
	return NewKey(secret[:])
}

// createKey puts a new key at path, whole or not at all, and leaves a key alone
// that somebody else put there first.
func createKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	defer temp.Close()
	secret := make([]byte, keySize)
	rand.Read(secret) // never fails
	if _, err := temp.Write(secret); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
