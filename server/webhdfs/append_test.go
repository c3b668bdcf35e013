package webhdfs_test

import (
	"io"
	"net/http"
	"testing"
)

// TestAppendFollowsARename sends the second part of a body when the file has
// another name: it goes there, and no file is made where the first part went.
func TestAppendFollowsARename(t *testing.T) {
	w := newWorld(t)
	const from, to = "/Projects/demo/Resources/from", "/Projects/demo/Resources/to"
	w.put(from, "one ")
	first := w.olga("POST", from+"?op=APPEND")
	if first.status != http.StatusTemporaryRedirect {
		t.Fatalf("APPEND answers %d %s", first.status, first.body)
	}
	body, send := io.Pipe()
	done := make(chan got, 1)
	go func() { done <- w.send("POST", first.header.Get("Location"), body) }()
	io.WriteString(send, "two ") // taken by the client, so the request is under way
	if a := w.olga("PUT", from+"?op=RENAME&destination="+to); a.body != `{"boolean":true}` {
		t.Fatalf("RENAME answers %d %s", a.status, a.body)
	}
	io.WriteString(send, "three")
	send.Close()
	switch a := <-done; a.status {
	case http.StatusOK:
		same(t, "content", w.olga("GET", to+"?op=OPEN").body, "one two three")
	case http.StatusNotFound: // the request came after the rename
		same(t, "content", w.olga("GET", to+"?op=OPEN").body, "one ")
	default:
		t.Errorf("the second part answers %d %s", a.status, a.body)
	}
	same(t, "what is left", w.olga("GET", from+"?op=GETFILESTATUS").status, http.StatusNotFound)
}
