package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// answering gives a client of a server that answers so.
func answering(t *testing.T, patience time.Duration, handle http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	c, err := client.New(client.Options{URL: s.URL + "/", Key: "bine_k", Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:7070", "ftp://x", "http://"} {
		if _, err := client.New(client.Options{URL: url}); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("New(%q) = %v, want Invalid", url, err)
		}
	}
}

func TestPathsAreEscapedOnceAndTheKeyIsSent(t *testing.T) {
	c := answering(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI != "/api/v1/projects/demo/files/a%20b/c%25%23%3F.csv" || r.Header.Get("Authorization") != "Bearer bine_k" || r.Header.Get("Range") != "bytes=5-8" {
			t.Errorf("asked for %s with %v", r.RequestURI, r.Header)
		}
		io.WriteString(w, "text")
	})
	body, err := c.Download(t.Context(), "demo", "/a b/c%#?.csv", 5, 4)
	if err != nil {
		t.Fatal(err)
	}
	body.Close()
}

func TestAProblemKeepsItsKindAndItsDetails(t *testing.T) {
	c := answering(t, 0, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(422)
		io.WriteString(w, `{"title":"t","status":422,"detail":"two faults","kind":"invalid","errors":[{"message":"m","line":3}]}`)
	})
	_, err := c.Me(t.Context())
	fault, ok := errors.AsType[*bine.Error](err)
	if !ok || fault.Kind != bine.Invalid || fault.Message != "two faults" || len(fault.Details) != 1 || fault.Details[0].Line != 3 {
		t.Errorf("Me = %#v", err)
	}
}

func TestWhatIsNoProblemIsStillAnError(t *testing.T) {
	for status, want := range map[int]bine.Kind{500: bine.Internal, 502: bine.Unavailable, 503: bine.Unavailable, 418: bine.Internal} {
		c := answering(t, 0, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "<html>")
		})
		if _, err := c.Me(t.Context()); !bine.IsKind(err, want) {
			t.Errorf("status %d is %v, want %s", status, err, want)
		}
	}
}

func TestOnlySafeCallsAreMadeAgain(t *testing.T) {
	var asked atomic.Int32
	c := answering(t, 5*time.Second, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(503)
			return
		}
		io.WriteString(w, `{"user":"eva"}`)
	})
	if me, err := c.Me(t.Context()); err != nil || me.User != "eva" || asked.Load() != 3 {
		t.Errorf("Me = %+v, %v after %d tries; want it at the third", me, err, asked.Load())
	}
	asked.Store(0)
	if _, err := c.StartRun(t.Context(), "demo", "p", client.NewRun{}); !bine.IsKind(err, bine.Unavailable) || asked.Load() != 1 {
		t.Errorf("a start without a key: %v after %d tries, want one", err, asked.Load())
	}
	asked.Store(0)
	if _, err := c.StartRun(t.Context(), "demo", "p", client.NewRun{Key: "k"}); err != nil || asked.Load() != 3 {
		t.Errorf("a start with a key: %v after %d tries, want it at the third", err, asked.Load())
	}
	asked.Store(0)
	if _, err := c.Upload(t.Context(), "demo", "f", strings.NewReader("x"), false); err == nil || asked.Load() != 1 {
		t.Errorf("an upload: %v after %d tries, want one: its body is read", err, asked.Load())
	}
}

func TestAnAnswerThatBreaksOffIsAnError(t *testing.T) {
	c := answering(t, 0, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"user":`) })
	if _, err := c.Me(t.Context()); err == nil {
		t.Error("half an answer is taken for one")
	}
}

func TestWhatIsAcceptedWithoutAWordIsNoError(t *testing.T) {
	c := answering(t, 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	if err := c.DeleteProject(t.Context(), "demo"); err != nil {
		t.Errorf("DeleteProject = %v", err)
	}
}

func TestEventsAreReadUntilTheCallerHasEnough(t *testing.T) {
	c := answering(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") != "7" {
			t.Errorf("Last-Event-ID is %q", r.Header.Get("Last-Event-ID"))
		}
		io.WriteString(w, ": live\n\nid: 8\ndata: {\"id\":8,\"name\":\"a\"}\n\nid: 9\ndata: {\"id\":9,\"name\":\"b\"}\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	var got []string
	err := c.Events(t.Context(), "demo", "", "", 7, func(e bine.Event) bool {
		got = append(got, e.Name)
		return len(got) < 2
	})
	if err != nil || strings.Join(got, "") != "ab" {
		t.Errorf("Events gave %v, %v", got, err)
	}
}

func TestFollowingEndsWithTheRun(t *testing.T) {
	var asked atomic.Int32
	c := answering(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/steps") {
			io.WriteString(w, "[]")
			return
		}
		state := bine.Running
		if asked.Add(1) > 2 {
			state = bine.Succeeded
		}
		io.WriteString(w, `{"id":"p-1","state":"`+string(state)+`"}`)
	})
	var seen []bine.State
	run, err := c.Follow(t.Context(), "demo", "p-1", func(r bine.Run, _ []bine.Step) { seen = append(seen, r.State) })
	if err != nil || run.State != bine.Succeeded || len(seen) != 2 {
		t.Errorf("Follow = %v, %v having seen %v; want each change once", run.State, err, seen)
	}
}
