package bine

import (
	"strconv"
	"time"
)

// TransferID names a transfer within its project: its direction, a dash and
// a number that counts from 1 in the project.
type TransferID string

// NewTransferID gives the id of the n-th transfer of a project.
func NewTransferID(d TransferDirection, n int) TransferID {
	return TransferID(string(d) + "-" + strconv.Itoa(n))
}

// TransferDirection says where a transfer goes.
type TransferDirection string

// The directions.
const (
	Import TransferDirection = "import" // from a connector into the project's files
	Export TransferDirection = "export" // from the project's files to a connector
	// Relocate brings files of the project to where their policies say, and seals
	// them as the project now does; it has no connector.
	Relocate TransferDirection = "relocate"
)

// TransferState is where a transfer stands.
type TransferState string

// The states of a transfer. Cancelling lasts until its copying has stopped.
const (
	TransferRunning    TransferState = "running"
	TransferCancelling TransferState = "cancelling"
	TransferCancelled  TransferState = "cancelled"
	TransferSucceeded  TransferState = "succeeded"
	TransferFailed     TransferState = "failed"
)

// Ended reports whether the state is final.
func (s TransferState) Ended() bool {
	return s == TransferCancelled || s == TransferSucceeded || s == TransferFailed
}

// Transfer copies a file, or what is below a directory, between a connector and
// a directory of the project, or within the project to another tier or key.
type Transfer struct {
	ID        TransferID        `json:"id"`
	Project   ProjectName       `json:"project"`
	Direction TransferDirection `json:"direction"`
	Connector ConnectorName     `json:"connector" doc:"empty where files are relocated"`
	Path      string            `json:"path" doc:"in the connector"`
	Files     string            `json:"files_path" doc:"in the project"`
	State     TransferState     `json:"state"`
	Reason    string            `json:"reason,omitempty"`
	Progress
	CreatedBy UserName   `json:"created_by"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

// Progress is how far a transfer is.
type Progress struct {
	Copied  int64  `json:"copied" doc:"files"`
	Bytes   int64  `json:"bytes" doc:"of the files that were copied"`
	Skipped int64  `json:"skipped" doc:"files that were there already, unchanged"`
	Failed  int64  `json:"failed" doc:"files that could not be copied"`
	Omitted int64  `json:"omitted" doc:"entries whose names are no names of files, or that are none"`
	Current string `json:"current,omitempty" doc:"one of the files that are being copied"`
	Moving  int64  `json:"moving" doc:"bytes of files that are being copied"`
}

// TransferFault is a file that was not copied, and why.
type TransferFault struct {
	Path   string    `json:"path" doc:"below what is copied"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}
