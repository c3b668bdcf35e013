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
	"time"

	"github.com/bine-ml/bine"
)

// ID names a block: 32 hexadecimal digits in lower case, chosen at random, so
// that several servers can choose without asking each other.
type ID string

// NewID chooses an id.
func NewID() ID {
	var b [16]byte
	rand.Read(b[:])
	return ID(hex.EncodeToString(b[:]))
}

var idForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Check says whether id has the form of an id; implementations make names of
// files from ids and refuse others.
func (id ID) Check() error {
	if !idForm.MatchString(string(id)) {
		return bine.Errorf(bine.Invalid, "%q is not the id of a block: 32 hexadecimal digits are expected", string(id))
	}
	return nil
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
