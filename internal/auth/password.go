package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/bine-ml/bine"
)

// cost is what one hash of a password takes.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// current is OWASP's recommendation for argon2id: 19 MiB, two passes, one
// thread. A hash made with another cost is made anew at the next sign-in.
var current = cost{memory: 19 * 1024, passes: 2, threads: 1}

const (
	saltSize = 16
	hashSize = 32
)

// The bounds of a password's length: too short is guessed, and nobody types
// one longer than the limit, which only bounds the work of hashing it.
const (
	minPassword = 10
	maxPassword = 1000
)

// passwords hashes and compares passwords, a few at a time: each takes 19 MiB,
// and a flood of sign-ins must not take the machine's memory.
type passwords struct {
	turn  chan struct{}
	decoy string // a hash to compare with where there is no user
}

func newPasswords() (*passwords, error) {
	p := &passwords{turn: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	decoy, err := p.hash(context.Background(), rand.Text())
	p.decoy = decoy
	return p, err
}

// HashPassword gives the form in which a password is kept (argon2id in PHC
// form). One that is too short or too long is Invalid.
func (a *Auth) HashPassword(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	return a.passwords.hash(ctx, password)
}

// CheckPassword says what is wrong with a new password.
func CheckPassword(password string) error {
	switch {
	case len(password) < minPassword:
		return bine.Errorf(bine.Invalid, "a password has at least %d characters", minPassword)
	case len(password) > maxPassword:
		return bine.Errorf(bine.Invalid, "a password has at most %d bytes", maxPassword)
	}
	return nil
}

func (p *passwords) wait(ctx context.Context) (done func(), err error) {
	select {
	case p.turn <- struct{}{}:
		return func() { <-p.turn }, nil
	case <-ctx.Done():
		return nil, bine.Errorf(bine.Unavailable, "too many people sign in at once; try again in a few seconds")
	}
}

func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	done, err := p.wait(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	return encodeHash(current, salt, derive(current, password, salt, hashSize)), nil
}

func derive(c cost, password string, salt []byte, size int) []byte {
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, uint32(size))
}

// verify compares a password with a kept hash. An empty hash, of a user who is
// not there, takes the same work and never matches. again says that the hash
// should be made anew.
func (p *passwords) verify(ctx context.Context, kept, password string) (match, again bool, err error) {
	known := kept != ""
	if !known {
		kept = p.decoy
	}
	c, salt, want, err := decodeHash(kept)
	if err != nil {
		return false, false, err
	}
	done, err := p.wait(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	got := derive(c, password[:min(len(password), maxPassword)], salt, len(want))
	match = subtle.ConstantTimeCompare(got, want) == 1 && known && len(password) <= maxPassword
	return match, match && c != current, nil
}

func encodeHash(c cost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

func decodeHash(kept string) (c cost, salt, sum []byte, err error) {
	parts := strings.Split(kept, "$")
	bad := bine.Errorf(bine.Internal, "a kept password hash is not readable")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, bad
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil || c.passes < 1 || c.threads < 1 {
		return c, nil, nil, bad
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	sum, errSum := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(sum) < 16 {
		return c, nil, nil, bad
	}
	return c, salt, sum, nil
}
