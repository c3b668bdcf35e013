package bine

import "time"

// LeaseRecord is what one process, or one gang of them, had of accelerators.
type LeaseRecord struct {
	Attempt   AttemptID   `json:"attempt" doc:"of a gang, that of its first process"`
	Project   ProjectName `json:"project"`
	Request   string      `json:"request,omitempty" doc:"how accelerators were asked for, where that is more than their number"`
	Priority  Priority    `json:"priority,omitempty"`
	GPUs      float64     `json:"gpus"`
	CPU       float64     `json:"cpu" doc:"cores"`
	Memory    int64       `json:"memory" doc:"bytes"`
	AskedAt   time.Time   `json:"asked_at"`
	GrantedAt time.Time   `json:"granted_at"`
	EndedAt   *time.Time  `json:"ended_at,omitempty" doc:"missing: it has them still"`
}
