package bine

// Cluster sums up the hosts, what of them is granted, and who waits.
type Cluster struct {
	Hosts     int                 `json:"hosts"`
	Lost      int                 `json:"hosts_lost" doc:"hosts that were not heard of"`
	Cordoned  int                 `json:"hosts_cordoned" doc:"hosts that an administrator keeps new work away from"`
	Total     Resources           `json:"total" doc:"of the hosts that are up"`
	Used      Resources           `json:"used" doc:"of that, what is granted"`
	Available float64             `json:"gpus_available" doc:"accelerators that could be granted now: ready, free, and on hosts that take work"`
	Devices   map[DeviceState]int `json:"devices" doc:"accelerators by where they stand"`
	Waiting   int                 `json:"waiting" doc:"requests in the queue"`
	ForGPUs   int                 `json:"waiting_for_gpus" doc:"of these, requests for accelerators"`
	Back      int                 `json:"asked_back" doc:"granted requests that were asked to make room"`
}

// HostPicture is a host as the ledger sees it, with its accelerators.
type HostPicture struct {
	Name     HostName        `json:"name"`
	Up       bool            `json:"up"`
	Cordoned bool            `json:"cordoned,omitempty" doc:"an administrator keeps new work away from it"`
	Labels   []string        `json:"labels,omitempty"`
	Rack     string          `json:"rack,omitempty" doc:"its label rack"`
	Block    string          `json:"block,omitempty" doc:"its label block: of racks"`
	Total    Resources       `json:"total"`
	Used     Resources       `json:"used"`
	Devices  []DevicePicture `json:"devices,omitempty"`
}

// DevicePicture is an accelerator as small as a picture of many needs it.
type DevicePicture struct {
	ID      DeviceID        `json:"id"`
	Index   int             `json:"index"`
	Model   string          `json:"model"`
	Profile string          `json:"profile,omitempty" doc:"of a partition"`
	State   DeviceState     `json:"state" doc:"cordoned also where an administrator keeps new work away from one that is ready"`
	Used    int             `json:"used" doc:"thousandths of it that are granted"`
	Busy    *float64        `json:"busy,omitempty" doc:"share of the time in which it computed when it was last looked at, 0 to 1"`
	Memory  int64           `json:"memory,omitempty" doc:"bytes of its memory that were in use then"`
	By      []ProjectShares `json:"by,omitempty" doc:"which projects have it; the empty name stands for projects that are not the reader's"`
}

// ProjectShares is how much of accelerators a project holds.
type ProjectShares struct {
	Project ProjectName `json:"project"`
	Milli   int         `json:"milli" doc:"thousandths of a device"`
}

// ProjectShare is what a project has of the accelerators of the cluster, and has had.
type ProjectShare struct {
	Project    ProjectName `json:"project" doc:"empty: all projects together that are not the reader's"`
	Held       float64     `json:"held" doc:"accelerators that it holds now"`
	Guaranteed float64     `json:"guaranteed" doc:"accelerators that are its own"`
	Borrowed   float64     `json:"borrowed" doc:"of what it holds, what is beyond that"`
	Limit      float64     `json:"limit,omitempty" doc:"accelerators that it may hold; 0 is no bound"`
	Weight     float64     `json:"weight" doc:"share in comparison with other projects"`
	Wanted     float64     `json:"wanted,omitempty" doc:"accelerators that it waits for"`
	Cells      []CellQuota `json:"cells,omitempty" doc:"what it has of single kinds, beside the guaranteed"`
	Hours      []float64   `json:"hours,omitempty" doc:"accelerators times hours that it has had, in each step of the time that was asked for"`
	Total      float64     `json:"total" doc:"the sum of these"`
}
