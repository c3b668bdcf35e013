package gpu

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	modelForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+/-]{0,62}$`)
	keyForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]{0,62}$`)
	valueForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}$`)
)

// fabrics are the labels that may be joined to a model: Infiniband_P100.
var fabrics = []string{"infiniband", "roce", "ethernet", "efa", "slingshot", "omnipath"}

const digits = "0123456789"

// isModel says whether a word names a model: it has a digit, and is no number.
func isModel(text string) bool {
	return strings.ContainsAny(text, digits) && strings.Trim(text, digits+".") != "" && modelForm.MatchString(text)
}

// traits reads what stands behind with or prefer: labels, models, a vendor, and
// where within is given a level. They are joined by commas, "and", or both.
func (p *parser) traits(t *Traits, within *Level, example string) *fault {
	for {
		w := p.take()
		level, isLevel := levels[w.lower]
		switch {
		case w.text == "" || slices.Contains(clauses, w.lower) || slices.Contains([]string{",", "and", "or"}, w.lower):
			return w.fault(example, "a model, or a label of hosts such as Infiniband or zone=a, is expected, %s", w.instead())
		case within != nil && isLevel:
			if *within != "" {
				return w.fault(example, "only one level can be preferred; %s is too", *within)
			}
			*within = level
		case level == LevelLinks:
			if p.r.Within != "" && p.r.Within != level {
				return w.fault(example, "all are within a %s already; only one level can be asked for", p.r.Within)
			}
			p.r.Within, p.said["within"] = level, w
		default:
			if f := p.trait(t, w, example); f != nil {
				return f
			}
		}
		if comma := p.accept(","); !p.accept("and") && !comma {
			return nil
		}
	}
}

// trait reads one: key=value, a vendor, a label, a model, or a fabric and a model.
func (p *parser) trait(t *Traits, w word, example string) *fault {
	key, value, pair := strings.Cut(w.text, "=")
	fabric, model, joined := strings.Cut(w.text, "_")
	switch {
	case pair:
		if value == "" || !valueForm.MatchString(value) {
			return w.fault(example, "a label is a key and a value such as zone=a, %s", w.instead())
		}
		return t.label(w, key, value, example)
	case w.lower == "nvidia" || w.lower == "amd" || w.lower == "simulated":
		if t.Vendor != "" && t.Vendor != w.lower {
			return w.fault(example, "a device has one vendor, and it is %s already", t.Vendor)
		}
		t.Vendor = w.lower
		return nil
	case joined && slices.Contains(fabrics, strings.ToLower(fabric)):
		if f := t.label(w, fabric, "", example); f != nil {
			return f
		}
		return p.models(t, w, model)
	case strings.ContainsAny(w.text, digits):
		return p.models(t, w, w.text)
	default:
		return t.label(w, w.text, "", example)
	}
}

func (t *Traits) label(w word, key, value, example string) *fault {
	if !keyForm.MatchString(key) {
		return w.fault(example, "a label begins with a letter and has letters, digits and ._/- only, %s", w.instead())
	}
	key = strings.ToLower(key)
	if before, twice := t.Labels[key]; twice && before != value {
		return w.fault(example, "label %s is said a second time, differently", key)
	}
	if t.Labels == nil {
		t.Labels = map[string]string{}
	}
	t.Labels[key] = value
	return nil
}

// models reads one or several of which any will do: A100, A100 or H100, A100|H100.
func (p *parser) models(t *Traits, w word, text string) *fault {
	const example = "4 GPUs on 1 host with A100 or H100"
	if len(t.Models) > 0 {
		return w.fault(example, `a device is of one model, and %s is asked for already: join alternatives by "or"`, strings.Join(t.Models, " or "))
	}
	for {
		for one := range strings.SplitSeq(text, "|") {
			one = strings.ToUpper(one)
			if !isModel(one) {
				return w.fault(example, "a model such as A100 or MI300X is expected, %s", w.instead())
			}
			if !slices.Contains(t.Models, one) {
				t.Models = append(t.Models, one)
			}
		}
		if !p.accept("or") {
			slices.Sort(t.Models)
			return nil
		}
		w = p.take()
		text = w.text
	}
}

// longestDuration bounds how long somebody can ask for.
const longestDuration = 3650 * 24 * time.Hour

var durationUnits = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second, "m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

var durationPart = regexp.MustCompile(`^([0-9]{1,9})(?:\.([0-9]{1,3}))?([a-z]*)`)

// duration reads how long: 2h, 1h30m, 1.5h, 2 hours, 1 day 12 hours.
func (p *parser) duration() *fault {
	const example = "4 GPUs for 1h30m"
	first := p.peek()
	for {
		w := p.peek()
		if w.text == "" || w.lower[0] < '0' || w.lower[0] > '9' {
			break
		}
		p.take()
		for rest := w.lower; rest != ""; {
			m := durationPart.FindStringSubmatch(rest)
			if m == nil {
				return w.fault(example, "a duration such as 2h, 1h30m or 3 days is expected, %s", w.instead())
			}
			rest = rest[len(m[0]):]
			unit := m[3]
			if unit == "" && rest == "" {
				unit = p.take().lower
			}
			size, known := durationUnits[unit]
			if one, many := strings.CutSuffix(unit, "s"); many && len(one) > 1 && one != "m" {
				size, known = durationUnits[one]
			}
			if !known {
				return w.fault(example, "a unit of time is expected behind %s: s, m, h, d or w", m[1])
			}
			n, _ := strconv.ParseInt(m[1], 10, 64)
			parts, _ := strconv.ParseInt((m[2] + "000")[:3], 10, 64)
			if n > int64(longestDuration/size) {
				n, p.r.Duration = 0, longestDuration+1
			}
			p.r.Duration += time.Duration(n)*size + time.Duration(parts)*size/1000
			if p.r.Duration > longestDuration {
				return w.fault(example, "at most %s can be asked for", durationText(longestDuration))
			}
		}
	}
	if p.r.Duration = p.r.Duration.Round(time.Second); p.r.Duration <= 0 {
		return first.fault(example, "a duration of a second at least is expected, such as 2h, %s", first.instead())
	}
	return nil
}
