// Package health decides what becomes of a device that fails, and when it comes
// back. It is pure: a device's record and something that happened go in, the
// next record and what changed come out; nothing here knows a clock or a
// database.
//
//	state      what happens                            next
//	ready      a fatal fault                           cordoned
//	probation  a fatal fault                           cordoned, and the next probation is twice as long
//	probation  its time is over                        ready
//	cordoned   Rules.Cordon has passed                 draining
//	cordoned,  nothing uses it any more                testing
//	draining
//	testing    its test passes                         probation
//	testing    its test fails, or a fatal fault        testing; the next test after twice the pause
//	any        it vanishes                             lost
//	lost       it is there again                       testing
//
// An administrator's cordon is a mark beside the state: a device that fails and
// recovers meanwhile stays marked, and who takes the mark away shortens nothing.
package health

import (
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine"
)

// Rules are the times of the changes. Their zero value is of no use: see Default.
type Rules struct {
	Ignored       []int         // XIDs that are a program's own fault, whatever the agent says
	Cordon        time.Duration // between a fault and asking those who use the device to leave
	Retest        time.Duration // between two tests of which the first failed; doubles
	MostRetest    time.Duration
	Probation     time.Duration // of the first failure; doubles with each further one
	MostProbation time.Duration
	Forgive       time.Duration // after this time without a failure the next one is the first
}

// Default gives the rules of an installation that says nothing else.
func Default() Rules {
	return Rules{Ignored: []int{13, 31, 43, 45, 68, 109}, Cordon: 10 * time.Second, Retest: time.Minute, MostRetest: time.Hour,
		Probation: 10 * time.Minute, MostProbation: 24 * time.Hour, Forgive: 7 * 24 * time.Hour}
}

// Device is what is remembered of a device. The zero value is one that was never
// seen.
type Device struct {
	State    bine.DeviceState `json:"state"`
	Since    time.Time        `json:"since"`
	Reason   string           `json:"reason,omitempty"`
	Due      time.Time        `json:"due,omitzero" doc:"of probation its end, of testing the next test"`
	Failures int              `json:"failures,omitempty" doc:"one soon after the other"`
	Tests    int              `json:"tests,omitempty" doc:"that failed since the last failure"`
	FailedAt time.Time        `json:"failed_at,omitzero"`

	// Faults and tests are compared by the agent's clock, changes by the server's.
	FaultAt  time.Time `json:"fault_at,omitzero" doc:"when the agent saw the last fatal fault"`
	TestedAt time.Time `json:"tested_at,omitzero" doc:"when a test passed last"`

	Cordoned bool          `json:"cordoned,omitempty" doc:"by an administrator"`
	By       bine.UserName `json:"by,omitempty"`
}

// Takes reports whether a device may be granted at all: one on probation is
// granted to work that can be interrupted.
func (d Device) Takes() bool {
	return !d.Cordoned && (d.State == bine.DeviceReady || d.State == bine.DeviceProbation)
}

// Leave reports whether those who use a device are to be asked to leave.
func (d Device) Leave() bool { return d.State == bine.DeviceDraining }

// Test reports whether a device is to be tested now.
func (d Device) Test(now time.Time) bool {
	return d.State == bine.DeviceTesting && !now.Before(d.Due)
}

// Change is an entry of a device's history. From and To are the same where only
// an administrator's mark changed.
type Change struct {
	At   time.Time
	From bine.DeviceState
	To   bine.DeviceState
	Why  string
	User bine.UserName
}

// step is a device that changes.
type step struct {
	rules Rules
	d     Device
	now   time.Time
	all   []Change
}

func (s *step) to(state bine.DeviceState, why string) {
	if s.d.State == state && s.d.Reason == why {
		return
	}
	s.all = append(s.all, Change{At: s.now, From: s.d.State, To: state, Why: why})
	if s.d.State != state {
		s.d.Since = s.now
	}
	s.d.State, s.d.Reason = state, why
}

// Found tells that the agent has the device. One that was never seen is ready:
// nobody could work where every start cost a probation.
func (r Rules) Found(d Device, now time.Time) (Device, []Change) {
	s := &step{rules: r, d: d, now: now}
	switch d.State {
	case "":
		s.to(bine.DeviceReady, "")
	case bine.DeviceLost:
		s.d.Due = now
		s.to(bine.DeviceTesting, "it is there again")
	}
	return s.d, s.all
}

// Gone tells that the agent does not have the device any more.
func (r Rules) Gone(d Device, now time.Time) (Device, []Change) {
	s := &step{rules: r, d: d, now: now}
	if d.State != bine.DeviceLost {
		s.fail()
		s.to(bine.DeviceLost, "its host does not have it any more")
	}
	return s.d, s.all
}

// Fault tells of a fault. The same fault told again changes nothing, and neither
// does one from before a test that passed.
func (r Rules) Fault(d Device, f bine.DeviceFault, now time.Time) (Device, []Change) {
	s := &step{rules: r, d: d, now: now}
	if !r.fatal(f) || !f.At.After(d.FaultAt) || !f.At.After(d.TestedAt) {
		return d, nil
	}
	s.d.FaultAt = f.At
	switch d.State {
	case bine.DeviceLost:
		return s.d, nil
	case bine.DeviceCordoned, bine.DeviceDraining:
		s.to(d.State, words(f)) // what is known of it is more
	case bine.DeviceTesting:
		s.again(words(f))
	default:
		s.fail()
		s.to(bine.DeviceCordoned, words(f))
	}
	return s.d, s.all
}

// fatal says whether a fault takes a device out of service.
func (r Rules) fatal(f bine.DeviceFault) bool {
	return f.Fatal && (f.Kind != "xid" || !slices.Contains(r.Ignored, f.Code))
}

func words(f bine.DeviceFault) string {
	if f.Text == "" {
		return fmt.Sprintf("fault %s %d", f.Kind, f.Code)
	}
	return f.Text
}

// fail counts a failure.
func (s *step) fail() {
	if s.d.FailedAt.IsZero() || s.now.Sub(s.d.FailedAt) > s.rules.Forgive {
		s.d.Failures = 0
	}
	s.d.Failures++
	s.d.FailedAt, s.d.Tests, s.d.Due = s.now, 0, time.Time{}
}

// again plans another test.
func (s *step) again(why string) {
	s.d.Tests++
	s.d.Due = s.now.Add(doubled(s.rules.Retest, s.d.Tests, s.rules.MostRetest))
	s.to(bine.DeviceTesting, why)
}

// doubled gives d for n = 1, twice of it for n = 2, and so on, at most most.
func doubled(d time.Duration, n int, most time.Duration) time.Duration {
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// Tested tells how a test went. The answer to one that nobody waits for changes
// nothing, and neither does one from before the last fault.
func (r Rules) Tested(d Device, t bine.DeviceTest, now time.Time) (Device, []Change) {
	s := &step{rules: r, d: d, now: now}
	if d.State != bine.DeviceTesting || !t.At.After(d.FaultAt) || !t.At.After(d.TestedAt) {
		return d, nil
	}
	if t.Fault != "" {
		s.again("its test failed: " + t.Fault + after(t))
		return s.d, s.all
	}
	span := doubled(r.Probation, d.Failures, r.MostProbation)
	s.d.TestedAt, s.d.Tests, s.d.Due = t.At, 0, now.Add(span)
	s.to(bine.DeviceProbation, fmt.Sprintf("its test passed%s; on probation for %s after %s", after(t), span, failures(d.Failures)))
	return s.d, s.all
}

// after says that a reset was tried before a test.
func after(t bine.DeviceTest) string {
	if t.Reset == "" {
		return ""
	}
	return " (" + t.Reset + ")"
}

func failures(n int) string {
	if n == 1 {
		return "a failure"
	}
	return fmt.Sprintf("%d failures", n)
}

// Pass tells that time has passed; idle says that nothing is granted of the
// device and no process is on it.
func (r Rules) Pass(d Device, idle bool, now time.Time) (Device, []Change) {
	s := &step{rules: r, d: d, now: now}
	switch {
	case d.State == bine.DeviceProbation && !now.Before(d.Due):
		s.d.Due = time.Time{}
		s.to(bine.DeviceReady, "its probation is over")
	case (d.State == bine.DeviceCordoned || d.State == bine.DeviceDraining) && idle:
		s.d.Due = now
		s.to(bine.DeviceTesting, d.Reason)
	case d.State == bine.DeviceCordoned && now.Sub(d.Since) >= r.Cordon:
		s.to(bine.DeviceDraining, d.Reason)
	}
	return s.d, s.all
}

// Mark marks a device, or takes the mark away, as an administrator asks for.
func (r Rules) Mark(d Device, cordoned bool, why string, by bine.UserName, now time.Time) (Device, []Change) {
	if d.Cordoned == cordoned {
		return d, nil
	}
	d.Cordoned, d.By = cordoned, by
	if !cordoned {
		d.By = ""
	}
	return d, []Change{{At: now, From: d.State, To: d.State, Why: why, User: by}}
}
