package webhdfs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// BenchmarkDoor holds the door against net/http alone, which answers the same
// bytes from memory to the same client over the same kind of connection. The
// two take turns within one run, so that what else the machine does weighs on
// both; "of-net/http" is the part of net/http's rate that the door reaches, the
// median over the turns, and "by-CPU" the same of the time that processors work
// for this process, client and all, which others disturb less.
//
//	go test ./server/webhdfs -run '^$' -bench Door -benchtime 40x
func BenchmarkDoor(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *database.DB{"SQLite": databasetest.SQLite, "MariaDB": databasetest.MariaDB} {
		b.Run(name, func(b *testing.B) {
			w := newWorldOn(b, open(b))
			w.put("/Projects/demo/Resources/f", strings.Repeat("x", 4096))
			for _, op := range []string{"GETFILESTATUS", "OPEN"} {
				b.Run(op, func(b *testing.B) { w.held(b, op) })
			}
		})
	}
}

// turn is how many requests one of the two answers before the other does: an
// iteration is a turn of both.
const turn = 240

func (w *world) held(b *testing.B, op string) {
	address := w.url + "/webhdfs/v1/Projects/demo/Resources/f?op=" + op
	answer := w.olga("GET", address)
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
	var ratios, work, rates []float64
	for b.Loop() {
		bare, bareWork := load(b, alone.URL+"/?op="+op, w.keys["olga"])
		took, tookWork := load(b, address, w.keys["olga"])
		ratios, work, rates = append(ratios, bare.Seconds()/took.Seconds()), append(work, bareWork.Seconds()/tookWork.Seconds()), append(rates, turn/took.Seconds())
	}
	b.ReportMetric(middle(ratios), "of-net/http")
	b.ReportMetric(middle(work), "of-net/http-by-CPU")
	b.ReportMetric(middle(rates), "req/s")
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// load sends a turn of requests over some connections at once and says how long
// they took, and how long the processors of this process worked for them.
func load(b *testing.B, address, key string) (took, worked time.Duration) {
	const connections = 8
	transport := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	one := func() {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			b.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+key)
		res, err := transport.RoundTrip(r)
		if err != nil {
			b.Error(err)
			return
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Errorf("answered %d, %v", res.StatusCode, err)
		}
	}
	send := func(n int) {
		var group sync.WaitGroup
		for range connections {
			group.Go(func() {
				for range n / connections {
					one()
				}
			})
		}
		group.Wait()
	}
	send(connections) // opens the connections
	began, before := time.Now(), processors(b)
	send(turn)
	return time.Since(began), processors(b) - before
}

// processors is how long processors have worked for this process.
func processors(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
