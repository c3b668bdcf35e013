package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"math/big"
	"strings"

	"github.com/bine-ml/bine"
)

// What a caller presents begins with what it is, so that a leaked one is
// recognised where it turns up.
const (
	keyPrefix = "bine_"
	jobPrefix = "binejob_"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// secretLength is that of 32 bytes in base 62.
const secretLength = 43

// keyIDLength leaves 62^10 ids.
const keyIDLength = 10

// random gives n random characters of base 62.
func random(n int) string {
	bits := make([]byte, n) // 8 bits for each character that takes 6: no bias that matters
	rand.Read(bits)
	value := new(big.Int).SetBytes(bits)
	digits := make([]byte, n)
	base, rest := big.NewInt(int64(len(base62))), new(big.Int)
	for i := range digits {
		value.DivMod(value, base, rest)
		digits[i] = base62[rest.Int64()]
	}
	return string(digits)
}

// newKey makes an API key: its id, and bine_<id>_<secret>.
func newKey() (id, secret, key string) {
	id, secret = random(keyIDLength), random(secretLength)
	return id, secret, KeyText(id, secret)
}

// KeyText writes an API key out of its id and its secret.
func KeyText(id, secret string) string { return keyPrefix + id + "_" + secret }

// SecretOf gives the secret of an API key that was just made.
func SecretOf(key string) string {
	_, secret, _ := splitKey(key)
	return secret
}

// S3Place is the place under which the secret of a key for S3 is sealed.
func S3Place(id string) string { return "s3/" + id }

// splitKey takes an API key apart.
func splitKey(key string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && len(id) == keyIDLength && len(secret) == secretLength
}

func hashOf(secret string) bine.Hash { return bine.HashOf([]byte(secret)) }

func same(a, b bine.Hash) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
