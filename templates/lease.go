package templates

import (
	"html/template"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// LeasePage shows what became of one request: when it was asked, how long and
// for what it waited, what it got, how much it used that, and how it ended.
type LeasePage struct {
	Shell
	History client.LeaseHistory
	Queue   QueuePage // who may change what
}

var leasePage = load("lease.html")

func (p LeasePage) page() *template.Template { return leasePage }

// State is where it stands.
func (p LeasePage) State() string {
	switch {
	case p.History.Live != nil && p.History.Live.AskedBack != nil && p.History.Live.GrantedAt != nil:
		return "draining"
	case p.History.Live != nil && p.History.Live.GrantedAt == nil:
		return "waiting"
	case p.History.Live != nil:
		return "running"
	case p.History.Attempt.ID != "":
		return string(p.History.Attempt.State)
	}
	return "ended"
}

// Waited is how long it waited, or has.
func (p LeasePage) Waited() string {
	if p.History.Asked.IsZero() {
		return "–"
	}
	end := p.Now
	if p.History.Granted != nil {
		end = *p.History.Granted
	}
	return duration(end.Sub(p.History.Asked))
}

// Had is how long it had what it got, or has.
func (p LeasePage) Had() string {
	if p.History.Granted == nil {
		return "–"
	}
	end := p.Now
	if p.History.Ended != nil {
		end = *p.History.Ended
	}
	return duration(end.Sub(*p.History.Granted))
}

// GPUHours is accelerators times hours.
func (p LeasePage) GPUHours() float64 {
	sum := 0.0
	for _, g := range p.History.Grants {
		end := p.Now
		if g.EndedAt != nil {
			end = *g.EndedAt
		}
		sum += float64(g.Milli) / 1000 * end.Sub(g.GrantedAt).Hours()
	}
	return round(sum)
}

// LeaseStep is something that became of a request.
type LeaseStep struct {
	At    time.Time
	State string // for its look
	Text  string
	Note  string
}

// Steps are what became of it, in their order.
func (p LeasePage) Steps() []LeaseStep {
	var all []LeaseStep
	if !p.History.Asked.IsZero() {
		all = append(all, LeaseStep{p.History.Asked, "pending", "asked", ""})
	}
	if p.History.Live != nil && p.History.Live.GrantedAt == nil {
		all = append(all, LeaseStep{p.Now, "waiting", "waits", p.History.Live.Reason})
	}
	if p.History.Granted != nil {
		all = append(all, LeaseStep{*p.History.Granted, "ready", "granted", p.where()})
	}
	if p.History.Attempt.StartedAt != nil {
		all = append(all, LeaseStep{*p.History.Attempt.StartedAt, "running", "began", ""})
	}
	if p.History.AskedBack != nil {
		all = append(all, LeaseStep{*p.History.AskedBack, "draining", "asked to make room", "it has 30 seconds to keep a checkpoint"})
	}
	if p.History.Attempt.EndedAt != nil {
		all = append(all, LeaseStep{*p.History.Attempt.EndedAt, string(p.History.Attempt.State), "ended: " + p.why(), p.History.Attempt.Reason})
	}
	if p.History.Ended != nil {
		all = append(all, LeaseStep{*p.History.Ended, "done", "given back", ""})
	}
	return all
}

func (p LeasePage) where() string {
	if len(p.History.Grants) > 0 {
		return plural(len(p.History.Grants), "GPU")
	}
	return string(p.History.Attempt.Host)
}

func (p LeasePage) why() string {
	if p.History.Attempt.Failure != "" {
		return word(p.History.Attempt.Failure)
	}
	return word(p.History.Attempt.State)
}

// Kept reports whether it left a checkpoint, or says that it cannot be known.
func (p LeasePage) Kept() string {
	switch {
	case p.History.Checkpoint != nil:
		return "kept"
	case p.History.Attempt.EndedAt == nil:
		return "none yet"
	}
	return "none"
}

// Rank reports whether it is a process of a gang beside the first.
func (p LeasePage) Rank() int {
	_, rank := p.History.Owner.Rank()
	return rank
}

// First is the owner of the whole gang.
func (p LeasePage) First() bine.Owner {
	whole, _ := p.History.Owner.Rank()
	return whole
}
