package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/client"
)

// server stands for the two things that an agent talks to: the REST API with
// its ledger of attempts, and Temporal.
type server struct {
	*httptest.Server
	mu        sync.Mutex
	welcome   client.Welcome
	away      bool // nothing answers
	over      bool // job tokens are not good any more
	hosts     []bine.Host
	beaten    []client.Heartbeat
	test      []bine.DeviceID // to be ordered once
	grants    map[bine.AttemptID][]bine.DeviceGrant
	processes map[bine.AttemptID]bine.Process
	fenced    map[bine.AttemptID]bool
	stop      []bine.AttemptID
	leave     []bine.AttemptID // ordered with every heartbeat
	asked     map[bine.AttemptID]int
	started   map[bine.AttemptID]int
	ready     map[bine.AttemptID]client.ReadyAttempt
	logs      map[bine.AttemptID][]byte
	results   map[bine.AttemptID]bine.AttemptResult
	artifacts map[bine.Hash][]byte
	puts      int
	completed map[string]activities.RunProcessResult // by token
	beats     map[string]int
	waiting   map[string]chan struct{} // closed when the task is completed
	unknown   map[string]bool          // tokens that Temporal does not know
	cancelled map[string]bool          // tokens of activities that are cancelled
	installs  string                   // log of environments
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{welcome: client.Welcome{GraceSeconds: 30, HeartbeatSeconds: 0.1},
		processes: map[bine.AttemptID]bine.Process{}, grants: map[bine.AttemptID][]bine.DeviceGrant{}, fenced: map[bine.AttemptID]bool{}, asked: map[bine.AttemptID]int{},
		started: map[bine.AttemptID]int{}, ready: map[bine.AttemptID]client.ReadyAttempt{}, logs: map[bine.AttemptID][]byte{},
		results: map[bine.AttemptID]bine.AttemptResult{}, artifacts: map[bine.Hash][]byte{},
		completed: map[string]activities.RunProcessResult{}, beats: map[string]int{}, waiting: map[string]chan struct{}{}, unknown: map[string]bool{}, cancelled: map[string]bool{}}
	mux := http.NewServeMux()
	s.routeHost(mux)
	s.routeAttempt(mux)
	s.routeArtifacts(mux)
	s.routeTemporal(mux)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		away := s.away
		s.mu.Unlock()
		if away {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// done is closed when the activity of an attempt is completed.
func (s *server) done(attempt bine.AttemptID) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	task, done := "task-"+string(attempt), make(chan struct{})
	if _, ok := s.completed[task]; ok {
		close(done)
	} else {
		s.waiting[task] = done
	}
	return done
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, kind bine.Kind, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(client.Problem{Title: detail, Detail: detail, Status: status, Kind: kind})
}

func (s *server) routeHost(mux *http.ServeMux) {
	mux.HandleFunc("PUT /api/v1/agent/hosts/{host}", func(w http.ResponseWriter, r *http.Request) {
		var host bine.Host
		_ = json.NewDecoder(r.Body).Decode(&host)
		s.set(func() { s.hosts = append(s.hosts, host) })
		answer(w, s.welcome)
	})
	mux.HandleFunc("POST /api/v1/agent/hosts/{host}/heartbeat", func(w http.ResponseWriter, r *http.Request) {
		var beat client.Heartbeat
		_ = json.NewDecoder(r.Body).Decode(&beat)
		s.set(func() {
			s.beaten = append(s.beaten, beat)
			answer(w, client.Orders{Stop: s.stop, Test: s.test, Leave: s.leave})
			s.test = nil
		})
	})
	mux.HandleFunc("POST /api/v1/agent/environments/{project}/{version}/log", func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		s.set(func() { s.installs += string(text) })
	})
}

func (s *server) routeAttempt(mux *http.ServeMux) {
	handle := func(part string, do func(http.ResponseWriter, *http.Request, bine.AttemptID)) {
		mux.HandleFunc("POST /api/v1/agent/attempts/{attempt}"+part, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			s.mu.Lock()
			defer s.mu.Unlock()
			id := bine.AttemptID(r.PathValue("attempt"))
			if s.fenced[id] {
				refuse(w, http.StatusConflict, bine.Fenced, "this attempt was replaced by a later one")
				return
			}
			do(w, r, id)
		})
	}
	handle("", func(w http.ResponseWriter, r *http.Request, id bine.AttemptID) {
		s.asked[id]++
		process, ok := s.processes[id]
		if !ok {
			refuse(w, http.StatusNotFound, bine.NotFound, "there is no such attempt")
			return
		}
		answer(w, client.Assignment{Process: process, Devices: s.grants[id], Token: "job-token", Context: map[string]string{"BINE_PROJECT": "demo", "BINE_ATTEMPT": "1"}})
	})
	handle("/started", func(w http.ResponseWriter, r *http.Request, id bine.AttemptID) { s.started[id]++; answer(w, nil) })
	handle("/ready", func(w http.ResponseWriter, r *http.Request, id bine.AttemptID) {
		var body client.ReadyAttempt
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.ready[id] = body
		answer(w, nil)
	})
	handle("/log", func(w http.ResponseWriter, r *http.Request, id bine.AttemptID) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		text, _ := io.ReadAll(r.Body)
		if have := len(s.logs[id]); offset <= have && offset+len(text) > have {
			s.logs[id] = append(s.logs[id][:offset:offset], text...)
		}
		answer(w, client.LogSize{Size: int64(len(s.logs[id]))})
	})
	handle("/ended", func(w http.ResponseWriter, r *http.Request, id bine.AttemptID) {
		var result bine.AttemptResult
		_ = json.NewDecoder(r.Body).Decode(&result)
		if _, ok := s.results[id]; !ok {
			s.results[id] = result
		}
		answer(w, nil)
	})
}

// byJob lets in who has the token of a job, and not the agent's key.
func (s *server) byJob(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		over := s.over
		s.mu.Unlock()
		if over || r.Header.Get("Authorization") != "Bearer job-token" {
			refuse(w, http.StatusUnauthorized, bine.Unauthenticated, "the job token is not good: it ends with its attempt")
			return
		}
		next.ServeHTTP(w, r)
	}
}

func (s *server) routeArtifacts(all *http.ServeMux) {
	mux := http.NewServeMux()
	all.Handle("/api/v1/projects/", s.byJob(mux))
	base := "/api/v1/projects/{project}/artifacts/"
	mux.HandleFunc("POST "+base+"missing", func(w http.ResponseWriter, r *http.Request) {
		var hashes []bine.Hash
		_ = json.NewDecoder(r.Body).Decode(&hashes)
		s.set(func() {
			answer(w, slices.DeleteFunc(hashes, func(h bine.Hash) bool { _, ok := s.artifacts[h]; return ok }))
		})
	})
	mux.HandleFunc("PUT "+base+"{hash}", func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		if string(bine.HashOf(content)) != r.PathValue("hash") {
			refuse(w, http.StatusBadRequest, bine.Invalid, "the content has another hash")
			return
		}
		s.set(func() { s.puts++; s.put(content) })
		answer(w, bine.ArtifactRef{Hash: bine.HashOf(content), Kind: bine.ArtifactFile, Size: int64(len(content))})
	})
	mux.HandleFunc("POST "+base+"manifests", func(w http.ResponseWriter, r *http.Request) {
		var entries []bine.ArtifactEntry
		_ = json.NewDecoder(r.Body).Decode(&entries)
		s.set(func() { answer(w, s.putManifest(entries)) })
	})
	get := func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		content, ok := s.artifacts[bine.Hash(r.PathValue("hash"))]
		if !ok {
			refuse(w, http.StatusNotFound, bine.NotFound, "there is no such artifact")
			return
		}
		_, _ = w.Write(content)
	}
	mux.HandleFunc("GET "+base+"{hash}", get)
	mux.HandleFunc("GET "+base+"{hash}/manifest", get)
}

func (s *server) put(content []byte) bine.Hash {
	hash := bine.HashOf(content)
	s.artifacts[hash] = content
	return hash
}

func (s *server) putManifest(entries []bine.ArtifactEntry) bine.ArtifactRef {
	text, _ := json.Marshal(entries)
	return bine.ArtifactRef{Hash: s.put(text), Kind: bine.ArtifactDir}
}

// putDir stores a directory of files, name to content.
func (s *server) putDir(files map[string]string) bine.ArtifactRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []bine.ArtifactEntry
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, bine.ArtifactEntry{Path: name, Hash: s.put([]byte(files[name])), Size: int64(len(files[name])), Executable: strings.HasSuffix(name, ".sh")})
	}
	return s.putManifest(entries)
}

func (s *server) putFile(name, content string) bine.ArtifactRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bine.ArtifactRef{Hash: s.put([]byte(content)), Kind: bine.ArtifactFile, Size: int64(len(content)), Name: name}
}

func (s *server) routeTemporal(mux *http.ServeMux) {
	mux.HandleFunc("POST /temporal/{what}", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Task   string
			Result activities.RunProcessResult
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.unknown[in.Task] {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.PathValue("what") == "beat" {
			s.beats[in.Task]++
			if s.cancelled[in.Task] {
				w.WriteHeader(http.StatusGone)
			}
			return
		}
		s.completed[in.Task] = in.Result
		if done := s.waiting[in.Task]; done != nil {
			close(done)
			delete(s.waiting, in.Task)
		}
	})
}

// completer completes activities at a server, also from another process.
type completer struct{ url string }

func (c completer) post(ctx context.Context, what string, task []byte, result any) error {
	body, err := json.Marshal(map[string]any{"Task": string(task), "Result": result})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/temporal/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return serviceerror.NewNotFound("no such task")
	case http.StatusGone:
		return temporal.NewCanceledError()
	default:
		return fmt.Errorf("answered %s", res.Status)
	}
}

func (c completer) CompleteActivity(ctx context.Context, task []byte, result any, _ error) error {
	return c.post(ctx, "complete", task, result)
}

func (c completer) RecordActivityHeartbeat(ctx context.Context, task []byte, _ ...any) error {
	return c.post(ctx, "beat", task, nil)
}

// eventually waits until what is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !so() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}
