# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The names of what checks read beyond the mesh's own parts, and the shape that each has in a snapshot. Pure data.

What comes from the API has the API's shape (`apiVersion`, `kind`, `metadata`, ...), less managed fields. What proxies
and istiod answer has `kind` and `metadata` of their Pod, the fields named here, and `error`: a sentence, empty when
that pod answered.
"""

from __future__ import annotations

from .policy import scene

PODS = "pods"
"""Every pod that runs or is to: `metadata` with name, namespace, labels, annotations, ownerReferences (kind, name),
creationTimestamp, deletionTimestamp; `spec` with nodeName, hostNetwork, serviceAccountName, containers and
initContainers (name, image, probed: True where the kubelet probes it over the network; of proxies also args, env
ISTIO_META_CLUSTER_ID, resources.requests); `status` with phase,
conditions (type, status; reason and message where it is not True), and containerStatuses where a container waits or
ended badly."""

ALL_SERVICES = "all_services"
"""Every Service: metadata, spec, status."""

ROOT_CERTIFICATES = "root_certificates"
"""Every ConfigMap istio-ca-root-cert: `data` with root-cert.pem."""

MESH_CONFIGS = "mesh_configs"
"""The ConfigMap (`istio`, `istio-REVISION`) of each control plane, with `revision`, and `mesh`, its mesh configuration
parsed."""

REMOTE_SECRETS = "remote_secrets"
"""Secrets labelled istio/multiCluster=true: metadata only. Their values are never read."""

JOURNALS = "journals"
"""ConfigMaps `meshwright-enrollment`, the journals of moved namespaces."""

POD_METRICS = "pod_metrics"
"""What pods with a proxy use, by metrics.k8s.io: `metadata` with name, namespace; `containers`, each with name and
usage (cpu, memory)."""

# What policy is judged by: a source for each kind, by the kind's name in a Scene.
OF_KIND: dict[str, str] = {
    scene.VIRTUAL_SERVICE: "virtual_services",
    scene.DESTINATION_RULE: "destination_rules",
    scene.SERVICE_ENTRY: "service_entries",
    scene.WORKLOAD_ENTRY: "workload_entries",
    scene.ISTIO_GATEWAY: "istio_gateways",
    scene.SIDECAR: "sidecars",
    scene.ENVOY_FILTER: "envoy_filters",
    scene.AUTHORIZATION: "authorization_policies",
    scene.PEER_AUTHENTICATION: "peer_authentications",
    scene.REQUEST_AUTHENTICATION: "request_authentications",
    scene.TELEMETRY: "telemetries",
    scene.WASM_PLUGIN: "wasm_plugins",
    scene.TRAFFIC_EXTENSION: "traffic_extensions",
    scene.GATEWAY: "gateways",
    scene.GATEWAY_CLASS: "gateway_classes",
    scene.REFERENCE_GRANT: "reference_grants",
    scene.HTTP_ROUTE: "http_routes",
    scene.GRPC_ROUTE: "grpc_routes",
    scene.TCP_ROUTE: "tcp_routes",
    scene.TLS_ROUTE: "tls_routes",
    scene.NETWORK_POLICY: "network_policies",
    scene.INGRESS: "ingresses",
}

ISTIOD_SYNC = "istiod_sync"
"""Each ready istiod's /debug/syncz: `revision`; `proxies`, each with id (POD.NAMESPACE), type (sidecar, router,
waypoint, ztunnel), cluster, version, and types: a list of {name, sent, acked, error}."""

ISTIOD_METRICS = "istiod_metrics"
"""Each ready istiod's /metrics: `revision`; `metrics`, by name a list of {labels, value}; only those that a check
looks at."""

ISTIOD_CLUSTERS = "istiod_clusters"
"""Each ready istiod's /debug/clusterz: `revision`; `clusters`, as it answered (id, secretName, syncStatus)."""

ISTIOD_LOGS = "istiod_logs"
"""Lines of each istiod's log that a check looks for, of the last minutes: `revision`, `lines`."""

ZTUNNEL_DUMPS = "ztunnel_dumps"
"""ztunnels' /config_dump: `node`; `workloads` (name, namespace, node, protocol, waypoint as ns/name or "", status),
`services` (name, namespace, hostname, waypoint as ns/name or ""), `policies` (namespace, name, action, scope) and
`certificates` (identity, state, and of the leaf and of the root: serial, not_before, not_after as RFC 3339)."""

ZTUNNEL_METRICS = "ztunnel_metrics"
"""ztunnels' /metrics: `node`, `metrics` as of ISTIOD_METRICS."""

ENVOY_CERTIFICATES = "envoy_certificates"
"""Envoys' /certs, of some sidecars, and of gateways and waypoints: `proxy` (sidecar, gateway, waypoint);
`certificates`, each with name (default, ROOTCA), serial, not_before, not_after as RFC 3339."""

ENVOY_METRICS = "envoy_metrics"
"""The same proxies' merged metrics (15020, /stats/prometheus): `metrics` as of ISTIOD_METRICS."""

# What is asked through a port-forward, or read from a log: more than a reader of the API may do.
INSIDE: tuple[str, ...] = (
    ISTIOD_SYNC,
    ISTIOD_METRICS,
    ISTIOD_CLUSTERS,
    ISTIOD_LOGS,
    ZTUNNEL_DUMPS,
    ZTUNNEL_METRICS,
    ENVOY_CERTIFICATES,
    ENVOY_METRICS,
)
