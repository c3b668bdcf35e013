package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// ClusterPicture is the hosts with their accelerators, in groups: racks where
// hosts say theirs, else neighbours by name. Of many hosts the groups are sums;
// asked again for one of them, the answer has its hosts.
type ClusterPicture struct {
	By       string             `json:"by" enum:"host,rack,block" doc:"what the groups are: host has the hosts of each rack, the others only sums"`
	Hosts    int                `json:"hosts" doc:"that were found"`
	Devices  int                `json:"devices" doc:"accelerators that were found"`
	Groups   []ClusterGroup     `json:"groups"`
	Models   []string           `json:"models,omitempty" doc:"of all hosts, also those that were not asked for; so the next ones"`
	Profiles []string           `json:"profiles,omitempty" doc:"of partitions"`
	Labels   []string           `json:"labels,omitempty" doc:"of hosts, without their values"`
	Projects []bine.ProjectName `json:"projects,omitempty" doc:"that hold accelerators and that the reader may know of"`
	States   []bine.DeviceState `json:"states,omitempty"`
}

// ClusterGroup is a rack, a block of racks, or some hosts that are neighbours by name.
type ClusterGroup struct {
	Name     string                   `json:"name"`
	Filter   ClusterFilter            `json:"filter" doc:"what to ask for to get its hosts"`
	Hosts    int                      `json:"hosts"`
	Lost     int                      `json:"hosts_lost"`
	Cordoned int                      `json:"hosts_cordoned"`
	Total    bine.Resources           `json:"total"`
	Used     bine.Resources           `json:"used"`
	Busy     float64                  `json:"busy" doc:"share of the time in which its accelerators compute, 0 to 1: the mean of those that tell"`
	States   map[bine.DeviceState]int `json:"states,omitempty" doc:"accelerators by where they stand"`
	Projects []bine.ProjectShares     `json:"projects,omitempty" doc:"who holds the most, the empty name being projects that are not the reader's"`
	Members  []bine.HostPicture       `json:"members,omitempty" doc:"its hosts, where the picture is by host"`
}

// ClusterFilter says which hosts and accelerators are wanted; all where it is
// empty. With a model, project or state, only accelerators that are so count.
type ClusterFilter struct {
	Block   string           `json:"block,omitempty" query:"block" doc:"hosts of this block; - is those that say none"`
	Rack    string           `json:"rack,omitempty" query:"rack" doc:"hosts of this rack; - is those that say none"`
	Host    string           `json:"host,omitempty" query:"host" doc:"hosts whose names have this in them"`
	First   bine.HostName    `json:"first,omitempty" query:"first" doc:"hosts from this name on"`
	Last    bine.HostName    `json:"last,omitempty" query:"last" doc:"hosts up to this name"`
	Model   string           `json:"model,omitempty" query:"model" doc:"accelerators of this model"`
	Project bine.ProjectName `json:"project,omitempty" query:"project" doc:"accelerators that this project holds"`
	State   string           `json:"state,omitempty" query:"state" doc:"accelerators that stand so: ready, cordoned, draining, testing, probation, lost, or free, granted"`
}

// Values are the filter as a query.
func (f ClusterFilter) Values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"block": f.Block, "rack": f.Rack, "host": f.Host, "first": string(f.First), "last": string(f.Last),
		"model": f.Model, "project": string(f.Project), "state": f.State} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// HostView is one host with its accelerators and what runs there.
type HostView struct {
	Host    bine.Host          `json:"host"`
	Picture bine.HostPicture   `json:"picture"`
	Events  []bine.DeviceEvent `json:"events" doc:"what became of its accelerators, the newest first: the last 50"`
	Leases  []bine.Lease       `json:"leases" doc:"what runs on it, of the reader's projects"`
	Others  int                `json:"others" doc:"how much more runs on it"`
}

// Host gives one host with its accelerators and what runs there.
func (c *Client) Host(ctx context.Context, host bine.HostName) (HostView, error) {
	return get[HostView](ctx, c, nil, "hosts", string(host))
}

// Cluster sums up the hosts, what of them is granted, and who waits.
func (c *Client) Cluster(ctx context.Context) (bine.Cluster, error) {
	return get[bine.Cluster](ctx, c, nil, "cluster")
}

// ClusterPicture gives the hosts with their accelerators, in groups. Which
// projects have them is told of the caller's only, except to administrators.
func (c *Client) ClusterPicture(ctx context.Context, f ClusterFilter) (ClusterPicture, error) {
	return get[ClusterPicture](ctx, c, f.Values(), "cluster", "picture")
}

// GPUShares is who had how much of the accelerators.
type GPUShares struct {
	From     time.Time           `json:"from" doc:"beginning of the first step"`
	To       time.Time           `json:"to" doc:"now"`
	Step     float64             `json:"step_seconds" doc:"how long a step is"`
	Devices  float64             `json:"devices" doc:"accelerators that there are now"`
	Projects []bine.ProjectShare `json:"projects" doc:"who had the most first; others than the reader's are one without a name"`
}

// GPUShares tells who had how much of the accelerators in the last so many hours,
// at most 9600. Those of the caller's projects are told apart, or all to an
// administrator.
func (c *Client) GPUShares(ctx context.Context, hours int) (GPUShares, error) {
	return get[GPUShares](ctx, c, url.Values{"hours": {strconv.Itoa(hours)}}, "gpu-shares")
}
