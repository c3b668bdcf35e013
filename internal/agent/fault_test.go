package agent

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

const (
	faultStep = 250 * time.Millisecond
	// backWithin is how much later than a lease's time its devices are back at the latest.
	backWithin = 5 * time.Second
	checkEvery = 500 * time.Millisecond // the server's
	reapEvery  = 15 * time.Second
)

// faultJob is a workflow that runs a process, in attempts.
type faultJob struct {
	name    string
	request bine.Resources
	hosts   int // of its gang; 1 is none
	number  int
	begun   bool // the attempt was asked for
	on      []bine.HostName
	asked   time.Duration
	since   time.Duration // when it was handed to its hosts
	ends    map[bine.AttemptID]bine.State
	gone    bool // the workflow was terminated
}

func (j *faultJob) id() bine.AttemptID {
	return bine.NewAttemptID(bine.Owner{Project: "p", Kind: bine.OwnerDeployment, Name: j.name}, j.number)
}

// faultWorld is the ledger's server, hosts and workflows, in which faults are
// injected while an independent reader looks.
type faultWorld struct {
	t               testing.TB
	rand            *rand.Rand
	now             time.Duration
	skew            time.Duration // of the server's clock
	server          *ledgerProcess
	reader          *sql.DB
	cutter          *cutter // nil on SQLite
	hosts           []*faultHost
	jobs            map[string]*faultJob
	orphan          map[bine.AttemptID]time.Duration // of workflows that are gone: since when
	next            int
	faults          map[string]int
	count           int
	begins          int
	done            int
	refused         int
	dieIn, cutIn    bool
	failed          time.Duration // when the server last could not look after hosts
	checkAt, reapAt time.Duration
}

// TestNoFaultGrantsADeviceTwice kills, cuts off, pauses and repeats what takes
// part in granting devices, and has what came of it checked by SQL of its own
// and by what processes saw. BINE_FAULTS says how many faults, BINE_FAULTS_SEED
// which ones.
func TestNoFaultGrantsADeviceTwice(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		count := 120
		if text := os.Getenv("BINE_FAULTS"); text != "" {
			var err error
			if count, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		} else if os.Getenv("BINE_E2E_LONG") != "" {
			count = 10000
		}
		seed := rand.Uint64()
		if text := os.Getenv("BINE_FAULTS_SEED"); text != "" {
			seed, _ = strconv.ParseUint(text, 10, 64)
		}
		began := time.Now()
		w := newFaultWorld(t, db, seed)
		defer w.server.stop()
		for w.count < count && !t.Failed() {
			w.inject()
			w.step()
		}
		if !t.Failed() {
			w.heal()
		}
		t.Logf("seed %d: %d faults in %s of the world and %s here; %d processes began, %d jobs were done, %d starts of the server, %d grants were refused by agents: %v",
			seed, w.count, w.now, time.Since(began).Round(time.Second), w.begins, w.done, w.server.starts, w.refused, w.faults)
	})
}

func newFaultWorld(t *testing.T, db *database.DB, seed uint64) *faultWorld {
	w := &faultWorld{t: t, rand: rand.New(rand.NewPCG(seed, 1)), reader: db.Read(), jobs: map[string]*faultJob{}, orphan: map[bine.AttemptID]time.Duration{}, faults: map[string]int{}, now: time.Minute}
	w.server = &ledgerProcess{t: t}
	var name string
	if db.Dialect() == database.SQLite {
		if err := db.Read().QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&name); err != nil {
			t.Fatal(err)
		}
		w.server.address = (&url.URL{Scheme: "sqlite", Path: name}).String()
	} else {
		var socket string
		if err := db.Read().QueryRow("SELECT DATABASE(), @@socket").Scan(&name, &socket); err != nil {
			t.Fatal(err)
		}
		w.cutter = newCutter(t, socket)
		w.server.address = "mysql://root@localhost/" + name + "?socket=" + url.QueryEscape(w.cutter.path)
	}
	logs := t.TempDir()
	for i, count := range []int{4, 4, 2} {
		w.hosts = append(w.hosts, newFaultHost(t, w, bine.HostName(fmt.Sprintf("h%d", i+1)), count, logs))
	}
	if _, err := w.call(order{Op: "project"}); err != nil {
		t.Fatal(err)
	}
	return w
}

// inject injects a fault, or none.
func (w *faultWorld) inject() {
	h := w.hosts[w.rand.IntN(len(w.hosts))]
	some := func(most time.Duration) time.Duration { // often short, at times past the end of leases
		if w.rand.IntN(3) > 0 {
			most /= 6
		}
		return w.now + time.Duration(w.rand.Int64N(int64(most)))
	}
	switch w.rand.IntN(60) {
	case 0, 1:
		w.dieIn = true // with the next call
	case 2, 3:
		w.cutIn = true
	case 4:
		if w.now > h.dead+faultGrace/2 {
			h.dead, h.devices = some(faultGrace*3/2), nil
			w.injected("agent killed")
		}
	case 5:
		if w.now > h.frozen+faultGrace/2 {
			h.frozen = some(2 * faultGrace)
			w.injected("agent paused")
		}
	case 6:
		if w.now > h.cut+faultGrace/2 {
			h.cut = some(2 * faultGrace)
			w.injected("host cut off")
		}
	case 7:
		for _, id := range sortedKeys(h.procs) {
			if p := h.procs[id]; !p.ended && w.now > p.deaf {
				p.deaf = some(3 * faultGrace)
				w.injected("process paused")
				break
			}
		}
	case 8:
		w.skew = time.Duration(w.rand.Int64N(int64(2*time.Second))) - time.Second
		w.injected("clock skewed")
	case 9, 10:
		w.repeat()
	case 11:
		for _, name := range slices.Sorted(maps.Keys(w.jobs)) {
			if j := w.jobs[name]; j.begun && w.rand.IntN(4) == 0 {
				j.gone = true
				w.injected("workflow terminated")
				break
			}
		}
	}
}

// repeat makes an activity's attempt again that may have been made.
func (w *faultWorld) repeat() {
	names := slices.Sorted(maps.Keys(w.jobs))
	if len(names) == 0 {
		return
	}
	j := w.jobs[names[w.rand.IntN(len(names))]]
	if !j.begun {
		return
	}
	switch w.rand.IntN(3) {
	case 0: // of this attempt or the one before, which has ended
		_, _ = w.call(order{Op: "start", Job: j.name, Number: max(1, j.number-w.rand.IntN(2)), Request: j.request})
	case 1:
		w.hand(j)
	case 2:
		if j.number > 1 {
			before := *j
			before.number--
			_, _ = w.call(order{Op: "end", Attempt: before.id(), State: bine.Lost})
		}
	}
	w.injected("activity repeated")
}

func (w *faultWorld) injected(what string) {
	w.faults[what]++
	w.count++
}

// call calls the ledger's server, with the fault that is due.
func (w *faultWorld) call(o order) (reply, error) {
	o.Now = w.now + w.skew
	soon := time.Duration(1+w.rand.IntN(6000)) * time.Microsecond
	switch {
	case w.dieIn:
		o.DieIn, w.dieIn = soon, false
		w.injected("server killed")
	case w.cutIn:
		w.cutIn = false
		w.injected("database cut off")
		if w.cutter != nil {
			time.AfterFunc(soon/2, w.cutter.cut)
		} else {
			o.CutIn = soon / 2
		}
	}
	return w.server.call(o)
}

// step lets a moment pass.
func (w *faultWorld) step() {
	w.now += faultStep
	for _, h := range w.hosts {
		h.step()
	}
	if w.now >= w.checkAt {
		w.check()
	}
	if w.now >= w.reapAt {
		w.reapAt = w.now + reapEvery
		w.reap()
	}
	for len(w.jobs) < 7 {
		w.submit()
	}
	for _, name := range slices.Sorted(maps.Keys(w.jobs)) {
		w.advance(w.jobs[name])
	}
	w.look()
}

func (w *faultWorld) check() {
	w.checkAt = w.now + checkEvery
	if _, err := w.call(order{Op: "check"}); err != nil {
		w.failed = w.now
	}
}

func (w *faultWorld) reap() {
	var open []string
	for name, j := range w.jobs {
		if j.gone && w.orphan[j.id()] == 0 {
			w.orphan[j.id()] = w.now
		} else if !j.gone {
			open = append(open, name)
		}
	}
	if _, err := w.call(order{Op: "reap", Open: open}); err != nil {
		w.reapAt = 0 // soon again
		return
	}
	for name, j := range w.jobs {
		if j.gone {
			delete(w.jobs, name)
		}
	}
}

func (w *faultWorld) submit() {
	w.next++
	j := &faultJob{name: fmt.Sprintf("job%d@1", w.next), number: 1, hosts: 1, ends: map[bine.AttemptID]bine.State{}}
	one := bine.Resources{CPU: 1, Memory: 1 << 20}
	switch w.rand.IntN(6) {
	case 0:
		one.GPUs = 0.5
	case 1:
		one.GPUs = 2
	case 2, 3:
		one.GPUs, one.GPU, j.hosts = 4, "4 GPUs on 2 hosts", 2
	default:
		one.GPUs = 1
	}
	j.request = one
	w.jobs[j.name] = j
}

// advance is what a workflow does in a moment.
func (w *faultWorld) advance(j *faultJob) {
	if j.gone {
		return
	}
	if j.on == nil {
		if w.now < j.asked+3*time.Second {
			return
		}
		j.asked = w.now
		r, err := w.call(order{Op: "start", Job: j.name, Number: j.number, Request: j.request})
		if bine.IsKind(err, bine.Fenced) { // it ended before it was told of its grant
			w.again(j)
			return
		}
		j.begun = true
		if err == nil && r.Host != "" {
			j.on, j.since = append([]bine.HostName{r.Host}, r.Others...), w.now
			if len(j.on) != j.hosts {
				w.t.Errorf("%s was granted %v: a part of what it asked for", j.name, j.on)
			}
			w.hand(j)
		}
		return
	}
	w.hand(j)
	worst := bine.Succeeded
	for rank := range j.on {
		s := j.ends[j.id().Member(rank)]
		if s == "" && w.silent(j, rank) {
			s = bine.Lost
		}
		switch {
		case s == "" && worst == bine.Succeeded:
			worst = ""
		case s == bine.Lost:
			worst = bine.Lost
		}
	}
	if worst == "" {
		return
	}
	if _, err := w.call(order{Op: "end", Attempt: j.id(), State: worst}); err != nil && !bine.IsKind(err, bine.Fenced) {
		return // again
	}
	for rank := 1; rank < len(j.on); rank++ {
		if _, err := w.call(order{Op: "end", Attempt: j.id().Member(rank), State: bine.Lost}); err != nil && !bine.IsKind(err, bine.Fenced) {
			return
		}
	}
	if worst == bine.Succeeded {
		w.done++
		delete(w.jobs, j.name)
		return
	}
	w.again(j)
}

func (w *faultWorld) again(j *faultJob) {
	j.number++
	j.on, j.begun, j.asked, j.ends = nil, false, 0, map[bine.AttemptID]bine.State{}
}

// silent says whether an activity's host was not reached for the grace period.
func (w *faultWorld) silent(j *faultJob, rank int) bool {
	h := w.host(j.on[rank])
	away := max(j.since, h.touched)
	return w.now-away > faultGrace+2*time.Second
}

func (w *faultWorld) host(name bine.HostName) *faultHost {
	return w.hosts[slices.IndexFunc(w.hosts, func(h *faultHost) bool { return h.name == name })]
}

// hand gives the tasks of an attempt to its hosts, as far as they have not ended it.
func (w *faultWorld) hand(j *faultJob) {
	for rank, name := range j.on {
		id, h := j.id().Member(rank), w.host(name)
		if j.ends[id] != "" || h.devices == nil || w.now < h.dead || w.now < h.frozen || h.procs[id] != nil {
			continue
		}
		h.tasks[id] = true
	}
}

// completed tells the workflow how an attempt ended.
func (w *faultWorld) completed(id bine.AttemptID, s bine.State) {
	for _, j := range w.jobs {
		for rank := range j.on {
			if j.id().Member(rank) == id {
				j.ends[id] = s
			}
		}
	}
}

// heal ends all faults, lets everything end, and looks whether all came back.
func (w *faultWorld) heal() {
	w.skew, w.dieIn, w.cutIn = 0, false, false
	for _, h := range w.hosts {
		h.dead, h.frozen, h.cut = 0, 0, 0
		for _, p := range h.procs {
			p.deaf = 0
		}
	}
	for _, j := range w.jobs {
		j.gone = true
	}
	for end := w.now + 8*reapEvery + 2*faultGrace; w.now < end && !w.t.Failed(); {
		w.now += faultStep
		for _, h := range w.hosts {
			h.step()
		}
		if w.now >= w.checkAt {
			w.check()
		}
		if w.now >= w.reapAt {
			w.reapAt = w.now + reapEvery
			w.reap()
		}
		w.look()
	}
	if n := w.number("SELECT COUNT(*) FROM lease_grants WHERE ended_at IS NULL"); n != 0 {
		w.t.Errorf("%d grants never came back", n)
	}
	if n := w.number("SELECT COUNT(*) FROM leases"); n != 0 {
		w.t.Errorf("%d leases never came back", n)
	}
	if n := w.number("SELECT COUNT(*) FROM lease_leaving"); n != 0 {
		w.t.Errorf("%d grants are left to be given back", n)
	}
	w.history()
	files, err := filepath.Glob(filepath.Join(w.hosts[0].logs, "*")) // the hosts share the directory
	if err != nil || len(files) == 0 {
		w.t.Fatalf("no process saw anything: %v", err)
	}
	for _, path := range files {
		w.replay(path)
	}
}

func (w *faultWorld) number(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.reader.QueryRow(query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// look reads the ledger as somebody who knows nothing of its code.
func (w *faultWorld) look() {
	w.t.Helper()
	w.none("a device is granted beyond its whole", "SELECT device, SUM(milli) FROM lease_grants WHERE ended_at IS NULL GROUP BY device HAVING SUM(milli) > 1000")
	w.none("what is said to be used of a device is not what is granted of it", "SELECT d.id, d.used - COALESCE((SELECT SUM(g.milli) FROM lease_grants g WHERE g.device = d.id AND g.ended_at IS NULL), 0) FROM lease_devices d WHERE d.used <> COALESCE((SELECT SUM(g.milli) FROM lease_grants g WHERE g.device = d.id AND g.ended_at IS NULL), 0)")
	w.none("a gang has not two hosts with two devices each", `SELECT gang, COUNT(*) FROM (
  SELECT l.gang AS gang, l.attempt, (SELECT SUM(g.milli) FROM lease_grants g WHERE g.attempt = l.attempt AND g.ended_at IS NULL) AS has FROM leases l WHERE l.gang <> ''
) AS members WHERE has IS NOT NULL GROUP BY gang HAVING COUNT(*) <> 2 OR SUM(has) <> 4000`)
	w.none("who asked for a gang was granted a part", "SELECT attempt, gpu_milli FROM leases WHERE host > '-' AND request = '4 GPUs on 2 hosts' AND gang = ''")
	w.none("who holds devices by a lease has none", "SELECT l.attempt, l.gpu_milli - COALESCE((SELECT SUM(g.milli) FROM lease_grants g WHERE g.attempt = l.attempt AND g.ended_at IS NULL), 0) FROM leases l WHERE l.host > '-' AND l.gpu_milli <> COALESCE((SELECT SUM(g.milli) FROM lease_grants g WHERE g.attempt = l.attempt AND g.ended_at IS NULL), 0)")
	for _, h := range w.hosts {
		for id, p := range h.procs {
			for _, g := range p.grants {
				if n := w.number("SELECT COALESCE(SUM(milli), 0) FROM lease_grants WHERE device = ? AND epoch <> ? AND ended_at IS NULL", g.Device, g.Epoch); !p.ended && n+g.Milli > wholeDevice {
					w.t.Errorf("at %s: device %s is granted again while a process of attempt %s is on it by epoch %d", w.now, g.Device, id, g.Epoch)
				}
			}
		}
		if silent := w.now - h.heard; silent > faultGrace+backWithin && h.heard > 0 && w.now > w.failed+2*checkEvery {
			if n := w.number("SELECT COUNT(*) FROM lease_grants WHERE ended_at IS NULL AND host = ?", h.name); n > 0 {
				w.tell("SELECT * FROM lease_grants WHERE ended_at IS NULL")
				w.tell("SELECT attempt, host, gang, gpu_milli FROM leases")
				w.tell("SELECT * FROM lease_leaving")
				w.tell("SELECT host, up FROM lease_hosts")
				w.tell("SELECT name, state, seen_at FROM hosts")
				w.t.Errorf("at %s: %d grants on host %s are not back, which was not heard of for %s", w.now, n, h.name, silent)
			}
		}
	}
	for id, since := range w.orphan {
		if w.now-since <= faultGrace+backWithin {
			continue
		}
		delete(w.orphan, id)
		if w.number("SELECT COUNT(*) FROM leases WHERE attempt = ?", id) > 0 {
			w.t.Errorf("at %s: attempt %s has a lease still, whose workflow was found gone at %s", w.now, id, since)
		}
	}
}

// tell logs rows, for whoever looks for the fault.
func (w *faultWorld) tell(query string) {
	rows, err := w.reader.Query(query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Log(query, columns)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			line = append(line, v.String)
		}
		w.t.Log(line)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *faultWorld) none(what, query string) {
	w.t.Helper()
	var subject string
	var n float64
	switch err := w.reader.QueryRow(query).Scan(&subject, &n); {
	case err == nil:
		w.t.Errorf("at %s: %s: %s, %v", w.now, what, subject, n)
	case err != sql.ErrNoRows:
		w.t.Fatal(err)
	}
}

// history goes over all grants that ever were, by the times that the ledger wrote.
func (w *faultWorld) history() {
	w.none("a whole device was granted while another had it", `SELECT a.device, a.epoch FROM lease_grants a JOIN lease_grants b ON b.device = a.device AND b.epoch > a.epoch
WHERE a.milli + b.milli > 1000 AND b.granted_at < a.ended_at`)
	w.none("an epoch is missing or came twice", "SELECT device, COUNT(*) FROM lease_grants GROUP BY device HAVING COUNT(*) <> MAX(epoch) OR COUNT(DISTINCT epoch) <> COUNT(*)")
}

// replay goes over what processes saw of a device.
func (w *faultWorld) replay(path string) {
	f, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	on, newest := map[string]int{}, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var at, epoch, milli int
		var what, id string
		if _, err := fmt.Sscan(lines.Text(), &at, &what, &id, &epoch, &milli); err != nil {
			w.t.Fatal(err)
		}
		if what == "end" {
			delete(on, id)
			continue
		}
		all := milli
		for _, m := range on {
			all += m
		}
		if all > wholeDevice {
			w.t.Errorf("%s: at %s attempt %s began with epoch %d while %v were there", filepath.Base(path), time.Duration(at), id, epoch, on)
		}
		if milli == wholeDevice && epoch < newest {
			w.t.Errorf("%s: at %s attempt %s began with epoch %d after %d", filepath.Base(path), time.Duration(at), id, epoch, newest)
		}
		on[id], newest = milli, max(newest, epoch)
	}
	if len(on) > 0 {
		w.t.Errorf("%s: processes were never ended: %v", filepath.Base(path), on)
	}
}

// cutter is what stands between a client and its database, and cuts.
type cutter struct {
	path string
	mu   sync.Mutex
	open []net.Conn
}

func newCutter(t *testing.T, socket string) *cutter {
	dir, err := os.MkdirTemp("/tmp", "bine-cut-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{path: filepath.Join(dir, "s")}
	listening, err := net.Listen("unix", c.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = listening.Close()
		c.cut()
		_ = os.RemoveAll(dir)
	})
	go func() {
		for {
			near, err := listening.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, near, far)
			c.mu.Unlock()
			go pipe(near, far)
			go pipe(far, near)
		}
	}()
	return c
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		_ = conn.Close()
	}
	c.open = nil
}
