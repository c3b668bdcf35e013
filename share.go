package bine

import "time"

// ShareAccess is what another project may do with a shared dataset.
type ShareAccess string

// The accesses, of which the second includes the first.
const (
	ShareRead  ShareAccess = "read"
	ShareWrite ShareAccess = "write"
)

// Everyone stands for all projects in an offer: it is to read, and to whoever wishes.
const Everyone ProjectName = "*"

// SharedSeparator is between the name of another project and the name of a
// dataset that it shares, in a path: "weather::stations/2026.csv".
const SharedSeparator = "::"

// Share is a dataset of one project and what another may do with it. It is
// usable when it is offered, to that project or to everyone, and wanted.
type Share struct {
	Owner     ProjectName `json:"owner"`   // the project whose dataset it is
	Dataset   string      `json:"dataset"` // a directory at the top of that project
	To        ProjectName `json:"to"`      // the project that may use it, or "*" for everyone
	Offered   ShareAccess `json:"offered,omitempty"`
	Wanted    ShareAccess `json:"wanted,omitempty"`
	OfferedBy UserName    `json:"offered_by,omitempty"`
	WantedBy  UserName    `json:"wanted_by,omitempty"`
	// Access is what the project may do now; empty for nothing yet.
	Access ShareAccess `json:"access,omitempty"`
	At     time.Time   `json:"at"` // of the last change
}

// Path is the path under which the project that uses the dataset knows it.
func (s Share) Path() string { return string(s.Owner) + SharedSeparator + s.Dataset }
