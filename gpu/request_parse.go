package gpu

import (
	"slices"
	"strconv"
	"strings"
)

// The bounds of a request.
const (
	longestText = 1000
	mostDevices = 1_000_000
	anExample   = "4 GPUs on 2 hosts with Infiniband, A100 within rack for 2h"
)

// ParseRequest reads what somebody asks for:
//
//	4                                        4 GPUs on 1 host
//	0.5 GPU                                  half of one
//	4 GPUs on any host                       as few hosts as it takes
//	20 GPUs on 2 hosts with Infiniband_P100  10 on each
//	2 MIG 1g.5gb                             partitions
//
// Behind the amount come, in any order: on N hosts, with, within host|rack|block|nvlink,
// prefer, MIG, for, preemptible, uneven. Words may be in capitals or not. A word
// with a digit behind with is a model, another one a label of the host. The
// error is one of kind Invalid that says where it is wrong, with an example.
func ParseRequest(text string) (Request, error) {
	if len(text) > longestText {
		f := fault{1, "a request has " + strconv.Itoa(longestText) + " bytes at most", anExample}
		return Request{}, f.err(text)
	}
	p := parser{words: split(text), said: map[string]word{}}
	if f := p.request(); f != nil {
		return Request{}, f.err(text)
	}
	return p.r, nil
}

// parser reads one request.
type parser struct {
	words []word
	next  int
	r     Request
	said  map[string]word // clauses, and where they are
}

func (p *parser) peek() word { return p.words[p.next] }

// take gives the next word; that behind the last is given again and again.
func (p *parser) take() word {
	w := p.words[p.next]
	if p.next < len(p.words)-1 {
		p.next++
	}
	return w
}

// accept takes the next word if it is one of some.
func (p *parser) accept(some ...string) bool {
	if slices.Contains(some, p.peek().lower) {
		p.take()
		return true
	}
	return false
}

func (p *parser) request() *fault {
	if f := p.amount(); f != nil {
		return f
	}
	for p.peek().text != "" {
		if f := p.clause(); f != nil {
			return f
		}
	}
	return p.settle()
}

// clauses are the words that one begins with.
var clauses = []string{"on", "with", "within", "prefer", "mig", "partition", "partitions", "for", "preemptible", "uneven"}

func (p *parser) clause() *fault {
	w := p.take()
	name := strings.TrimSuffix(w.lower, "s")
	if name == "partition" {
		name = "mig"
	}
	if before, twice := p.said[name]; twice {
		return w.fault(anExample, "%q is said a second time; the first is at column %d", w.text, before.column)
	}
	p.said[name] = w
	switch name {
	case "on":
		return p.place()
	case "with":
		return p.traits(&p.r.Traits, nil, "4 GPUs on 2 hosts with Infiniband and A100")
	case "within":
		return p.within()
	case "prefer":
		return p.traits(&p.r.Prefer.Traits, &p.r.Prefer.Within, "4 GPUs on 2 hosts prefer rack")
	case "mig":
		return p.profile()
	case "for":
		return p.duration()
	case "preemptible":
		p.r.Preemptible = true
	case "uneven":
		p.r.Uneven = true
	default:
		return w.fault(anExample, "one of on, with, within, prefer, MIG, for, preemptible and uneven is expected, %s", w.instead())
	}
	return nil
}

// amount reads how many of what: 4, 4 GPUs, 0.5 GPU, 4 A100 GPUs, 2 MIG 1g.5gb.
func (p *parser) amount() *fault {
	w := p.take()
	if w.lower == "mig" || w.lower == "partition" {
		p.r.Count, p.said["mig"] = 1, w
		return p.profile()
	}
	digits, unit := w.lower, ""
	if i := strings.IndexFunc(digits, func(r rune) bool { return (r < '0' || r > '9') && r != '.' }); i > 0 {
		digits, unit = w.lower[:i], w.lower[i:]
		if unit != "gpu" && unit != "gpus" {
			return w.fault("4 GPUs", "a number of GPUs is expected, %s", w.instead())
		}
	}
	if f := p.number(w, digits); f != nil {
		return f
	}
	if unit != "" || p.accept("gpu", "gpus") {
		return nil
	}
	for _, known := range []string{"nvidia", "amd", "simulated"} {
		if p.accept(known) {
			p.r.Vendor = known
		}
	}
	if m := p.peek(); isModel(m.text) && slices.Contains([]string{"gpu", "gpus"}, p.words[min(p.next+1, len(p.words)-1)].lower) {
		p.r.Models = []string{strings.ToUpper(p.take().text)}
	}
	if m := p.peek(); !p.accept("gpu", "gpus") && (m.text != "" || p.r.Vendor != "") && !slices.Contains(clauses, m.lower) {
		return m.fault("4 GPUs on any host", `"GPU" or "GPUs" is expected, %s`, m.instead())
	}
	return nil
}

// number reads a count or a fraction.
func (p *parser) number(w word, digits string) *fault {
	whole, part, fraction := strings.Cut(digits, ".")
	n, err := strconv.Atoi(whole)
	if err != nil || n < 0 || whole[0] == '+' {
		return w.fault("4 GPUs", "a number of GPUs is expected, %s", w.instead())
	}
	if n > mostDevices {
		return w.fault("4 GPUs", "at most %d GPUs can be asked for", mostDevices)
	}
	milli := 0
	if fraction {
		part = strings.TrimRight(part, "0")
		if milli, err = strconv.Atoi((part + "000")[:3]); err != nil || len(part) > 3 || (len(digits) > 0 && digits[len(digits)-1] == '.') {
			return w.fault("0.25 GPU", "a fraction has one to three digits behind the point")
		}
	}
	switch {
	case n == 0 && milli == 0:
		return w.fault("1 GPU", "at least one GPU, or a part of one, is expected; leave the request out to ask for none")
	case n > 0 && milli > 0:
		return w.fault("0.5 GPU", "a fraction is of one GPU: ask for less than 1 or for a whole number")
	case milli > 0:
		n = 1
	}
	p.r.Count, p.r.Milli = n, milli
	return nil
}

// place reads: any host, any hosts, a host, one host, N hosts.
func (p *parser) place() *fault {
	w := p.take()
	switch w.lower {
	case "any":
	case "a", "one":
		p.r.Hosts = 1
	default:
		n, err := strconv.Atoi(w.text)
		if err != nil || n < 1 || n > mostDevices || w.text[0] == '+' {
			return w.fault("4 GPUs on 2 hosts", `"any host" or a number of hosts is expected, %s`, w.instead())
		}
		p.r.Hosts = n
	}
	if h := p.peek(); !p.accept("host", "hosts") {
		return h.fault("4 GPUs on 2 hosts", `"host" or "hosts" is expected, %s`, h.instead())
	}
	return nil
}

var levels = map[string]Level{"host": LevelHost, "rack": LevelRack, "block": LevelBlock, "nvlink": LevelLinks, "xgmi": LevelLinks}

func (p *parser) within() *fault {
	p.accept("a", "one")
	w := p.take()
	level, known := levels[w.lower]
	if !known {
		return w.fault("4 GPUs on 2 hosts within rack", "one of host, rack, block and nvlink is expected, %s", w.instead())
	}
	p.r.Within = level
	return nil
}

// profile reads that of partitions.
func (p *parser) profile() *fault {
	w := p.take()
	bad := strings.ContainsFunc(w.lower, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '+'
	})
	if w.text == "" || bad || slices.Contains(clauses, w.lower) {
		return w.fault("2 MIG 1g.5gb", "the profile of a partition is expected, such as 1g.5gb, %s", w.instead())
	}
	p.r.Profile = w.lower
	return nil
}

// settle looks whether what was said fits together, and fills in the rest.
func (p *parser) settle() *fault {
	r, on := &p.r, p.said["on"]
	if on.text == "" {
		r.Hosts = 1
	}
	if r.Milli > 0 {
		if r.Profile != "" {
			return p.said["mig"].fault("2 MIG 1g.5gb", "a partition is asked for as a whole, not a fraction of it")
		}
		if r.Hosts > 1 {
			return on.fault("0.5 GPU", "a fraction of a GPU is on one host")
		}
		r.Hosts = 1
	}
	if r.Within == LevelHost {
		if r.Hosts > 1 {
			return p.said["within"].fault("4 GPUs on 1 host", "%d hosts are not within one host", r.Hosts)
		}
		r.Hosts, r.Within = 1, ""
	}
	if r.Hosts > r.Count {
		return on.fault("4 GPUs on 2 hosts", "%d hosts are more than the %s asked for", r.Hosts, plural(r.Count, "GPU"))
	}
	if r.Hosts < 2 {
		r.Uneven = false // one host gets all, and any number of hosts any part
	}
	if r.Hosts == 0 || r.Uneven {
		return nil
	}
	if r.Count%r.Hosts != 0 {
		return on.fault(plural(r.Count/r.Hosts*r.Hosts, "GPU")+" on "+plural(r.Hosts, "host"),
			`%d GPUs cannot be split evenly over %d hosts: change a number, or add "uneven"`, r.Count, r.Hosts)
	}
	r.PerHost = r.Count / r.Hosts
	return nil
}
