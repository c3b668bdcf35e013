package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sync"
)

const chunkSize = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// part is a piece of a block, in memory until the service has it. It grows by
// chunks as bytes come in, so that a small block takes little.
type part struct {
	chunks []*[chunkSize]byte
	size   int64
	crc    uint32
}

// fill reads a part; last says that r has ended.
func (s *Store) fill(ctx context.Context, r io.Reader) (p *part, last bool, err error) {
	p = new(part)
	for p.size < s.config.PartSize {
		if err := ctx.Err(); err != nil {
			s.free(p)
			return nil, false, err
		}
		chunk := s.chunks.Get().(*[chunkSize]byte)
		p.chunks = append(p.chunks, chunk)
		room := chunk[:min(chunkSize, s.config.PartSize-p.size)]
		n, err := readFull(r, room)
		p.size += int64(n)
		p.crc = crc32.Update(p.crc, castagnoli, room[:n])
		if err == io.EOF {
			return p, true, nil
		}
		if err != nil {
			s.free(p)
			return nil, false, sourceError{err}
		}
	}
	return p, false, nil
}

// readFull is io.ReadFull but for the end: that is io.EOF, after some bytes too,
// so that it differs from io.ErrUnexpectedEOF, with which r says that it was cut off.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	return n, err
}

// sourceError is a failure of what a block is read from.
type sourceError struct{ error }

// Unwrap gives the failure itself.
func (e sourceError) Unwrap() error { return e.error }

// free gives the memory of a part back.
func (s *Store) free(p *part) {
	for _, chunk := range p.chunks {
		s.chunks.Put(chunk)
	}
	p.chunks = nil
}

// combine adds the bytes of a part to a CRC32C.
func combine(crc uint32, p *part) uint32 {
	for i, chunk := range p.chunks {
		crc = crc32.Update(crc, castagnoli, chunk[:min(chunkSize, p.size-int64(i)*chunkSize)])
	}
	return crc
}

// encoded gives a CRC32C as the protocol writes it.
func encoded(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

// md5 gives the Content-MD5 of the part.
func (p *part) md5() string {
	sum := md5.New()
	io.Copy(sum, &body{part: p})
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// body reads a part for one request. The HTTP client may go on reading for a
// while after a request has failed; revoke ends that, so that the memory can be
// used for something else.
type body struct {
	mu      sync.Mutex
	part    *part
	at      int64
	revoked bool
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.revoked {
		return 0, errors.New("the request is over")
	}
	if b.at == b.part.size {
		return 0, io.EOF
	}
	within := b.at % chunkSize
	n := copy(p, b.part.chunks[b.at/chunkSize][within:min(chunkSize, within+b.part.size-b.at)])
	b.at += int64(n)
	return n, nil
}

func (b *body) revoke() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revoked = true
}
