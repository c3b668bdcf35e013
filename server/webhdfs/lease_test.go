package webhdfs_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

// stream begins a request whose body comes bit by bit.
func (w *world) stream(method, address, first string) (rest *io.PipeWriter, answered chan got) {
	w.t.Helper()
	begun := w.olga(method, address)
	if begun.status != http.StatusTemporaryRedirect {
		w.t.Fatalf("%s %s answers %d %s", method, address, begun.status, begun.body)
	}
	body, rest := io.Pipe()
	answered = make(chan got, 1)
	go func() {
		defer close(answered)
		r, err := http.NewRequestWithContext(w.t.Context(), method, begun.header.Get("Location"), body)
		if err != nil {
			w.t.Error(err)
			return
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil { // it was broken off
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answered <- got{res.StatusCode, res.Header, string(text)}
	}()
	if _, err := io.WriteString(rest, first); err != nil {
		w.t.Fatal(err)
	}
	return rest, answered
}

// holder waits until somebody writes a file, or, where none, until nobody does.
func (w *world) holder(path string, somebody bool) dfs.Lease {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		l, err := w.files.LeaseOf(w.t.Context(), dfs.Platform(), path)
		w.ok(err)
		if (l.Epoch != 0) == somebody {
			return l
		}
	}
	w.t.Fatalf("that somebody writes %s does not become %t", path, somebody)
	return dfs.Lease{}
}

func (w *world) refused(what string, a got, class, words string) {
	w.t.Helper()
	if a.status != http.StatusForbidden || !strings.Contains(a.body, `"`+class+`"`) || !strings.Contains(a.body, words) {
		w.t.Errorf("%s: %d %s, want %s with %q", what, a.status, a.body, class, words)
	}
}

const alreadyBeingCreated = "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException"

func TestOneAppendsAtATime(t *testing.T) {
	w := newWorld(t)
	const path = "/Projects/demo/Resources/log"
	w.put(path, "one ")
	rest, answered := w.stream("POST", path+"?op=APPEND", "two ")
	l := w.holder(path, true)
	same(t, "who writes", l.By, "demo__olga")
	for what, small := range map[string]bool{"a small append": true, "another stream": false} {
		to := w.olga("POST", path+"?op=APPEND").header.Get("Location")
		var body io.Reader = strings.NewReader("x")
		if !small {
			body = io.MultiReader(body) // of no length that is known
		}
		w.refused(what, w.send("POST", to, body), alreadyBeingCreated, "Failed to APPEND_FILE "+path+" because this file lease is currently owned by "+l.Holder)
	}
	w.refused("a truncate", w.olga("POST", path+"?op=TRUNCATE&newlength=1"), alreadyBeingCreated, l.Holder)
	same(t, "what is read meanwhile", w.olga("GET", path+"?op=OPEN").body, "one ")
	io.WriteString(rest, "three")
	rest.Close()
	if a := <-answered; a.status != http.StatusOK {
		t.Errorf("the first answers %d %s", a.status, a.body)
	}
	w.holder(path, false)
	same(t, "content", w.olga("GET", path+"?op=OPEN").body, "one two three")
	same(t, "the next append", w.upload(w.keys["olga"], "POST", path+"?op=APPEND", "!").status, http.StatusOK)
}

func TestAnAppendThatBreaksOffIsNobodys(t *testing.T) {
	w := newWorld(t)
	const path = "/Projects/demo/Resources/log"
	w.put(path, "one ")
	rest, answered := w.stream("POST", path+"?op=APPEND", "two ")
	w.holder(path, true)
	rest.CloseWithError(io.ErrClosedPipe)
	<-answered
	w.holder(path, false)
}

func TestWhoOverwritesTakesTheFile(t *testing.T) {
	w := newWorld(t)
	const path = "/Projects/demo/Resources/log"
	w.put(path, "one ")
	old, oldAnswered := w.stream("POST", path+"?op=APPEND", "two ")
	first := w.holder(path, true)
	large := strings.Repeat("x", 1<<20)
	over, overAnswered := w.stream("PUT", path+"?op=CREATE&overwrite=true", large)
	for began := time.Now(); w.holder(path, true).Holder == first.Holder; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the lease stays with who appends")
		}
	}
	old.Close()
	w.refused("who appended", <-oldAnswered, "org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException", path)
	w.refused("an append meanwhile", w.upload(w.keys["olga"], "POST", path+"?op=APPEND", "x"), alreadyBeingCreated, "WebHDFS_")
	over.Close()
	if a := <-overAnswered; a.status != http.StatusCreated {
		t.Errorf("who overwrites is answered %d %s", a.status, a.body)
	}
	w.holder(path, false)
	same(t, "content", w.olga("GET", path+"?op=OPEN").body == large, true)
	if _, err := w.files.Append(t.Context(), dfs.Platform(), path, int64(len(large)), []byte("!")); err != nil {
		t.Error(err)
	}
	_, err := w.files.Stat(t.Context(), dfs.Platform(), path+"-none")
	same(t, "nothing else is there", bine.KindOf(err), bine.NotFound)
}
