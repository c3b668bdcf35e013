package bine

import (
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
	what := strings.TrimSpace(q.Model)
	if level := q.Level; level != "" && level != CellDevice {
		if what != "" {
			what = " of " + what
		}
		what = string(level) + "s" + what
	} else if what == "" {
		what = "devices"
	}
	var parts []string
	if q.Guaranteed > 0 || q.Most == 0 {
		parts = append(parts, strconv.Itoa(q.Guaranteed)+" "+what)
	}
	if q.Most > 0 {
		parts = append(parts, "at most "+strconv.Itoa(q.Most))
		if q.Guaranteed == 0 {
			parts[0] += " " + what
		}
	}
	return strings.Join(parts, ", ")
}

// ParseCellQuota reads words like "2 hosts of A100", "4 H100, at most 8", "1 rack" and
// "at most 2 hosts". An error is one of kind Invalid.
func ParseCellQuota(text string) (CellQuota, error) {
	fault := func(what string) (CellQuota, error) {
		return CellQuota{}, Errorf(Invalid, "%q: %s. Write it like 2 hosts of A100, 4 H100, at most 8, or 1 rack", text, what)
	}
	q := CellQuota{Level: CellDevice}
	words := strings.Fields(strings.ReplaceAll(text, ",", " , "))
	for i := 0; i < len(words); {
		if words[i] == "," {
			i++
			continue
		}
		number := &q.Guaranteed
		if i+1 < len(words) && words[i] == "at" && words[i+1] == "most" {
			number, i = &q.Most, i+2
		}
		if i >= len(words) {
			return fault("a number is missing at the end")
		}
		n, err := strconv.Atoi(words[i])
		if err != nil || n < 1 || n > 1_000_000 {
			return fault(strconv.Quote(words[i]) + " is no number of cells")
		}
		if *number != 0 {
			return fault("it says twice how many")
		}
		*number = n
		for i++; i < len(words) && words[i] != "," && words[i] != "at"; i++ {
			switch word := strings.ToLower(words[i]); strings.TrimSuffix(word, "s") {
			case "host", "rack", "block", "device":
				q.Level = CellLevel(strings.TrimSuffix(word, "s"))
			case "of":
			default:
				if q.Model != "" {
					return fault("it names two models, " + q.Model + " and " + words[i])
				}
				q.Model = words[i]
			}
		}
	}
	if q.Guaranteed == 0 && q.Most == 0 {
		return fault("it says no number")
	}
	if q.Most > 0 && q.Guaranteed > q.Most {
		return fault("more are guaranteed than it may have")
	}
	return q, nil
}
