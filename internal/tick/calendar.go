package tick

import "time"

// moment is a time of the wall clock that next moves on.
type moment struct {
	year         int
	month        time.Month
	day          int
	hour, minute int
	second       int
	// again is set in the second copy of an hour that comes twice: an hour.
	again time.Duration
	zone  *time.Location
}

func (m *moment) time() time.Time {
	return time.Date(m.year, m.month, m.day, m.hour, m.minute, m.second, 0, m.zone)
}

// next gives the first time after a time that the calendar holds, zero where
// there is none. It goes the way of the engine's own search, so that both agree
// to the second when clocks change (go.temporal.io/server
// service/worker/scheduler/calendar.go, compiledCalendar.next, version 1.32).
func (c calendar) next(after time.Time, zone *time.Location) time.Time {
	after = after.In(zone)
	m := moment{zone: zone}
	m.year, m.month, m.day = after.Date()
	m.hour, m.minute, m.second = after.Clock()
	if after.Add(-time.Hour).Hour() == m.hour {
		m.again = time.Hour
	}
	m.second++
	for {
		m.carry()
		if m.year > lastYear {
			return time.Time{}
		}
		if !c.match(&m) {
			continue
		}
		at := m.time()
		if at.Hour() != m.hour { // the clocks jumped over it
			m.hour, m.minute, m.second = m.hour+1, 0, 0
			continue
		}
		return at.Add(m.again)
	}
}

// carry turns 60 seconds into a minute, and so on.
func (m *moment) carry() {
	if m.second >= 60 {
		m.minute, m.second = m.minute+1, 0
	}
	if m.minute >= 60 {
		before := time.Date(m.year, m.month, m.day, m.hour, 0, 0, 0, m.zone)
		m.hour, m.minute = m.hour+1, 0
		// Two hours to the next one: the one between comes twice.
		if m.again == 0 && time.Date(m.year, m.month, m.day, m.hour, 0, 0, 0, m.zone).Sub(before) > time.Hour {
			m.hour, m.again = m.hour-1, time.Hour
		} else {
			m.again = 0
		}
	}
	if m.hour >= 24 {
		m.day, m.hour = m.day+1, 0
	}
	if m.day > daysIn(m.month, m.year) {
		m.month, m.day = m.month+1, 1
	}
	if m.month > time.December {
		m.year, m.month = m.year+1, time.January
	}
}

// match moves on to the next moment that the calendar holds. Where a field has
// run over its end it stops and says no: that is to be carried first.
func (c calendar) match(m *moment) bool {
	for !has(c.month, int(m.month)) {
		m.month, m.day, m.hour, m.minute, m.second, m.again = m.month+1, 1, 0, 0, 0, 0
		if m.month > time.December {
			return false
		}
	}
	for !has(c.day, m.day) || !has(c.weekday, int(m.time().Weekday())) {
		m.day, m.hour, m.minute, m.second, m.again = m.day+1, 0, 0, 0, 0
		if m.day > daysIn(m.month, m.year) {
			return false
		}
	}
	for !has(c.hour, m.hour) {
		m.hour, m.minute, m.second, m.again = m.hour+1, 0, 0, 0
		if m.hour >= 24 {
			return false
		}
	}
	for !has(c.minute, m.minute) {
		m.minute, m.second = m.minute+1, 0
		if m.minute >= 60 {
			return false
		}
	}
	if m.second > 0 { // all are planned at the full minute
		m.second = 60
		return false
	}
	return true
}

func daysIn(month time.Month, year int) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
