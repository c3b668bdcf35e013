// Package block defines where the bytes of files are kept that are too large
// for the database. Implementations live in the packages below it; package
// blocktest holds the tests that they must all pass.
package block

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// ID names a block: 32 hexadecimal digits in lower case, chosen at random, so
// that several servers can choose without asking each other. Behind them stands
// what it takes to find and to read it, so that whoever refers to a block knows
// that, too: a dot and the number of the key that it is sealed with, if it is, and
// an at sign and the name of the tier that it lies in, if that is not the first.
type ID string

// NewID chooses an id.
func NewID() ID {
	var b [16]byte
	rand.Read(b[:])
	return ID(hex.EncodeToString(b[:]))
}

var (
	idForm   = regexp.MustCompile(`^[0-9a-f]{32}(\.[1-9][0-9]{0,18})?(@[a-z][a-z0-9]{0,15})?$`)
	tierForm = regexp.MustCompile(`^[a-z][a-z0-9]{0,15}$`)
)

// Check says whether id has the form of an id; implementations make names of
// files from ids and refuse others.
func (id ID) Check() error {
	if !idForm.MatchString(string(id)) {
		return bine.Errorf(bine.Invalid, "%q is not the id of a block: 32 hexadecimal digits are expected", string(id))
	}
	return nil
}

// CheckTier says whether name can be that of a tier.
func CheckTier(name string) error {
	if !tierForm.MatchString(name) {
		return bine.Errorf(bine.Invalid, "%q is no name of a tier: 1 to 16 lower-case letters and digits are expected, a letter first", name)
	}
	return nil
}

// At gives the id as that of a block that is sealed with a key, unless that is 0,
// and lies in a tier, unless that is "".
func (id ID) At(key int64, tier string) ID {
	at := id.Digits()
	if key != 0 {
		at += "." + strconv.FormatInt(key, 10)
	}
	if tier != "" {
		at += "@" + tier
	}
	return ID(at)
}

// Digits are the random part of the id.
func (id ID) Digits() string { return string(id[:min(32, len(id))]) }

// Tier is the name of the tier that the block lies in; empty is the first.
func (id ID) Tier() string {
	_, tier, _ := strings.Cut(string(id), "@")
	return tier
}

// Within is the id without the tier: the one that the tier knows.
func (id ID) Within() ID {
	within, _, _ := strings.Cut(string(id), "@")
	return ID(within)
}

// Key is the number of the key that the block is sealed with; 0 is none.
func (id ID) Key() int64 {
	_, text, _ := strings.Cut(string(id.Within()), ".")
	key, _ := strconv.ParseInt(text, 10, 64) // an id that passes Check has a number there, or nothing
	return key
}

// ErrNotExist is in the chain of errors about a block that is not there.
var ErrNotExist = errors.New("block does not exist")

// Stat describes a stored block.
type Stat struct {
	ID      ID
	Size    int64
	Written time.Time
}

// Store keeps whole, immutable blocks by id. Its methods may be called at the
// same time by many, from several processes where the implementation says so.
type Store interface {
	// Put stores what r yields under id and returns when it is durable. No
	// reader ever sees part of it; when Put fails nothing is left of it. A block
	// is put again only with the same bytes. No room is an error of kind NoQuota.
	Put(ctx context.Context, id ID, r io.Reader) error
	// Open returns length bytes of the block from offset on, or fewer where it
	// ends; length 0 is to the end. A block that is not there is ErrNotExist. A
	// block removed while it is read is read to its end or fails; other bytes
	// never appear.
	Open(ctx context.Context, id ID, offset, length int64) (io.ReadCloser, error)
	// Remove deletes the block. Removing what is not there is no error.
	Remove(ctx context.Context, id ID) error
	// List gives every block that was there when it began and still is, ordered
	// by id; an error ends it.
	List(ctx context.Context) iter.Seq2[Stat, error]
}
