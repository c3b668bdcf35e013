package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/server"
)

// stall begins an upload of ten bytes, sends five, and says what comes back
// before the server closes the connection.
func (w *world) stall(path, key string) (status int, answer string) {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	w.ok(err)
	defer conn.Close()
	w.ok(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: bine\r\nAuthorization: Bearer %s\r\nContent-Length: 10\r\n\r\n01234", path, key)
	w.ok(err)
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	w.ok(err)
	text, err := io.ReadAll(res.Body)
	w.ok(err)
	if _, err := reader.ReadByte(); err != io.EOF {
		w.t.Errorf("after the answer the connection gives %v, want it closed", err)
	}
	return res.StatusCode, string(text)
}

func TestAStalledUploadGivesItsConnectionBack(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.API.Idle = 50 * time.Millisecond })
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	for name, path := range map[string]string{"file": "files/Resources/a", "artifact": "artifacts/" + string(hashOf("0123456789"))} {
		status, answer := w.stall("/api/v1/projects/demo/"+path, key)
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, "no byte of the upload came for 50ms") {
			t.Errorf("the stalled upload of a %s answers %d %s", name, status, answer)
		}
	}
	_, err := w.as("olga").Stat(t.Context(), "demo", "Resources/a")
	wants(t, "what was not sent to its end", err, bine.NotFound)
	if status, _ := w.stall("/api/v1/projects/other/files/a", key); status != http.StatusNotFound {
		t.Errorf("an upload that is refused answers %d", status)
	}
}

// slow is content of which a piece comes now and then.
type slow struct {
	pieces int
	every  *time.Ticker
}

func (s *slow) Read(p []byte) (int, error) {
	if s.pieces == 0 {
		return 0, io.EOF
	}
	s.pieces--
	<-s.every.C
	return copy(p, "piece"), nil
}

func TestASlowUploadThatKeepsComingIsTaken(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.API.Idle = 300 * time.Millisecond })
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	f, err := w.as("olga").Upload(t.Context(), "demo", "Resources/slow", &slow{pieces: 10, every: ticker}, false)
	w.ok(err)
	same(t, "its size", f.Size, 50)
}
