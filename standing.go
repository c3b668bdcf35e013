package bine

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Reservation is the place that is kept for the first of those that wait for
// accelerators: others start before it only where that does not delay it.
type Reservation struct {
	At      *time.Time `json:"at,omitempty" doc:"when it starts at the latest, if everybody takes as long as was said; absent: when those give back of whom nobody said how long they take"`
	Since   time.Time  `json:"since" doc:"when it was first promised"`
	Hosts   []HostName `json:"hosts" doc:"where it will be"`
	Devices []DeviceID `json:"devices" doc:"what it will get"`
}

// CellLevel is what a quota of cells counts.
type CellLevel string

// The levels of cells: single accelerators, all those of a host, of a rack, of
// a block of racks.
const (
	CellDevice CellLevel = "device"
	CellHost   CellLevel = "host"
	CellRack   CellLevel = "rack"
	CellBlock  CellLevel = "block"
)

// CellQuota is what a project has of one kind of accelerators: 4 of a model, or
// 2 whole hosts of it. Whole cells are kept whole: what is not preemptible and
// of another project does not go into them.
type CellQuota struct {
	Level      CellLevel `json:"level" enum:"device,host,rack,block" doc:"what is counted"`
	Model      string    `json:"model,omitempty" maxLength:"100" doc:"of these only: a model, or the family that its name begins with, so A100 is A100-SXM4-80GB too; empty is any"`
	Guaranteed int       `json:"guaranteed" minimum:"0" doc:"so many are its own: others give them back when it asks"`
	Most       int       `json:"most,omitempty" minimum:"0" doc:"it holds parts of so many at once, borrowed ones among them; 0 is no bound"`
}

// Standing is what a project holds of the cluster, what of that is borrowed, what
// it is owed, and what it has had.
type Standing struct {
	Project    ProjectName    `json:"project"`
	Weight     float64        `json:"weight" doc:"share in comparison with other projects"`
	Held       Resources      `json:"held" doc:"by its processes together"`
	Limit      float64        `json:"gpus_limit,omitempty" doc:"accelerators that it may hold; 0 is no bound"`
	Guaranteed float64        `json:"gpus_guaranteed" doc:"accelerators that are its own, of any kind"`
	Borrowed   float64        `json:"gpus_borrowed" doc:"accelerators that it holds beyond all that is its own"`
	Owed       float64        `json:"gpus_owed" doc:"accelerators that it waits for and that are its own"`
	Waiting    int            `json:"waiting" doc:"requests that wait for a host"`
	Wanted     float64        `json:"gpus_waiting" doc:"accelerators that those ask for"`
	Used       UsedResources  `json:"used"`
	Load       float64        `json:"load" doc:"accelerators that it has, and has had lately on average, for its weight: of those that wait for any, the project with the least goes first"`
	Cells      []CellStanding `json:"cells,omitempty" doc:"as its quota names them"`
}

// UsedResources is what a project has had, as it counts now.
type UsedResources struct {
	GPUSeconds float64 `json:"gpu_seconds" doc:"accelerators times seconds"`
	CPUSeconds float64 `json:"cpu_seconds" doc:"cores times seconds"`
	HalfLife   float64 `json:"half_life_seconds" doc:"after so long it counts half"`
}

// CellStanding is how a project stands with one kind of accelerators.
type CellStanding struct {
	CellQuota
	Held     float64    `json:"held" doc:"cells that it holds parts of; of single accelerators, how much"`
	Borrowed float64    `json:"borrowed" doc:"of these, beyond what is its own"`
	Owed     float64    `json:"owed" doc:"of its own, those that it does not hold"`
	Hosts    []HostName `json:"hosts,omitempty" doc:"of whole cells: those that are its own now"`
}

// String gives the words: ParseCellQuota of them is q again.
func (q CellQuota) String() string {
	n := q.Guaranteed
	if n == 0 {
		n = q.Most
	}
	unit := "GPU"
	if q.Level != "" && q.Level != CellDevice {
		unit = string(q.Level)
	}
	if n != 1 {
		unit += "s"
	}
	if q.Model != "" {
		unit += " with " + q.Model
	}
	if q.Guaranteed == 0 && q.Most > 0 {
		return "at most " + strconv.Itoa(q.Most) + " " + unit
	}
	text := strconv.Itoa(q.Guaranteed) + " " + unit
	if q.Most > 0 {
		text += " at most " + strconv.Itoa(q.Most)
	}
	return text
}

const mostCells = 100_000

var cellForm = regexp.MustCompile(`(?i)^(?:(at most) )?([0-9]+) (gpu|device|host|rack|block)s?(?: with ([A-Z0-9][A-Z0-9._+/-]{0,62}))?(?: at most ([0-9]+))?$`)

// ParseCellQuota reads words: 2 hosts with A100, 4 GPUs with H100 at most 8, 1 rack,
// at most 2 hosts. An error is one of kind Invalid.
func ParseCellQuota(text string) (CellQuota, error) {
	fault := func(what string) (CellQuota, error) {
		return CellQuota{}, Errorf(Invalid, "%q: %s. Examples: 2 hosts with A100; 4 GPUs with H100 at most 8; 1 rack; at most 2 hosts", text, what)
	}
	found := cellForm.FindStringSubmatch(strings.Join(strings.Fields(text), " "))
	if found == nil {
		return fault("a number of GPUs, hosts, racks or blocks is expected")
	}
	q := CellQuota{Level: CellLevel(strings.ToLower(found[3])), Model: found[4]}
	if q.Level == "gpu" {
		q.Level = CellDevice
	}
	n, err := strconv.Atoi(found[2])
	most := 0
	if err == nil && found[5] != "" {
		most, err = strconv.Atoi(found[5])
	}
	switch {
	case err != nil || n < 1 || n > mostCells || most > mostCells || found[5] != "" && most < 1:
		return fault("there can be 1 to " + strconv.Itoa(mostCells))
	case found[1] != "" && found[5] != "":
		return fault("it says twice how many are the most")
	case found[1] != "":
		q.Most = n
	case most > 0 && n > most:
		return fault("more are guaranteed than it may have")
	default:
		q.Guaranteed, q.Most = n, most
	}
	return q, nil
}
