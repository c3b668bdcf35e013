package dfs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/internal/database"
)

// wire stands between a file system and its MySQL server and block store. It
// dies at a command that it is told: at once, so that the server never hears of
// it, or when the server has done it, so that the file system never hears of
// that. From then on it passes nothing, as if the process had been killed there.
type wire struct {
	block.Store
	listener net.Listener
	server   string // socket

	mu     sync.Mutex
	armed  bool
	left   int // commands until it dies
	late   bool
	seen   int
	dead   bool
	conns  []net.Conn
	ids    []any // of the connections, as the server counts them
	died   context.Context
	notice context.CancelFunc
}

var errKilled = errors.New("killed")

func newWire(t *testing.T, server string, store block.Store) *wire {
	w := &wire{Store: store, server: server}
	w.died, w.notice = context.WithCancel(t.Context())
	var err error
	if w.listener, err = net.Listen("unix", filepath.Join(t.TempDir(), "s")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.die() })
	go func() {
		for {
			conn, err := w.listener.Accept()
			if err != nil {
				return
			}
			go w.serve(conn)
		}
	}()
	return w
}

// arm has it die at the nth command from now on.
func (w *wire) arm(n int, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.left, w.late, w.seen = true, n, late, 0
}

// command is told of a command; it says whether it may pass and whether it is the last.
func (w *wire) command() (pass, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead || !w.armed {
		return !w.dead, false
	}
	w.seen++
	w.left--
	return w.left > 0 || w.late, w.left == 0
}

// die cuts every connection and says how many commands there have been.
func (w *wire) die() (seen int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	w.listener.Close()
	for _, conn := range w.conns {
		conn.Close()
	}
	w.notice()
	return w.seen
}

// rest waits until the server has ended what it was doing when the wire died: it
// answers the first statement of a packet before it has done the last.
func (w *wire) rest(t *testing.T, db *database.DB) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for left := 1; left > 0; {
		query := "SELECT COUNT(*) FROM information_schema.processlist WHERE id IN (0" + strings.Repeat(", ?", len(w.ids)) + ")"
		if err := db.Read().QueryRow(query, w.ids...).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *wire) serve(client net.Conn) {
	server, err := net.Dial("unix", w.server)
	if err != nil {
		client.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, client, server)
	w.mu.Unlock()
	answered := make(chan struct{}, 1)
	var last bool // guarded by w.mu
	go func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for greeted := false; ; greeted = true {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			w.mu.Lock()
			if !greeted { // a header, the protocol, the version, and the connection's id
				at := 5 + bytes.IndexByte(buffer[5:n], 0) + 1
				w.ids = append(w.ids, binary.LittleEndian.Uint32(buffer[at:]))
			}
			final := last
			w.mu.Unlock()
			if final {
				answered <- struct{}{}
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	defer server.Close()
	const closeStatement, quit = 0x19, 0x01 // to which there is no answer
	for head := make([]byte, 4); ; {
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		final := false
		if head[3] == 0 && len(body) > 0 && body[0] != closeStatement && body[0] != quit {
			var pass bool
			if pass, final = w.command(); !pass {
				w.die()
				return
			}
		}
		if final {
			w.mu.Lock()
			last = true
			w.mu.Unlock()
		}
		if _, err := server.Write(append(slices.Clone(head), body...)); err != nil {
			return
		}
		if final {
			<-answered
			w.die()
			return
		}
	}
}

// around dies before or after what is done to the block store.
func (w *wire) around(do func() error) error {
	pass, last := w.command()
	if !pass {
		w.die()
		return errKilled
	}
	err := do()
	if last {
		w.die()
		return errKilled
	}
	return err
}

// wired is another block store behind the wire.
type wired struct {
	block.Store
	w *wire
}

func (s *wired) Put(ctx context.Context, id block.ID, r io.Reader) error {
	return s.w.around(func() error { return s.Store.Put(ctx, id, r) })
}

func (s *wired) Remove(ctx context.Context, id block.ID) error {
	return s.w.around(func() error { return s.Store.Remove(ctx, id) })
}

func (w *wire) Put(ctx context.Context, id block.ID, r io.Reader) error {
	return w.around(func() error { return w.Store.Put(ctx, id, r) })
}

func (w *wire) Remove(ctx context.Context, id block.ID) error {
	return w.around(func() error { return w.Store.Remove(ctx, id) })
}
