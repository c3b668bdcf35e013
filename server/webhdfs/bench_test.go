package webhdfs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// The benchmarks hold the door against net/http alone, which answers the same
// bytes from memory to the same client over the same kind of connection.

func BenchmarkGetFileStatus(b *testing.B) { held(b, "GETFILESTATUS") }

func BenchmarkOpen4KB(b *testing.B) { held(b, "OPEN") }

func held(b *testing.B, op string) {
	w := newWorld(b)
	w.put("/Projects/demo/Resources/f", strings.Repeat("x", 4096))
	const path = "/webhdfs/v1/Projects/demo/Resources/f?op="
	answer := w.olga("GET", w.url+path+op)
	if answer.status != http.StatusOK {
		b.Fatalf("%s answers %d %s", op, answer.status, answer.body)
	}
	alone := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control"} {
			out.Header().Set(name, answer.header.Get(name))
		}
		io.WriteString(out, answer.body)
	}))
	defer alone.Close()
	b.Run("bine", func(b *testing.B) { load(b, w.url+path+op, w.keys["olga"]) })
	b.Run("net-http", func(b *testing.B) { load(b, alone.URL+path+op, w.keys["olga"]) })
}

// load sends requests over some connections at once.
func load(b *testing.B, address, key string) {
	const connections = 8
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	work := make(chan struct{}, connections)
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			for range work {
				r, err := http.NewRequest(http.MethodGet, address, nil)
				if err != nil {
					b.Error(err)
					continue
				}
				r.Header.Set("Authorization", "Bearer "+key)
				res, err := transport.RoundTrip(r)
				if err != nil {
					b.Error(err)
					continue
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
					b.Errorf("answered %d, %v", res.StatusCode, err)
				}
				res.Body.Close()
			}
		})
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
