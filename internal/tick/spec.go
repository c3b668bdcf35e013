// Package tick calculates when schedules run: the planned times of a cron
// expression in a time zone, how far a tick is moved by jitter, and which runs
// start when under an overlap policy and a catch-up window.
//
// It is pure: it asks no clock and no engine. What it calculates is what the
// workflow engine does with the same schedule; a test beside the engine compares them.
//
// Expressions are read as github.com/robfig/cron does (five fields, @daily and
// the like, @every 10m). The engine's own reading differs, so it is given
// Expressions, which mean the same to both:
//   - Where both day of month and day of week are given, a day that fits either
//     is planned, as in cron; the engine by itself wants both to fit.
//   - ? is *; the engine does not know it.
//   - @every counts from 1970, not from when the schedule was made.
//
// When clocks change, it is as the engine does it. A time that is left out is
// not planned on that day. Of a time that comes twice, the engine plans one or
// both, depending on the zone: in Europe the second, in America both. What
// is planned at every hour is therefore planned in UTC, where the zone is whole
// hours from it, so that no hour is lost and none counts twice. Where clocks
// move by half an hour (Australia/Lord_Howe), a minute that is left out is moved
// out of the gap.
package tick

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/bine-ml/bine"
)

// Spec says which times are planned.
type Spec struct {
	zone      *time.Location
	calendars []calendar
	every     time.Duration // instead of calendars
}

// calendar is a set of times of the wall clock: one bit for each value of a field.
type calendar struct{ minute, hour, day, month, weekday uint64 }

// anyBit is set by cron on a field that was written with * or ?.
const anyBit = 1 << 63

// Parse reads a cron expression in a time zone, a name of the IANA; empty is UTC.
func Parse(expression, zone string) (Spec, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return Spec{}, bine.Errorf(bine.Invalid, "time zone %q is not known: write it like Europe/Stockholm", zone)
	}
	if strings.Contains(expression, "TZ=") {
		return Spec{}, bine.Errorf(bine.Invalid, "cron %q names a time zone, which belongs into time_zone", expression)
	}
	read, err := cron.ParseStandard(expression)
	if err != nil {
		return Spec{}, bine.Errorf(bine.Invalid, "cron %q is not understood: write five fields (minute, hour, day, month, day of week), or @daily: %w", expression, err)
	}
	switch c := read.(type) {
	case cron.ConstantDelaySchedule:
		return Spec{zone: loc, every: c.Delay}, nil
	case *cron.SpecSchedule:
		s := Spec{zone: loc, calendars: calendars(c)}
		if s.hourly() && wholeHours(loc) {
			s.zone = time.UTC
		}
		return s, nil
	}
	return Spec{}, fmt.Errorf("cron %q is a %T", expression, read)
}

// calendars gives one calendar, or two of which a time has to fit either.
func calendars(c *cron.SpecSchedule) []calendar {
	all := calendar{minute: c.Minute &^ anyBit, hour: c.Hour &^ anyBit, day: c.Dom &^ anyBit, month: c.Month &^ anyBit, weekday: c.Dow &^ anyBit}
	if c.Dom&anyBit != 0 || c.Dow&anyBit != 0 {
		return []calendar{all}
	}
	byDay, byWeekday := all, all
	byDay.weekday, byWeekday.day = everyWeekday, everyDay
	return []calendar{byDay, byWeekday}
}

// All values of the fields.
const (
	everyMinute  = 1<<60 - 1
	everyHour    = 1<<24 - 1
	everyDay     = 1<<32 - 2
	everyMonth   = 1<<13 - 2
	everyWeekday = 1<<7 - 1
)

// hourly says whether a schedule does not care which hour of which day it is.
func (s Spec) hourly() bool {
	c := s.calendars[0]
	return len(s.calendars) == 1 && c.hour == everyHour && c.day == everyDay && c.month == everyMonth && c.weekday == everyWeekday
}

// wholeHours says whether the clocks of a zone are whole hours from UTC, in the
// years in which their rules are written down.
func wholeHours(zone *time.Location) bool {
	for at := time.Date(2020, 1, 15, 0, 0, 0, 0, time.UTC); at.Year() < 2038; at = at.AddDate(0, 1, 0) {
		if _, offset := at.In(zone).Zone(); offset%3600 != 0 {
			return false
		}
	}
	return true
}

// Zone names the time zone in which the times are planned. For what is planned
// at every hour it may be UTC instead of the one that was given.
func (s Spec) Zone() string { return s.zone.String() }

// Every is the interval of an expression like @every 10m, else zero.
func (s Spec) Every() time.Duration { return s.every }

// Expressions gives cron expressions of which together the same times follow,
// in numbers and * only; none for @every.
func (s Spec) Expressions() []string {
	var list []string
	for _, c := range s.calendars {
		list = append(list, strings.Join([]string{
			field(c.minute, everyMinute), field(c.hour, everyHour), field(c.day, everyDay), field(c.month, everyMonth), field(c.weekday, everyWeekday),
		}, " "))
	}
	return list
}

func field(bits, all uint64) string {
	if bits == all {
		return "*"
	}
	var numbers []string
	for i := range 63 {
		if has(bits, i) {
			numbers = append(numbers, fmt.Sprint(i))
		}
	}
	return strings.Join(numbers, ",")
}

func has(bits uint64, i int) bool { return bits&(1<<i) != 0 }

// lastYear is the last in which the engine plans anything.
const lastYear = 2100

// Next gives the first planned time after a time, in UTC; zero where there is none.
func (s Spec) Next(after time.Time) time.Time {
	if s.every > 0 {
		step := int64(s.every / time.Second)
		return time.Unix((floor(after.Unix(), step)+1)*step, 0).UTC()
	}
	var first time.Time
	for _, c := range s.calendars {
		at := c.next(after, s.zone)
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first = first.UTC(); first.Year() > lastYear {
		return time.Time{}
	}
	return first
}

func floor(n, step int64) int64 {
	q := n / step
	if n%step < 0 {
		q--
	}
	return q
}

// Between gives the planned times from a time on and before another, the
// first most of them; most below zero is all.
func (s Spec) Between(from, to time.Time, most int) []time.Time {
	var list []time.Time
	for at := s.Next(from.Add(-time.Nanosecond)); !at.IsZero() && at.Before(to) && len(list) != most; at = s.Next(at) {
		list = append(list, at)
	}
	return list
}
