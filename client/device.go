package client

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
)

// Cordon is the body of PUT devices/{device}/cordon and of PUT hosts/{host}/cordon.
type Cordon struct {
	Cordoned bool   `json:"cordoned" doc:"keep new work away; what runs goes on"`
	Drain    bool   `json:"drain,omitempty" doc:"and ask what runs there to leave: it has the time to keep a checkpoint, and is tried again elsewhere"`
	Reason   string `json:"reason,omitempty" maxLength:"1000" doc:"why, for who looks at the device and for the audit log"`
}

// DeviceHistory is who had a device, and what became of it.
type DeviceHistory struct {
	Device bine.DeviceStatus  `json:"device"`
	Grants []bine.GrantRecord `json:"grants" doc:"the last 100, the newest first"`
	Events []bine.DeviceEvent `json:"events" doc:"the last 100, the newest first"`
}

// AskResources is the body of POST projects/{project}/verdict.
type AskResources struct {
	GPUs   string  `json:"gpus,omitempty" maxLength:"1000" doc:"4, 0.5 GPU, 20 GPUs on 2 hosts with Infiniband_P100"`
	CPU    float64 `json:"cpu,omitempty" minimum:"0" doc:"cores of each process; 0.5 where it is 0"`
	Memory int64   `json:"memory,omitempty" minimum:"0" doc:"bytes of each process; 512 MiB where it is 0"`
}

// Devices lists the accelerators of all hosts. Who has them is told of the
// caller's projects only, except to administrators.
func (c *Client) Devices(ctx context.Context) ([]bine.DeviceStatus, error) {
	return get[[]bine.DeviceStatus](ctx, c, nil, "devices")
}

// Device gives one accelerator with its history.
func (c *Client) Device(ctx context.Context, id bine.DeviceID) (DeviceHistory, error) {
	return get[DeviceHistory](ctx, c, nil, "devices", string(id))
}

// CordonDevice keeps new work away from a device, or lets it come again; only
// administrators may.
func (c *Client) CordonDevice(ctx context.Context, id bine.DeviceID, body Cordon) error {
	_, err := call[none](ctx, c, request{method: http.MethodPut, path: []string{"devices", string(id), "cordon"}, body: body, safe: true})
	return err
}

// CordonHost keeps new work away from a host, or lets it come again; only
// administrators may.
func (c *Client) CordonHost(ctx context.Context, host bine.HostName, body Cordon) error {
	_, err := call[none](ctx, c, request{method: http.MethodPut, path: []string{"hosts", string(host), "cordon"}, body: body, safe: true})
	return err
}

// Verdict says whether a process of the project would get what it asks for now,
// later or never, and where. Nothing is granted.
func (c *Client) Verdict(ctx context.Context, p bine.ProjectName, body AskResources) (bine.Verdict, error) {
	return call[bine.Verdict](ctx, c, request{method: http.MethodPost, path: []string{"projects", string(p), "verdict"}, body: body, safe: true})
}
