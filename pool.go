package bine

// PoolName names a pool of a project.
type PoolName string

// Check says what is wrong with the name, if anything.
func (n PoolName) Check() error { return check("pool", string(n), nameForm, 63, plainRule) }

// Pool is a number of slots that steps of a project share, whatever run they
// belong to.
type Pool struct {
	Name        PoolName `json:"name"`
	Slots       int      `json:"slots"`
	Description string   `json:"description,omitempty"`
	Used        int      `json:"used" doc:"slots that are held now"`
	Waiting     int      `json:"waiting" doc:"steps that wait for slots"`
}

// Quota bounds what a project may have in progress at once; 0 is no bound.
type Quota struct {
	Runs   int     `json:"runs" doc:"runs that go on at once; others wait"`
	Steps  int     `json:"steps" doc:"processes at once"`
	CPU    float64 `json:"cpu" doc:"cores that its processes hold together"`
	Memory int64   `json:"memory" doc:"bytes that its processes hold together"`
	Weight float64 `json:"weight" doc:"share in comparison with other projects; 0 is 1"`
}

// Priority orders what waits within a project.
type Priority string

// The priorities; the empty one is normal.
const (
	PriorityLow    Priority = "low"
	PriorityNormal Priority = "normal"
	PriorityHigh   Priority = "high"
)

// Rank gives a number that is greater the sooner something is served.
func (p Priority) Rank() int {
	switch p {
	case PriorityLow:
		return -1
	case PriorityHigh:
		return 1
	}
	return 0
}
