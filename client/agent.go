package client

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
)

// What agents call. Their key has the scope agent; nobody else gets in.

// Welcome answers a host that registers.
type Welcome struct {
	// GraceSeconds is how long a process outlives the last sign of its agent.
	// It is also how long what the host was granted of its devices is good
	// without a heartbeat that was answered.
	GraceSeconds float64 `json:"grace_seconds"`
	// HeartbeatSeconds is how often the agent reports its host.
	HeartbeatSeconds float64 `json:"heartbeat_seconds"`
}

// RegisterHost makes a host known, or known again, with what it has now.
func (c *Client) RegisterHost(ctx context.Context, host bine.Host) (Welcome, error) {
	return call[Welcome](ctx, c, request{method: http.MethodPut, path: []string{"agent", "hosts", string(host.Name)}, body: host, safe: true})
}

// Heartbeat is what an agent reports of its host every so often.
type Heartbeat struct {
	Attempts []bine.AttemptID   `json:"attempts" doc:"whose processes it supervises"`
	Devices  []bine.DeviceUse   `json:"devices,omitempty" doc:"what each device did since the last heartbeat: means, the most memory, and the processes of the last moment"`
	Faults   []bine.DeviceFault `json:"faults,omitempty" doc:"what devices told of since the last heartbeat that was answered; one that comes twice is the same fault"`
	Tests    []bine.DeviceTest  `json:"tests,omitempty" doc:"answers to the orders to test devices"`
	Left     []bine.AttemptID   `json:"left,omitempty" doc:"answers to the orders to leave: no process of these attempts is on the host"`
}

// Orders answer a heartbeat.
type Orders struct {
	Preempt []bine.AttemptID `json:"preempt,omitempty" doc:"attempts that are to make room for others: their processes are told to end, and killed when they take too long"`
	Stop    []bine.AttemptID `json:"stop,omitempty" doc:"attempts that have ended in the ledger: their processes must end"`
	Test    []bine.DeviceID  `json:"test,omitempty" doc:"devices to test, on which no process is; the answer comes with a later heartbeat"`
	Leave   []bine.AttemptID `json:"leave,omitempty" doc:"attempts whose devices are kept until the host says, with its next heartbeat, that no process of them is left"`
}

// BeatHost tells that a host lives.
func (c *Client) BeatHost(ctx context.Context, host bine.HostName, beat Heartbeat) (Orders, error) {
	return call[Orders](ctx, c, request{method: http.MethodPost, path: []string{"agent", "hosts", string(host), "heartbeat"}, body: beat, safe: true})
}

// Assignment is everything that an agent needs for one attempt.
type Assignment struct {
	Attempt bine.Attempt       `json:"attempt"`
	Process bine.Process       `json:"process"`
	Devices []bine.DeviceGrant `json:"devices,omitempty" doc:"accelerators that the attempt holds on its host"`
	Token   string             `json:"token" doc:"job token; ends with the attempt. Asking again gives a new one that is good beside the older"`
	Lock    string             `json:"lock,omitempty" doc:"requirements of the environment, where the process has one"`
	Python  string             `json:"python,omitempty"`
	Context map[string]string  `json:"context" doc:"BINE_PROJECT, BINE_RUN, BINE_STEP, BINE_ITEM, BINE_ATTEMPT"`
}

// Assignment describes an attempt to the agent that is to run it. One that is
// no longer current is Fenced.
func (c *Client) Assignment(ctx context.Context, attempt bine.AttemptID) (Assignment, error) {
	return call[Assignment](ctx, c, request{method: http.MethodPost, path: []string{"agent", "attempts", string(attempt)}, safe: true})
}

// StartedAttempt is the body of POST attempts/{attempt}/started.
type StartedAttempt struct {
	Host bine.HostName `json:"host"`
}

// AttemptStarted says that the process runs.
func (c *Client) AttemptStarted(ctx context.Context, attempt bine.AttemptID, body StartedAttempt) error {
	_, err := call[none](ctx, c, request{method: http.MethodPost, path: []string{"agent", "attempts", string(attempt), "started"}, body: body, safe: true})
	return err
}

// ReadyAttempt is the body of POST attempts/{attempt}/ready.
type ReadyAttempt struct {
	Address string `json:"address" doc:"host and port of the model server"`
	Secret  string `json:"secret" doc:"bearer token that the model server asks for"`
}

// AttemptReady says that a model server answers at address.
func (c *Client) AttemptReady(ctx context.Context, attempt bine.AttemptID, body ReadyAttempt) error {
	_, err := call[none](ctx, c, request{method: http.MethodPost, path: []string{"agent", "attempts", string(attempt), "ready"}, body: body, safe: true})
	return err
}

// AppendLog adds to the log of an attempt at offset. Sending the same bytes
// again is harmless. It answers the size of the log.
func (c *Client) AppendLog(ctx context.Context, attempt bine.AttemptID, offset int64, data []byte) (int64, error) {
	out, err := call[LogSize](ctx, c, request{method: http.MethodPost, path: []string{"agent", "attempts", string(attempt), "log"},
		query: url.Values{"offset": {strconv.FormatInt(offset, 10)}}, body: bytes.NewReader(data), mime: "application/octet-stream"})
	return out.Size, err
}

// LogSize answers AppendLog.
type LogSize struct {
	Size int64 `json:"size"`
}

// AttemptEnded reports how a process ended. The first report of an attempt
// counts; the same again is harmless; one of a replaced attempt is Fenced.
func (c *Client) AttemptEnded(ctx context.Context, attempt bine.AttemptID, result bine.AttemptResult) error {
	_, err := call[none](ctx, c, request{method: http.MethodPost, path: []string{"agent", "attempts", string(attempt), "ended"}, body: result, safe: true})
	return err
}

// AppendEnvironmentLog adds to the log of an environment's build on a host.
func (c *Client) AppendEnvironmentLog(ctx context.Context, p bine.ProjectName, version int, host bine.HostName, data []byte) error {
	_, err := call[none](ctx, c, request{method: http.MethodPost, path: []string{"agent", "environments", string(p), strconv.Itoa(version), "log"},
		query: url.Values{"host": {string(host)}}, body: data, mime: "text/plain"})
	return err
}
