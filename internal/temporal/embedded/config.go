package embedded

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"

	"github.com/bine-ml/bine"
)

const (
	clusterName = "active"
	loopback    = "127.0.0.1"
)

// services are the parts of a server, the one that clients talk to first.
func services() []primitives.ServiceName {
	return []primitives.ServiceName{
		primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	}
}

// settings makes defaults that are meant for big clusters fit one process. What
// each costs otherwise was measured.
func settings() dynamicconfig.StaticClient {
	values := map[string]any{
		// 20 polls a second are a floor of 50 ms under every workflow task.
		"history.transferProcessorMaxPollRPS": 5000,
		"history.timerProcessorMaxPollRPS":    5000,
		"history.outboundProcessorMaxPollRPS": 5000,
		// With four partitions and few pollers, tasks wait for a forwarder.
		"matching.numTaskqueueReadPartitions":  1,
		"matching.numTaskqueueWritePartitions": 1,
		// A poll for the end of a workflow can miss it, and then waits this long.
		"history.longPollExpirationInterval": time.Second,
		// Ten lists a second are few, and 1,200 polls starve hosts in silence.
		"frontend.namespaceRPS.visibility": 1000,
		"frontend.namespaceCount":          5000,
		"matching.enableFairness":          true,
		// New search attributes and endpoints are seen at once.
		"system.forceSearchAttributesCacheRefreshOnRead": true,
		"system.forceNexusEndpointRefreshOnRead":         true,
		"history.hostLevelCacheMaxSize":                  8096,
		// Longer ids do not fit the columns of SQL stores.
		"limit.maxIDLength": 255,
	}
	client := make(dynamicconfig.StaticClient, len(values))
	for name, value := range values {
		client[dynamicconfig.MakeKey(name)] = value
	}
	return client
}

// layout is the configuration of one start: stores, ports and who is where.
type layout struct {
	config  config.Config
	hosts   map[primitives.ServiceName]static.Hosts
	address string // of the frontend
}

// arrange makes the configuration of a server on the stores, with the frontend
// on port, or on a free one when that is 0.
func arrange(s stores, port int) (layout, error) {
	ports, err := freePorts(len(services()))
	if err != nil {
		return layout{}, err
	}
	if port != 0 {
		ports[0] = port
	}
	l := layout{
		hosts:   make(map[primitives.ServiceName]static.Hosts),
		address: net.JoinHostPort(loopback, strconv.Itoa(ports[0])),
	}
	cfg := &l.config
	cfg.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}
	cfg.Persistence = config.Persistence{
		DefaultStore: "default", VisibilityStore: "visibility", NumHistoryShards: s.shards,
		DataStores: map[string]config.DataStore{"default": {SQL: s.main}, "visibility": {SQL: s.visibility}},
	}
	cfg.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{
			clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: l.address},
		},
	}
	cfg.DCRedirectionPolicy.Policy = "noop"
	cfg.Archival.History.State = "disabled"
	cfg.Archival.Visibility.State = "disabled"
	cfg.NamespaceDefaults.Archival.History.State = "disabled"
	cfg.NamespaceDefaults.Archival.Visibility.State = "disabled"
	cfg.PublicClient.HostPort = l.address
	cfg.Services = make(map[string]config.Service)
	for i, name := range services() {
		// The HTTP port stays 0, which turns it off.
		cfg.Services[string(name)] = config.Service{RPC: config.RPC{BindOnIP: loopback, GRPCPort: ports[i]}}
		l.hosts[name] = static.SingleLocalHost(net.JoinHostPort(loopback, strconv.Itoa(ports[i])))
	}
	return l, nil
}

// The ports that are tried: below those that systems hand out by themselves, so
// that nobody gets one between our look and the server's use of it.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts finds n ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer l.Close() // only now, so that no port is found twice
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, bine.Errorf(bine.Unavailable, "no %d free ports between %d and %d on %s", n, firstPort, lastPort, loopback)
}

// checkPort says clearly that a port that was asked for is taken.
func checkPort(port int) error {
	if port == 0 {
		return nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return bine.Errorf(bine.Conflict, "port %d for Temporal is not free: %w", port, err)
	}
	if err := l.Close(); err != nil {
		return fmt.Errorf("try port %d: %w", port, err)
	}
	return nil
}
