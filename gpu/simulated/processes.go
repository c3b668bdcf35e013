package simulated

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

const (
	// fresh is how long a process is looked at each time: it may still execute
	// the program that it was started for, with another environment.
	fresh = 3 * time.Second
	// again is how often an older one is.
	again = 15 * time.Second
)

// users finds the processes of this computer that see simulated devices, as far
// as their environment can be read.
type users struct {
	known map[int]*user
}

// user is a process, and the devices in its environment.
type user struct {
	first, last time.Time // when it was looked at
	devices     []bine.DeviceID
}

// find gives the processes of each device, by number.
func (u *users) find(now time.Time) map[bine.DeviceID][]int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // those that were read count
	before := u.known
	u.known = make(map[int]*user, len(before))
	out := map[bine.DeviceID][]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p := before[pid]
		if p == nil {
			p = &user{first: now}
		}
		if now.Sub(p.first) < fresh || now.Sub(p.last) >= again {
			p.last, p.devices = now, visible(name)
		}
		u.known[pid] = p
		for _, id := range p.devices {
			out[id] = append(out[id], pid)
		}
	}
	for _, pids := range out {
		slices.Sort(pids)
	}
	return out
}

// visible reads the devices out of the environment of a process.
func visible(pid string) []bine.DeviceID {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "environ"))
	if err != nil {
		return nil
	}
	_, after, found := bytes.Cut(append([]byte{0}, text...), []byte("\x00"+Variable+"="))
	if !found {
		return nil
	}
	list, _, _ := bytes.Cut(after, []byte{0})
	var out []bine.DeviceID
	for id := range strings.SplitSeq(string(list), ",") {
		if id != "" {
			out = append(out, bine.DeviceID(id))
		}
	}
	return out
}
