package mount

import (
	"io"
	"os"
	"syscall"

	"github.com/bine-ml/bine"
)

// spool is a local copy of a file. It has no name, so that a crash leaves nothing.
type spool struct {
	*os.File
	s    *system
	size int64
}

func (s *system) newSpool() (*spool, error) {
	f, err := os.CreateTemp(s.SpoolDir, "bine-mount-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &spool{File: f, s: s}, nil
}

// grow reserves space up to a size, or says that there is none.
func (p *spool) grow(size int64) error {
	if size <= p.size {
		return nil
	}
	more := size - p.size
	if p.s.spooled.Add(more) > p.s.SpoolLimit {
		p.s.spooled.Add(-more)
		p.s.log.Printf("local copies of files that are changed in the middle may have %d bytes together (--spool-limit): a write was refused", p.s.SpoolLimit)
		return syscall.EFBIG
	}
	p.size = size
	return nil
}

// write changes bytes of the copy.
func (p *spool) write(data []byte, off int64) error {
	if err := p.grow(off + int64(len(data))); err != nil {
		return err
	}
	_, err := p.WriteAt(data, off)
	return err
}

// fill copies all that the server sends to the end.
func (p *spool) fill(r io.Reader) error {
	buffer := make([]byte, 256<<10)
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			if err := p.write(buffer[:n], p.size); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return bine.Errorf(bine.Unavailable, "the answer broke off: %w", err)
		}
	}
}

// cut makes the copy shorter or longer.
func (p *spool) cut(size int64) error {
	if err := p.grow(size); err != nil {
		return err
	}
	if size < p.size {
		p.s.spooled.Add(size - p.size)
		p.size = size
	}
	return p.Truncate(size)
}

func (p *spool) close() {
	p.s.spooled.Add(-p.size)
	p.File.Close()
}
