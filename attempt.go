package bine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// OwnerKind says what a process is run for.
type OwnerKind string

// A process belongs to a step of a run or serves a deployment.
const (
	OwnerRun        OwnerKind = "run"
	OwnerDeployment OwnerKind = "deployment"
)

// Owner names what a process is run for. For a deployment Step is empty, Name
// is followed by @ and the model version that it serves, and Item tells the
// servers of one version apart.
type Owner struct {
	Project ProjectName `json:"project"`
	Kind    OwnerKind   `json:"kind"`
	Name    string      `json:"name"`
	Step    StepName    `json:"step,omitempty"`
	Item    string      `json:"item,omitempty"`
}

// rankMark stands before the rank in the item of a member of a gang.
const rankMark = "#"

// Member is the owner of the attempt of a gang's process by its rank; that of
// the first, 0, is the owner itself.
func (o Owner) Member(rank int) Owner {
	if rank > 0 {
		o.Item += rankMark + strconv.Itoa(rank)
	}
	return o
}

// Rank gives the owner of the whole gang, and the rank of o's process in it.
func (o Owner) Rank() (Owner, int) {
	item, text, marked := strings.Cut(o.Item, rankMark)
	rank, err := strconv.Atoi(text)
	if !marked || err != nil {
		return o, 0
	}
	o.Item = item
	return o, rank
}

// ServerOwner is what the processes of a model server are run for. generation
// tells the servers of one version apart.
func ServerOwner(project ProjectName, name DeploymentName, version int, generation string) Owner {
	return Owner{Project: project, Kind: OwnerDeployment, Name: fmt.Sprintf("%s@%d", name, version), Item: generation}
}

// Server takes the name of a deployment's owner apart.
func (o Owner) Server() (DeploymentName, int, error) {
	name, text, _ := strings.Cut(o.Name, "@")
	version, err := strconv.Atoi(text)
	if o.Kind != OwnerDeployment || err != nil {
		return "", 0, Errorf(Invalid, "%q is not the owner of a model server", o.Name)
	}
	return DeploymentName(name), version, nil
}

// Resources is what a process asks for and is held to.
type Resources struct {
	CPU    float64 `json:"cpu" doc:"cores"`
	Memory int64   `json:"memory" doc:"bytes"`
	GPUs   float64 `json:"gpus,omitempty" doc:"accelerators; below 1 a share of one"`
	GPU    string  `json:"gpu,omitempty" doc:"how they are asked for, where that is more than their number: 20 GPUs on 2 hosts with Infiniband_P100"`
}

// ServerResources is what a model server gets that asks for nothing: it mostly
// waits, so it holds little of a host's cores.
func ServerResources() Resources { return Resources{CPU: 0.1, Memory: 512 << 20} }

// Fits reports whether r is within free.
func (r Resources) Fits(free Resources) bool {
	return r.CPU <= free.CPU+1e-9 && r.Memory <= free.Memory && r.GPUs <= free.GPUs+1e-9
}

// Process is everything an agent needs to start one process. It holds no
// secret: the job token is made when the agent asks for the attempt.
type Process struct {
	Owner       Owner                  `json:"owner"`
	Python      string                 `json:"python,omitempty" doc:"file in the code, run by the environment's Python; or a program, if it has a line break"`
	Command     []string               `json:"command,omitempty" doc:"argument list, used where Python is empty"`
	Environment int                    `json:"environment,omitempty" doc:"version of the project's environment; 0 is none"`
	Code        Hash                   `json:"code,omitempty" doc:"directory artifact that becomes the directory code/"`
	Env         map[string]string      `json:"env,omitempty"`
	With        json.RawMessage        `json:"with,omitempty"`
	Inputs      map[string]ArtifactRef `json:"inputs,omitempty"`
	Resume      *ArtifactRef           `json:"resume,omitempty" doc:"the checkpoint that the attempt before, or of a sweep the segment before, left"`
	Outputs     map[string]string      `json:"outputs,omitempty" doc:"name to type: artifact, string, int, float, bool, json"`
	Keep        []string               `json:"keep,omitempty" doc:"artifacts that are stored also where it fails"`
	Item        json.RawMessage        `json:"item,omitempty" doc:"in a fan-out, the element of the list that the process works on"`
	Segment     *TrialSegment          `json:"segment,omitempty" doc:"of a sweep: which trial it is, and how far it goes; its checkpoint is kept also where it succeeds"`
	Batch       []BatchItem            `json:"batch,omitempty" doc:"the items that one process works through"`
	Resources   Resources              `json:"resources"`
	Slots       []Slot                 `json:"slots,omitempty" doc:"places of pools and concurrency keys that it holds while it runs"`
	Priority    Priority               `json:"priority,omitempty"`
	Timeout     float64                `json:"timeout_seconds,omitempty" doc:"of one attempt, in seconds; 0 is none"`
	Yields      bool                   `json:"yields,omitempty" doc:"where it is preemptible, it gives back before others: a trial of a sweep"`
	LogLimit    int64                  `json:"log_limit" doc:"bytes of output that are kept"`
	Serve       *Serve                 `json:"serve,omitempty" doc:"set for a model server"`
}

// CheckpointName is the directory, beside the outputs, that an attempt which
// does not succeed leaves to the next one, and a segment of a trial to the next.
const CheckpointName = "checkpoint"

// BatchItem is one item of several that one process works through.
type BatchItem struct {
	Key  string          `json:"key"`
	With json.RawMessage `json:"with"`
	Item json.RawMessage `json:"item,omitempty" doc:"the element of the list"`
}

// Serve makes a process a model server: it listens on the port that it finds
// in BINE_SERVE_PORT and is ready when GET /v2/health/ready answers 200.
type Serve struct {
	Deployment   DeploymentName `json:"deployment"`
	Model        ModelName      `json:"model"`
	Version      int            `json:"version"`
	ReadyTimeout float64        `json:"ready_timeout_seconds"`
}

// Attempt is one try of one process.
type Attempt struct {
	ID        AttemptID  `json:"id"`
	Owner     Owner      `json:"owner"`
	Number    int        `json:"number" doc:"from 1"`
	State     State      `json:"state"`
	Failure   Failure    `json:"failure,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	ExitCode  *int       `json:"exit_code,omitempty"`
	Host      HostName   `json:"host,omitempty"`
	Resources Resources  `json:"resources"`
	Usage     *Usage     `json:"usage,omitempty"`
	LogSize   int64      `json:"log_size" doc:"bytes of log kept so far"`
	CreatedAt time.Time  `json:"created_at"`
	StartedAt *time.Time `json:"started_at,omitempty" doc:"when the process began"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

// Refused is the error for what a process says whose attempt has ended.
func (a Attempt) Refused() error {
	why, what := string(a.State), string(a.Owner.Kind)+" "+a.Owner.Name
	if a.Reason != "" {
		why += ": " + a.Reason
	}
	if a.Owner.Step != "" {
		what = "step " + string(a.Owner.Step) + " of " + what
	}
	return Errorf(Fenced, "attempt %d of %s has ended, it is %s; what its process still says is refused, since another may be in its place", a.Number, what, why)
}

// Usage is what a process used, as the operating system accounts it.
type Usage struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakMemory int64   `json:"peak_memory" doc:"bytes, of the largest process"`
}

// Failure says why an attempt did not succeed; retry: on: names these.
type Failure string

// The failures. FailureError: the program ended with a code other than 0;
// FailureOutput: it ended well but an output it declares is missing or of
// another type; FailureMemory: over its memory; FailureTimeout; FailureSetup:
// its environment, code or inputs could not be put in place; FailureLost: the
// host or process vanished; FailureInterrupted: an operator stopped the host's
// agent; FailurePreempted: it had to make room for others. These three are
// tried again without counting against retry.attempts. FailureConfig: a trial
// said that its configuration can't be, by ConfigExit.
const (
	FailureError       Failure = "error"
	FailureOutput      Failure = "output"
	FailureMemory      Failure = "memory"
	FailureTimeout     Failure = "timeout"
	FailureSetup       Failure = "setup"
	FailureLost        Failure = "lost"
	FailureInterrupted Failure = "interrupted"
	FailurePreempted   Failure = "preempted"
	FailureCancelled   Failure = "cancelled"
	FailureRefused     Failure = "refused" // no host can ever give what it asks for
	FailureConfig      Failure = "config"
)

// AttemptResult is what an agent reports when a process has ended.
type AttemptResult struct {
	State     State                      `json:"state" doc:"succeeded, failed, cancelled or lost"`
	Failure   Failure                    `json:"failure,omitempty"`
	Reason    string                     `json:"reason,omitempty"`
	ExitCode  *int                       `json:"exit_code,omitempty"`
	Values    map[string]json.RawMessage `json:"values,omitempty"`
	Artifacts map[string]ArtifactRef     `json:"artifacts,omitempty"`
	Items     map[string]ItemResult      `json:"items,omitempty" doc:"of a batch: what each item gave, by key"`
	Metrics   []Metric                   `json:"metrics,omitempty"`
	Usage     *Usage                     `json:"usage,omitempty"`
	StartedAt *time.Time                 `json:"started_at,omitempty"`
	EndedAt   *time.Time                 `json:"ended_at,omitempty"`
}

// ItemResult is what one item of a batch gave.
type ItemResult struct {
	Values    map[string]json.RawMessage `json:"values,omitempty"`
	Artifacts map[string]ArtifactRef     `json:"artifacts,omitempty"`
	Reason    string                     `json:"reason,omitempty" doc:"set where the item failed"`
}

// Metric is one reported number.
type Metric struct {
	Name  string    `json:"name"`
	Value Number    `json:"value"`
	Step  int64     `json:"step,omitempty"`
	At    time.Time `json:"at"`
}

// Host is a machine with an agent.
type Host struct {
	Name      HostName  `json:"name"`
	State     HostState `json:"state"`
	Address   string    `json:"address" doc:"where its model servers can be reached"`
	Capacity  Resources `json:"capacity"`
	Free      Resources `json:"free"`
	Labels    []string  `json:"labels,omitempty"`
	Devices   []Device  `json:"devices,omitempty" doc:"accelerators that can be granted"`
	Confine   string    `json:"confine" doc:"how processes are confined: landlock-7, or none with the reason"`
	Python    string    `json:"python,omitempty"`
	Version   string    `json:"version" doc:"of the agent"`
	SeenAt    time.Time `json:"seen_at"`
	CreatedAt time.Time `json:"created_at"`
}

// HostState is where a host stands.
type HostState string

// A host is lost when its agent was not heard of for the grace period, and
// comes back by itself.
const (
	HostUp   HostState = "up"
	HostLost HostState = "lost"
)

// Verdict says whether a request can be granted.
type Verdict struct {
	Request string        `json:"request" doc:"in its canonical form"`
	Answer  VerdictAnswer `json:"answer"`
	Reason  string        `json:"reason,omitempty" doc:"why it is not granted now, or why it was placed so"`
	Starts  *time.Time    `json:"starts_at,omitempty" doc:"of what is not granted now: when it is likely to start, if everybody takes as long as was said; absent where that is not known"`
	Hosts   []HostName    `json:"hosts,omitempty" doc:"where it would be"`
	Devices []DeviceID    `json:"devices,omitempty" doc:"what it would get"`
}

// VerdictAnswer is when a request can be granted.
type VerdictAnswer string

// The answers: at once; when others have given back; never, as things stand.
const (
	VerdictNow    VerdictAnswer = "now"
	VerdictNotNow VerdictAnswer = "not_now"
	VerdictNever  VerdictAnswer = "never"
)

// Lease is the fenced right of one attempt to resources of one host and to
// slots. A run, or a step that is no process, has one for slots alone: then the
// number of its attempt is 0, it has no resources, and no host when granted.
type Lease struct {
	Attempt   AttemptID  `json:"attempt"`
	Owner     Owner      `json:"owner"`
	Host      HostName   `json:"host,omitempty" doc:"empty while it waits, and where it is no process"`
	Hosts     []HostName `json:"hosts,omitempty" doc:"of a gang: all of them, that of its first process first"`
	Resources Resources  `json:"resources" doc:"of each of its processes"`
	Devices   []DeviceID `json:"devices,omitempty" doc:"accelerators that it holds"`
	Slots     []Slot     `json:"slots,omitempty" doc:"of pools and concurrency keys that it holds or waits for"`
	Priority  Priority   `json:"priority,omitempty"`
	Reason    string     `json:"reason,omitempty" doc:"what a waiting one waits for"`
	AskedAt   time.Time  `json:"asked_at"`
	GrantedAt *time.Time `json:"granted_at,omitempty"`
	AskedBack *time.Time `json:"asked_back,omitempty" doc:"when it was asked to make room for somebody else"`
	Yields    bool       `json:"yields,omitempty" doc:"gives back before others, if it is preemptible: a trial of a sweep"`
	EndsAt    *time.Time `json:"ends_at,omitempty" doc:"when a granted one gives back at the latest; absent where nobody said"`

	Place       int          `json:"place,omitempty" doc:"of one that waits for accelerators: 1 is the first in line"`
	StartsAt    *time.Time   `json:"starts_at,omitempty" doc:"of one that waits for accelerators: when it is likely to start, if everybody takes as long as was said and nobody else comes; absent where that is not known"`
	Reservation *Reservation `json:"reservation,omitempty" doc:"the place that is kept for it"`
	IdleSince   *time.Time   `json:"idle_since,omitempty" doc:"since when its accelerators do less than the project's rule wants"`
}
