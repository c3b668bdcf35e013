package bine

import (
	"encoding/json"
	"time"
)

// Approval is a question that a run asks people, and the answer.
type Approval struct {
	Project     ProjectName                `json:"project"`
	Run         RunID                      `json:"run"`
	Step        StepName                   `json:"step"`
	Item        string                     `json:"item,omitempty"`
	Pipeline    PipelineName               `json:"pipeline"`
	State       ApprovalState              `json:"state"`
	Message     string                     `json:"message"`
	Form        []ApprovalField            `json:"form,omitempty" doc:"what an answer gives beside yes or no"`
	By          []string                   `json:"by,omitempty" doc:"roles and users who may answer; empty is every member"`
	AskedAt     time.Time                  `json:"asked_at"`
	DeadlineAt  *time.Time                 `json:"deadline_at,omitempty"`
	Otherwise   ApprovalState              `json:"otherwise,omitempty" doc:"what happens at the deadline: approved or rejected"`
	RemindedAt  *time.Time                 `json:"reminded_at,omitempty"`
	EscalatedAt *time.Time                 `json:"escalated_at,omitempty"`
	AnsweredAt  *time.Time                 `json:"answered_at,omitempty"`
	AnsweredBy  UserName                   `json:"answered_by,omitempty" doc:"empty where the deadline or a signed link answered; via says which"`
	Via         string                     `json:"via,omitempty" doc:"user, link, or deadline"`
	Values      map[string]json.RawMessage `json:"values,omitempty" doc:"what the form was filled in with"`
	Note        string                     `json:"note,omitempty"`
	MayAnswer   bool                       `json:"may_answer,omitempty" doc:"whether the caller may"`
}

// ApprovalField is one field of an approval's form: a param with a value of its own.
type ApprovalField struct {
	Name        string            `json:"name"`
	Type        string            `json:"type" doc:"string, int, float, bool, list or map"`
	Description string            `json:"description,omitempty"`
	Default     json.RawMessage   `json:"default,omitempty" doc:"absent: an approval must give a value"`
	Min         *float64          `json:"min,omitempty"`
	Max         *float64          `json:"max,omitempty"`
	Choices     []json.RawMessage `json:"choices,omitempty"`
}

// ApprovalState is where an approval stands.
type ApprovalState string

// The states of an approval. One whose run ended before anybody answered is Withdrawn.
const (
	ApprovalWaiting   ApprovalState = "waiting"
	ApprovalApproved  ApprovalState = "approved"
	ApprovalRejected  ApprovalState = "rejected"
	ApprovalWithdrawn ApprovalState = "withdrawn"
)

// ApprovalToken is what a signed link answers with: the right to answer one
// approval until it expires.
type ApprovalToken struct {
	Project ProjectName `json:"p"`
	Run     RunID       `json:"r"`
	Step    StepName    `json:"s"`
	Item    string      `json:"i,omitempty"`
	Channel string      `json:"c,omitempty"` // over which the link was sent, for the record
	Expires time.Time   `json:"e"`
}
