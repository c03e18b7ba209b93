// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The xDS connections of simulated proxies: one per proxy, over Istio's own delta client.
//
// Reads commands from stdin, one JSON object per line (see command), and ends with it. A proxy subscribes as Envoy
// (or ztunnel) does and acknowledges what it gets, except for the types that it is told to reject. What a ztunnel
// gets is kept and served on a port of loopback, and so are certificates and metrics (see admin).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/adsc"
	"istio.io/istio/pkg/backoff"
	"istio.io/istio/pkg/log"
	pm "istio.io/istio/pkg/model"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"
)

// command is one line of stdin. A proxy that is there already is replaced (it connects anew).
type command struct {
	// ID names the proxy; Remove alone ends it.
	ID     string `json:"id"`
	Remove bool   `json:"remove,omitempty"`
	// Address of istiod's plaintext xDS port.
	Address   string         `json:"address,omitempty"`
	Type      model.NodeType `json:"type,omitempty"`
	Namespace string         `json:"namespace,omitempty"`
	Pod       string         `json:"pod,omitempty"`
	IP        string         `json:"ip,omitempty"`
	Metadata  map[string]any `json:"metadata,omitempty"`
	// Reject holds short names of types: cds, lds, rds, eds, address, authorization.
	Reject []string `json:"reject,omitempty"`
	// Admin tells a ztunnel from an earlier one of its name: the port where its /config_dump is served.
	Admin int `json:"admin,omitempty"`
	// API, alone, says where the cluster is: the first command.
	API *api `json:"api,omitempty"`
	// Serve, with ID, is what the proxy's ports answer with from now on, be it connected or not; Close ends that.
	Serve *shown `json:"serve,omitempty"`
	Close bool   `json:"close,omitempty"`
}

var typesByName = map[string]string{
	"cds": pm.ClusterType, "lds": pm.ListenerType, "rds": pm.RouteType, "eds": pm.EndpointType,
	"address": pm.AddressType, "authorization": pm.WorkloadAuthorizationType,
}

// rejecting turns acknowledgements of some types into rejections, as they leave.
type rejecting struct {
	grpc.ClientStream
	types map[string]bool
}

func (r *rejecting) SendMsg(message any) error {
	if request, ok := message.(*discovery.DeltaDiscoveryRequest); ok && r.types[request.TypeUrl] {
		acknowledges := request.ResponseNonce != "" &&
			len(request.ResourceNamesSubscribe)+len(request.ResourceNamesUnsubscribe) == 0
		if acknowledges {
			request.ErrorDetail = &rpcstatus.Status{
				Code:    int32(codes.InvalidArgument),
				Message: "simulated rejection of " + pm.GetShortType(request.TypeUrl),
			}
		}
	}
	return r.ClientStream.SendMsg(message)
}

// streams rejects the types of these names as acknowledgements leave, and notes in `into`, if any, what arrives.
func streams(names []string, into *received) grpc.DialOption {
	types := map[string]bool{}
	for _, name := range names {
		types[typesByName[name]] = true
	}
	return grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
		streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, desc, cc, method, opts...)
		if err != nil {
			return nil, err
		}
		if into != nil {
			stream = &keeping{stream, into, types, map[string]bool{}}
		}
		return &rejecting{stream, types}, nil
	})
}

// endpointsOf returns the EDS name that a cluster depends on, if any.
func endpointsOf(c *cluster.Cluster) []string {
	if c.GetType() != cluster.Cluster_EDS {
		return nil
	}
	if name := c.GetEdsClusterConfig().GetServiceName(); name != "" {
		return []string{name}
	}
	return []string{c.Name}
}

// routesOf returns the RDS names that a listener depends on.
func routesOf(l *listener.Listener) []string {
	var names []string
	for _, chain := range append(l.GetFilterChains(), l.GetDefaultFilterChain()) {
		for _, filter := range chain.GetFilters() {
			manager := &hcm.HttpConnectionManager{}
			if filter.GetTypedConfig().UnmarshalTo(manager) == nil && manager.GetRds() != nil {
				names = append(names, manager.GetRds().GetRouteConfigName())
			}
		}
	}
	return names
}

func ignore[T any](adsc.HandlerContext, string, string, T, adsc.Event) {}

// subscriptions are what a proxy of this type asks istiod for.
func subscriptions(kind model.NodeType) []adsc.Option {
	if kind == model.Ztunnel {
		return []adsc.Option{
			adsc.Register(ignore[*workloadapi.Address]), adsc.Watch[*workloadapi.Address]("*"),
			adsc.Register(ignore[*security.Authorization]), adsc.Watch[*security.Authorization]("*"),
		}
	}
	return []adsc.Option{
		adsc.Register(func(ctx adsc.HandlerContext, _, _ string, c *cluster.Cluster, event adsc.Event) {
			if event == adsc.EventAdd {
				ctx.RegisterDependency(pm.EndpointType, endpointsOf(c)...)
			}
		}),
		adsc.Register(func(ctx adsc.HandlerContext, _, _ string, l *listener.Listener, event adsc.Event) {
			if event == adsc.EventAdd {
				ctx.RegisterDependency(pm.RouteType, routesOf(l)...)
			}
		}),
		adsc.Register(ignore[*endpoint.ClusterLoadAssignment]), adsc.Register(ignore[*route.RouteConfiguration]),
		adsc.Watch[*cluster.Cluster]("*"), adsc.Watch[*listener.Listener]("*"),
	}
}

func run(ctx context.Context, c command, into *received) error {
	metadata, err := structpb.NewStruct(c.Metadata)
	if err != nil {
		return err
	}
	policy := backoff.DefaultOption()
	policy.InitialInterval, policy.MaxInterval = 200*time.Millisecond, 2*time.Second
	config := &adsc.DeltaADSConfig{Config: adsc.Config{
		ClientName: c.ID, Namespace: c.Namespace, Workload: c.Pod, IP: c.IP, NodeType: c.Type, Meta: metadata,
		GrpcOpts: []grpc.DialOption{
			grpc.WithTransportCredentials(insecure.NewCredentials()), streams(c.Reject, into),
			grpc.WithReadBufferSize(8 << 10), grpc.WithWriteBufferSize(8 << 10),
		},
	}}
	client := adsc.NewDeltaWithBackoffPolicy(c.Address, config, backoff.NewExponentialBackOff(policy),
		subscriptions(c.Type)...)
	go client.Run(ctx)
	return nil
}

func main() {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.ErrorLevel)
	if err := log.Configure(options); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	running := map[string]context.CancelFunc{}
	admins := map[string]*admin{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "error: a command that cannot be read:", err)
			continue
		}
		if c.API != nil {
			kube = c.API
			kube.connect()
			continue
		}
		if c.Close || c.Serve != nil {
			if err := show(c, admins); err != nil {
				fmt.Fprintf(os.Stderr, "error: %s: %v\n", c.ID, err)
			}
			continue
		}
		if cancel, known := running[c.ID]; known {
			cancel()
			delete(running, c.ID)
		}
		if c.Remove {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		running[c.ID] = cancel
		var into *received
		if known := admins[c.ID]; known != nil && c.Type == model.Ztunnel {
			into = known.state
		}
		if err := run(ctx, c, into); err != nil {
			fmt.Fprintf(os.Stderr, "error: %s: %v\n", c.ID, err)
		}
	}
}

// show begins, changes or ends what the proxy's ports answer with. What it was sent stays while it has its ports.
func show(c command, admins map[string]*admin) error {
	known := admins[c.ID]
	if known != nil && c.Serve != nil && known.at(*c.Serve) {
		known.update(*c.Serve)
		return nil
	}
	if known != nil {
		known.close()
		delete(admins, c.ID)
	}
	if c.Close {
		return nil
	}
	served, err := serve(*c.Serve)
	if err == nil {
		admins[c.ID] = served
	}
	return err
}
