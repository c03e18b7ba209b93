// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// workloadLabels is a workload as metrics name it.
type workloadLabels struct{ name, namespace, principal, app, version, cluster, service string }

// series has a request or connection of a workload to itself: what there is of traffic where there is none.
func series(w workloadLabels, tail string) string {
	side := func(side string) string {
		return fmt.Sprintf(`%[1]s_workload="%[2]s",%[1]s_canonical_service="%[5]s",%[1]s_canonical_revision="%[6]s",`+
			`%[1]s_workload_namespace="%[3]s",%[1]s_principal="%[4]s",%[1]s_app="%[5]s",%[1]s_version="%[6]s",`+
			`%[1]s_cluster="%[7]s"`, side, w.name, w.namespace, w.principal, w.app, w.version, w.cluster)
	}
	host := w.service + "." + w.namespace + ".svc.cluster.local"
	return fmt.Sprintf(`{reporter="destination",%s,destination_service="%s",destination_service_namespace="%s",`+
		`destination_service_name="%s",%s,%s}`, side("source"), host, w.namespace, w.service, side("destination"), tail)
}

// added are the lines of the pod's annotation.
func (s shown) added() string {
	lines := strings.TrimSpace(s.Metrics)
	if lines == "" {
		return ""
	}
	return lines + "\n"
}

func (a *admin) ztunnelMetrics() (string, error) {
	found, err := dump(a.state)
	if err != nil {
		return "", err
	}
	now := a.now()
	var workloads []workloadLabels
	for _, each := range found["workloads"].([]object) {
		if each["node"] != now.Node || each["protocol"] != "HBONE" || each["workloadType"] != "pod" {
			continue
		}
		of := func(name string) string { text, _ := each[name].(string); return text }
		workloads = append(workloads, workloadLabels{
			name: cmp.Or(of("workloadName"), of("name")), namespace: of("namespace"),
			principal: fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", of("trustDomain"), of("namespace"), of("serviceAccount")),
			app:       of("canonicalName"), version: cmp.Or(of("canonicalRevision"), "latest"), cluster: of("clusterId"),
			service: of("canonicalName"),
		})
	}
	const (
		opened = "istio_tcp_connections_opened"
		tail   = `request_protocol="tcp",response_flags="-",connection_security_policy="mutual_tls",source_region="unknown",` +
			`source_zone="unknown",destination_region="unknown",destination_zone="unknown"`
	)
	count := len(workloads)
	lines := slices.Compact(convert(workloads, func(w workloadLabels) string { return opened + "_total" + series(w, tail) + " 5\n" }))
	text := fmt.Sprintf("# HELP istio_build Istio component build info.\n# TYPE istio_build gauge\n"+
		"istio_build{component=\"ztunnel\",tag=\"%s\"} 1\n"+
		"# HELP %s The total number of TCP connections opened.\n# TYPE %s counter\n", now.Version, opened, opened)
	text += strings.Join(lines, "")
	for name, value := range map[string]int{"active": count, "pending": 0} {
		name, what := "workload_manager_"+name+"_proxy_count", name
		text += fmt.Sprintf("# HELP %s The total number current workloads with %s proxies (unstable).\n"+
			"# TYPE %s gauge\n%s %d\n", name, what, name, name, value)
	}
	return text + now.added() + "# EOF\n", nil
}

func (a *admin) envoyMetrics() (string, error) {
	now := a.now()
	leaf, err := a.leaf(now.Identity, nil)
	if err != nil {
		return "", err
	}
	own := workloadLabels{
		name: now.Workload, namespace: now.Namespace, principal: now.Identity, app: now.Workload, version: "latest",
		cluster: "Kubernetes", service: now.Workload,
	}
	const tail = `request_protocol="http",response_code="200",grpc_response_status="",response_flags="-",` +
		`connection_security_policy="mutual_tls"`
	text := fmt.Sprintf("# HELP istio_agent_cert_expiry_seconds The time remaining, in seconds, before the certificate "+
		"chain will expire. A negative value indicates the cert is expired.\n# TYPE istio_agent_cert_expiry_seconds gauge\n"+
		"istio_agent_cert_expiry_seconds{resource_name=\"default\"} %d\n"+
		"# TYPE istio_build gauge\nistio_build{component=\"proxy\",tag=\"%s\"} 1\n"+
		"# TYPE istio_requests_total counter\nistio_requests_total%s 5\n",
		int(time.Until(leaf.NotAfter).Seconds()), now.Version, series(own, tail))
	return text + now.added(), nil
}
