package simulated

import (
	"os"
	"time"
)

// control follows a file of events that grows. It is read anew when its size
// or time has changed; one that got shorter begins again.
type control struct {
	path string
	size int64
	time time.Time
	done int // events that were done
}

// read gives the events that are new; a file that is not there has none yet. A
// fault of the file is said once, and none of it is done until it is mended.
func (c *control) read() ([]Event, error) {
	if c.path == "" {
		return nil, nil
	}
	info, err := os.Stat(c.path)
	if err != nil || info.Size() == c.size && info.ModTime().Equal(c.time) {
		return nil, nil
	}
	text, err := os.ReadFile(c.path)
	if err != nil {
		return nil, nil
	}
	c.size, c.time = info.Size(), info.ModTime()
	if len(text) == 0 {
		c.done = 0
		return nil, nil
	}
	events, err := parseEvents(text)
	if err != nil {
		return nil, err
	}
	if len(events) < c.done {
		c.done = 0
	}
	news := events[c.done:]
	c.done = len(events)
	return news, nil
}
