package main

import (
	"fmt"
	"io"
	"os"
)

// capture keeps the first limit bytes of what it copies and counts the rest.
type capture struct {
	to      *os.File
	limit   int64
	kept    int64
	dropped int64
}

// copy reads r to its end, whatever becomes of the bytes: a process whose
// output nobody reads would stand still.
func (c *capture) copy(r io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		c.take(buf[:n])
		if err != nil {
			return
		}
	}
}

func (c *capture) take(b []byte) {
	fits := min(int64(len(b)), c.limit-c.kept)
	if fits > 0 {
		n, err := c.to.Write(b[:fits])
		c.kept += int64(n)
		if err != nil { // a full disk: what was written stays, the process goes on
			c.limit = c.kept
		}
		fits = int64(n)
	}
	over := int64(len(b)) - fits
	if over > 0 && c.dropped == 0 {
		c.note("[bine] the log is full at %d bytes: further output is dropped", c.kept)
	}
	c.dropped += over
}

// end says how much was dropped.
func (c *capture) end() {
	if c.dropped > 0 {
		c.note("[bine] output past the limit was dropped: %d bytes in all", c.dropped)
	}
}

func (c *capture) note(format string, args ...any) {
	_, _ = fmt.Fprintf(c.to, "\n"+format+"\n", args...) // nobody to tell, where the disk is full
}
