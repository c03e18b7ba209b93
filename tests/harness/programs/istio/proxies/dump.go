// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	pm "istio.io/istio/pkg/model"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"
)

// object is a JSON object as ztunnel writes it (see the recordings): most fields are absent while they are empty.
type object map[string]any

func (o object) unless(empty bool, name string, value any) {
	if !empty {
		o[name] = value
	}
}

func (o object) text(name, value string) {
	o.unless(value == "", name, value)
}

// dump is what of ztunnel's /config_dump comes from istiod: not certificates, config, version, workloadState.
func dump(state *received) (object, error) {
	var workloads []*workloadapi.Workload
	var found []*workloadapi.Service
	for _, encoded := range state.all(pm.AddressType) {
		address := &workloadapi.Address{}
		if err := proto.Unmarshal(encoded, address); err != nil {
			return nil, err
		}
		if workload := address.GetWorkload(); workload != nil {
			workloads = append(workloads, workload)
		} else if service := address.GetService(); service != nil {
			found = append(found, service)
		}
	}
	var policies []*security.Authorization
	for _, encoded := range state.all(pm.WorkloadAuthorizationType) {
		policy := &security.Authorization{}
		if err := proto.Unmarshal(encoded, policy); err != nil {
			return nil, err
		}
		policies = append(policies, policy)
	}
	slices.SortFunc(workloads, func(a, b *workloadapi.Workload) int { return cmp.Compare(a.Uid, b.Uid) })
	slices.SortFunc(found, func(a, b *workloadapi.Service) int { return cmp.Compare(serviceKey(a), serviceKey(b)) })
	slices.SortFunc(policies, func(a, b *security.Authorization) int { return cmp.Compare(policyKey(a), policyKey(b)) })
	endpoints := map[string]object{}
	for _, each := range workloads {
		for name, ports := range each.Services {
			if endpoints[name] == nil {
				endpoints[name] = object{}
			}
			endpoints[name][each.Uid] = object{
				"port": portsOf(ports.GetPorts()), "status": statusOf(each), "workloadUid": each.Uid,
			}
		}
	}
	return object{
		"policies":  convert(policies, policyOf),
		"services":  convert(found, func(s *workloadapi.Service) object { return serviceOf(s, endpoints[serviceKey(s)]) }),
		"workloads": convert(workloads, workloadOf),
	}, nil
}

func serviceKey(s *workloadapi.Service) string { return s.Namespace + "/" + s.Hostname }

func policyKey(p *security.Authorization) string { return p.Namespace + "/" + p.Name }

// convert never returns nil: an empty list is [] in a dump, not null.
func convert[T, R any](from []T, one func(T) R) []R {
	to := make([]R, 0, len(from))
	for _, each := range from {
		to = append(to, one(each))
	}
	return to
}

func ip(address []byte) string {
	parsed, _ := netip.AddrFromSlice(address)
	return parsed.String()
}

func networkAddress(a *workloadapi.NetworkAddress) string {
	return a.GetNetwork() + "/" + ip(a.GetAddress())
}

func gateway(address *workloadapi.GatewayAddress) object {
	destination := ""
	if name := address.GetHostname(); name != nil {
		destination = name.Namespace + "/" + name.Hostname
	} else if direct := address.GetAddress(); direct != nil {
		destination = networkAddress(direct)
	}
	return object{"destination": destination, "hboneMtlsPort": address.GetHboneMtlsPort()}
}

func portsOf(ports []*workloadapi.Port) map[uint32]uint32 {
	found := map[uint32]uint32{}
	for _, each := range ports {
		found[each.ServicePort] = each.TargetPort
	}
	return found
}

func statusOf(w *workloadapi.Workload) string {
	if w.Status == workloadapi.WorkloadStatus_UNHEALTHY {
		return "Unhealthy"
	}
	return "Healthy"
}

// pascal turns WORKLOAD_SELECTOR into WorkloadSelector.
func pascal(name string) string {
	words := strings.Split(strings.ToLower(name), "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

var protocols = map[workloadapi.TunnelProtocol]string{
	workloadapi.TunnelProtocol_NONE: "TCP", workloadapi.TunnelProtocol_HBONE: "HBONE",
	workloadapi.TunnelProtocol_LEGACY_ISTIO_MTLS: "LegacyIstioMtls",
}

var families = map[workloadapi.IPFamilies]string{
	workloadapi.IPFamilies_IPV4_ONLY: "IPv4", workloadapi.IPFamilies_IPV6_ONLY: "IPv6",
	workloadapi.IPFamilies_DUAL: "Dual",
}

func workloadOf(w *workloadapi.Workload) object {
	to := object{
		"workloadIps": convert(w.Addresses, ip), "protocol": protocols[w.TunnelProtocol],
		"networkMode": pascal(w.NetworkMode.String()), "name": w.Name, "namespace": w.Namespace,
		"status": statusOf(w), "clusterId": cmp.Or(w.ClusterId, "Kubernetes"), "capacity": uint32(1),
		"trustDomain": cmp.Or(w.TrustDomain, "cluster.local"), "serviceAccount": cmp.Or(w.ServiceAccount, "default"),
		"workloadType": strings.ToLower(w.WorkloadType.String()),
	}
	for name, value := range map[string]string{
		"uid": w.Uid, "network": w.Network, "workloadName": w.WorkloadName, "canonicalName": w.CanonicalName,
		"canonicalRevision": w.CanonicalRevision, "hostname": w.Hostname, "node": w.Node,
	} {
		to.text(name, value)
	}
	if w.Capacity != nil {
		to["capacity"] = w.Capacity.Value
	}
	if w.Waypoint != nil {
		to["waypoint"] = gateway(w.Waypoint)
	}
	if w.NetworkGateway != nil {
		to["networkGateway"] = gateway(w.NetworkGateway)
	}
	to.unless(!w.NativeTunnel, "nativeTunnel", true)
	if tunnel := w.ApplicationTunnel; tunnel != nil {
		to["applicationTunnel"] = object{"protocol": tunnel.Protocol.String(), "port": nil}
		if tunnel.Port != 0 {
			to["applicationTunnel"].(object)["port"] = tunnel.Port
		}
	}
	to.unless(len(w.AuthorizationPolicies) == 0, "authorizationPolicies", w.AuthorizationPolicies)
	if l := w.Locality; l != nil && l.Region+l.Zone+l.Subzone != "" {
		to["locality"] = object{"region": l.Region, "zone": l.Zone, "subzone": l.Subzone}
	}
	services := make([]string, 0, len(w.Services))
	for name := range w.Services {
		services = append(services, name)
	}
	slices.Sort(services)
	to.unless(len(services) == 0, "services", services)
	return to
}

func serviceOf(s *workloadapi.Service, endpoints object) object {
	accepted := object{}
	for uid, each := range endpoints {
		all := s.LoadBalancing.GetHealthPolicy() == workloadapi.LoadBalancing_ALLOW_ALL
		accepted.unless(!all && each.(object)["status"] != "Healthy", uid, each)
	}
	to := object{
		"name": s.Name, "namespace": s.Namespace, "hostname": s.Hostname, "vips": convert(s.Addresses, networkAddress),
		"ports": portsOf(s.Ports), "endpoints": accepted, "visibility": pascal(s.Visibility.String()),
		"subjectAltNames": convert(s.SubjectAltNames, strings.Clone),
	}
	if s.Waypoint != nil {
		to["waypoint"] = gateway(s.Waypoint)
	}
	if lb := s.LoadBalancing; lb != nil {
		mode := "Standard"
		if lb.Mode != workloadapi.LoadBalancing_UNSPECIFIED_MODE {
			mode = pascal(lb.Mode.String())
		}
		to["loadBalancer"] = object{
			"mode": mode, "healthPolicy": pascal(lb.HealthPolicy.String()),
			"routingPreferences": convert(lb.RoutingPreference,
				func(scope workloadapi.LoadBalancing_Scope) string { return pascal(scope.String()) }),
		}
	}
	to.text("ipFamilies", families[s.IpFamilies])
	to.unless(!s.Canonical, "canonical", true)
	to.unless(!s.IngressUseWaypoint, "ingressUseWaypoint", true)
	return to
}

func policyOf(p *security.Authorization) object {
	rules := convert(p.Groups, func(group *security.Group) [][]object {
		return convert(group.Rules, func(clause *security.Rules) []object { return convert(clause.Matches, matchOf) })
	})
	return object{
		"name": p.Name, "namespace": p.Namespace, "scope": pascal(p.Scope.String()), "action": pascal(p.Action.String()),
		"dryRun": p.DryRun, "rules": rules,
	}
}

func matchOf(m *security.Match) object {
	to := object{}
	for name, found := range map[string][]*security.StringMatch{
		"namespaces": m.Namespaces, "notNamespaces": m.NotNamespaces,
		"principals": m.Principals, "notPrincipals": m.NotPrincipals,
	} {
		to.unless(len(found) == 0, name, convert(found, stringOf))
	}
	for name, found := range map[string][]*security.ServiceAccountMatch{
		"serviceAccounts": m.ServiceAccounts, "notServiceAccounts": m.NotServiceAccounts,
	} {
		to.unless(len(found) == 0, name, convert(found, func(s *security.ServiceAccountMatch) object {
			return object{"namespace": s.Namespace, "serviceAccount": s.ServiceAccount}
		}))
	}
	for name, found := range map[string][]*security.Address{
		"sourceIps": m.SourceIps, "notSourceIps": m.NotSourceIps,
		"destinationIps": m.DestinationIps, "notDestinationIps": m.NotDestinationIps,
	} {
		to.unless(len(found) == 0, name, convert(found, func(a *security.Address) string {
			parsed, _ := netip.AddrFromSlice(a.Address)
			return netip.PrefixFrom(parsed, int(a.Length)).String()
		}))
	}
	to.unless(len(m.DestinationPorts) == 0, "destinationPorts", m.DestinationPorts)
	to.unless(len(m.NotDestinationPorts) == 0, "notDestinationPorts", m.NotDestinationPorts)
	return to
}

func stringOf(m *security.StringMatch) object {
	switch {
	case m.GetExact() != "":
		return object{"Exact": m.GetExact()}
	case m.GetPrefix() != "":
		return object{"Prefix": m.GetPrefix()}
	case m.GetSuffix() != "":
		return object{"Suffix": m.GetSuffix()}
	}
	return object{"Presence": []string{}}
}
