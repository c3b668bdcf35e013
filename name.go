package bine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
)

// The names that people choose. Each is unique within what owns it.
type (
	// ProjectName names a project, the unit of tenancy. Unique in the installation.
	ProjectName string
	// UserName names a person who signs in. Unique in the installation.
	UserName string
	// PipelineName names a pipeline or a job in a project.
	PipelineName string
	// StepName names a step in a pipeline; an identifier in expressions.
	StepName string
	// HostName names a machine with an agent.
	HostName string
	// ModelName names a registered model in a project.
	ModelName string
	// DeploymentName names a deployment in a project.
	DeploymentName string
	// ScheduleName names a schedule in a project.
	ScheduleName string
)

// RunID names one execution of a pipeline within its project: the pipeline's
// name, a dash and a number that counts from 1 for each pipeline.
type RunID string

// NewRunID gives the id of the n-th run of a pipeline.
func NewRunID(pipeline PipelineName, n int) RunID {
	return RunID(string(pipeline) + "-" + strconv.Itoa(n))
}

// Hash is the SHA-256 of some content in lower-case hexadecimal, 64 characters.
type Hash string

// HashOf gives the hash of b.
func HashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Check says whether h has the form of a hash.
func (h Hash) Check() error {
	if !hashForm.MatchString(string(h)) {
		return Errorf(Invalid, "%q is not a content hash: 64 hexadecimal digits are expected", string(h))
	}
	return nil
}

// AttemptID names one try of one process, in the whole installation. It is
// derived from what it tries, so that whoever asks for the same attempt twice
// gets the same one.
type AttemptID string

// NewAttemptID gives the id of the n-th attempt (from 1) of owner.
func NewAttemptID(owner Owner, n int) AttemptID {
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s\x00%d", owner.Project, owner.Kind, owner.Name, owner.Step, owner.Item, n)
	return AttemptID(HashOf([]byte(key))[:32])
}

// Member gives the attempt of a gang's process by its rank: that of the first,
// 0, is the attempt itself.
func (id AttemptID) Member(rank int) AttemptID {
	if rank == 0 {
		return id
	}
	return AttemptID(HashOf(fmt.Appendf(nil, "%s\x00%d", id, rank))[:32])
}

var (
	nameForm       = regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`)
	projectForm    = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)
	userForm       = regexp.MustCompile(`^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`)
	identifierForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	itemKeyForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._=,@+-]{0,99}$`)
	hostForm       = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

func check(what, name string, form *regexp.Regexp, longest int, rule string) error {
	if len(name) > longest {
		return Errorf(Invalid, "%s %q is %d characters long; at most %d are allowed", what, name[:longest]+"…", len(name), longest)
	}
	if !form.MatchString(name) {
		return Errorf(Invalid, "%s %q is not a name: use %s", what, name, rule)
	}
	return nil
}

const plainRule = "lower-case letters and digits, in groups joined by single dashes or underscores"

// Check says what is wrong with the name, if anything.
func (n ProjectName) Check() error {
	return check("project", string(n), projectForm, 63, plainRule+", starting with a letter")
}

// Check says what is wrong with the name, if anything.
func (n UserName) Check() error {
	return check("user", string(n), userForm, 63, "lower-case letters and digits, in groups joined by single dots, dashes or underscores, starting with a letter")
}

// Check says what is wrong with the name, if anything.
func (n PipelineName) Check() error { return check("pipeline", string(n), nameForm, 63, plainRule) }

// Check says what is wrong with the name, if anything.
func (n ModelName) Check() error { return check("model", string(n), nameForm, 63, plainRule) }

// Check says what is wrong with the name, if anything.
func (n DeploymentName) Check() error { return check("deployment", string(n), nameForm, 63, plainRule) }

// Check says what is wrong with the name, if anything.
func (n ScheduleName) Check() error { return check("schedule", string(n), nameForm, 63, plainRule) }

// Check says what is wrong with the name, if anything.
func (n HostName) Check() error {
	return check("host", string(n), hostForm, 253, "a host name as DNS has it, in lower case")
}

// Check says what is wrong with the name, if anything.
func (n StepName) Check() error { return CheckIdentifier("step", string(n)) }

// CheckIdentifier says whether name can stand in an expression: a lower-case
// letter, then lower-case letters, digits and underscores, at most 63. what is
// put before the name in the message ("param", "output").
func CheckIdentifier(what, name string) error {
	return check(what, name, identifierForm, 63, "lower-case letters, digits and underscores, starting with a letter")
}

// CheckItemKey says whether key can name one item of a fan-out.
func CheckItemKey(key string) error {
	return check("item key", key, itemKeyForm, 100, "letters, digits and . _ = , @ + -, starting with a letter or digit")
}
