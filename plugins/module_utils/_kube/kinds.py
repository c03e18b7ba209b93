# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The kinds this collection knows by heart, so that no run pays for discovery.

A kind is known by group, version and name: two groups have a `Gateway`, and a table by name alone would
mix them up. What is not here costs one discovery of its group (`Client.resolve`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource type as the API server serves it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The resource as RBAC and error messages spell it: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, of one object, or of its subresource.

        Without `namespace`, a namespaced kind's path is that of all namespaces; a cluster-scoped kind ignores it.
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def label(self, namespace: str | None, name: str) -> str:
        """How people name the object: `Deployment istio-system/istiod`, `Namespace istio-system`."""
        if self.namespaced and namespace:
            return f"{self.kind} {namespace}/{name}"
        return f"{self.kind} {name}"


def _plural(kind: str) -> str:
    """The regular plural, for those kinds that form it regularly."""
    lower = kind.lower()
    if lower.endswith("y") and not lower.endswith("ay"):
        return f"{lower[:-1]}ies"
    if lower.endswith(("s", "ss", "x", "ch")):
        return f"{lower}es"
    return f"{lower}s"


def _kinds(group: str, versions: str, names: str, *, namespaced: bool = True) -> Iterable[Kind]:
    """Rows of one group: every name in every version; `Name=plural` where the plural is irregular."""
    for version in versions.split():
        for entry in names.split():
            name, _equals, plural = entry.partition("=")
            yield Kind(group, version, name, plural or _plural(name), namespaced)


_ROWS: tuple[Iterable[Kind], ...] = (
    _kinds("", "v1", "Namespace Node PersistentVolume", namespaced=False),
    _kinds(
        "",
        "v1",
        "Pod Service Secret ConfigMap ServiceAccount Event Endpoints=endpoints LimitRange ResourceQuota"
        " PersistentVolumeClaim ReplicationController PodTemplate",
    ),
    _kinds("apps", "v1", "Deployment DaemonSet StatefulSet ReplicaSet ControllerRevision"),
    _kinds("batch", "v1", "Job CronJob"),
    _kinds("policy", "v1", "PodDisruptionBudget"),
    _kinds("autoscaling", "v1 v2", "HorizontalPodAutoscaler"),
    _kinds("rbac.authorization.k8s.io", "v1", "ClusterRole ClusterRoleBinding", namespaced=False),
    _kinds("rbac.authorization.k8s.io", "v1", "Role RoleBinding"),
    _kinds(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy"
        " ValidatingAdmissionPolicyBinding",
        namespaced=False,
    ),
    _kinds("apiextensions.k8s.io", "v1", "CustomResourceDefinition", namespaced=False),
    _kinds("apiregistration.k8s.io", "v1", "APIService", namespaced=False),
    _kinds("scheduling.k8s.io", "v1", "PriorityClass", namespaced=False),
    _kinds("storage.k8s.io", "v1", "StorageClass", namespaced=False),
    _kinds("node.k8s.io", "v1", "RuntimeClass", namespaced=False),
    _kinds("certificates.k8s.io", "v1", "CertificateSigningRequest", namespaced=False),
    _kinds("coordination.k8s.io", "v1", "Lease"),
    _kinds("discovery.k8s.io", "v1", "EndpointSlice"),
    _kinds("events.k8s.io", "v1", "Event"),
    _kinds("networking.k8s.io", "v1", "NetworkPolicy Ingress"),
    _kinds("networking.k8s.io", "v1", "IngressClass", namespaced=False),
    _kinds(
        "networking.istio.io",
        "v1 v1beta1 v1alpha3",
        "DestinationRule Gateway ServiceEntry Sidecar VirtualService WorkloadEntry WorkloadGroup",
    ),
    _kinds("networking.istio.io", "v1alpha3", "EnvoyFilter"),
    _kinds("networking.istio.io", "v1beta1", "ProxyConfig"),
    _kinds("security.istio.io", "v1 v1beta1", "AuthorizationPolicy PeerAuthentication RequestAuthentication"),
    _kinds("telemetry.istio.io", "v1 v1alpha1", "Telemetry=telemetries"),
    _kinds("extensions.istio.io", "v1alpha1", "WasmPlugin TrafficExtension"),
    _kinds("gateway.networking.k8s.io", "v1 v1beta1", "GatewayClass", namespaced=False),
    _kinds("gateway.networking.k8s.io", "v1 v1beta1", "Gateway HTTPRoute ReferenceGrant"),
    _kinds("gateway.networking.k8s.io", "v1", "GRPCRoute BackendTLSPolicy TCPRoute TLSRoute UDPRoute ListenerSet"),
    _kinds("gateway.networking.k8s.io", "v1alpha2", "GRPCRoute TCPRoute TLSRoute UDPRoute ReferenceGrant"),
    _kinds("gateway.networking.k8s.io", "v1alpha3", "BackendTLSPolicy TLSRoute"),
    _kinds("inference.networking.k8s.io", "v1", "InferencePool"),
    _kinds("sailoperator.io", "v1", "Istio IstioRevision IstioRevisionTag IstioCNI ZTunnel", namespaced=False),
    _kinds("sailoperator.io", "v1alpha1", "ZTunnel", namespaced=False),
    _kinds("operators.coreos.com", "v1alpha1", "Subscription ClusterServiceVersion InstallPlan CatalogSource"),
    _kinds("operators.coreos.com", "v1", "OperatorGroup"),
    _kinds("config.openshift.io", "v1", "ClusterVersion Infrastructure", namespaced=False),
    _kinds("monitoring.coreos.com", "v1", "ServiceMonitor PodMonitor PrometheusRule Prometheus Alertmanager Probe"),
    _kinds("argoproj.io", "v1alpha1", "Application AppProject ApplicationSet Rollout"),
    _kinds("source.toolkit.fluxcd.io", "v1 v1beta2", "GitRepository HelmRepository HelmChart OCIRepository Bucket"),
    _kinds("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
    _kinds("helm.toolkit.fluxcd.io", "v2", "HelmRelease"),
    _kinds("cert-manager.io", "v1", "Certificate Issuer CertificateRequest"),
    _kinds("cert-manager.io", "v1", "ClusterIssuer", namespaced=False),
)

KINDS: dict[tuple[str, str], Kind] = {(row.api_version, row.kind): row for rows in _ROWS for row in rows}


def known(api_version: str, kind: str) -> Kind | None:
    """The known kind, or None: ask the API server then."""
    return KINDS.get((api_version, kind))


def _kind(api_version: str, kind: str) -> Kind:
    return KINDS[(api_version, kind)]


NAMESPACE = _kind("v1", "Namespace")
NODE = _kind("v1", "Node")
POD = _kind("v1", "Pod")
SERVICE = _kind("v1", "Service")
SECRET = _kind("v1", "Secret")
CONFIG_MAP = _kind("v1", "ConfigMap")
SERVICE_ACCOUNT = _kind("v1", "ServiceAccount")
RESOURCE_QUOTA = _kind("v1", "ResourceQuota")
PERSISTENT_VOLUME_CLAIM = _kind("v1", "PersistentVolumeClaim")
EVENT = _kind("events.k8s.io/v1", "Event")
DEPLOYMENT = _kind("apps/v1", "Deployment")
DAEMON_SET = _kind("apps/v1", "DaemonSet")
STATEFUL_SET = _kind("apps/v1", "StatefulSet")
REPLICA_SET = _kind("apps/v1", "ReplicaSet")
JOB = _kind("batch/v1", "Job")
CRON_JOB = _kind("batch/v1", "CronJob")
PDB = _kind("policy/v1", "PodDisruptionBudget")
HPA = _kind("autoscaling/v2", "HorizontalPodAutoscaler")
CLUSTER_ROLE = _kind("rbac.authorization.k8s.io/v1", "ClusterRole")
CLUSTER_ROLE_BINDING = _kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
ROLE = _kind("rbac.authorization.k8s.io/v1", "Role")
ROLE_BINDING = _kind("rbac.authorization.k8s.io/v1", "RoleBinding")
MUTATING_WEBHOOK = _kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")
VALIDATING_WEBHOOK = _kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
VALIDATING_POLICY = _kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
VALIDATING_POLICY_BINDING = _kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding")
CRD = _kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
API_SERVICE = _kind("apiregistration.k8s.io/v1", "APIService")
PRIORITY_CLASS = _kind("scheduling.k8s.io/v1", "PriorityClass")
LEASE = _kind("coordination.k8s.io/v1", "Lease")
ENDPOINT_SLICE = _kind("discovery.k8s.io/v1", "EndpointSlice")
NETWORK_POLICY = _kind("networking.k8s.io/v1", "NetworkPolicy")

ISTIO_GATEWAY = _kind("networking.istio.io/v1", "Gateway")
VIRTUAL_SERVICE = _kind("networking.istio.io/v1", "VirtualService")
DESTINATION_RULE = _kind("networking.istio.io/v1", "DestinationRule")
SERVICE_ENTRY = _kind("networking.istio.io/v1", "ServiceEntry")
SIDECAR = _kind("networking.istio.io/v1", "Sidecar")
WORKLOAD_ENTRY = _kind("networking.istio.io/v1", "WorkloadEntry")
WORKLOAD_GROUP = _kind("networking.istio.io/v1", "WorkloadGroup")
ENVOY_FILTER = _kind("networking.istio.io/v1alpha3", "EnvoyFilter")
PROXY_CONFIG = _kind("networking.istio.io/v1beta1", "ProxyConfig")
AUTHORIZATION_POLICY = _kind("security.istio.io/v1", "AuthorizationPolicy")
PEER_AUTHENTICATION = _kind("security.istio.io/v1", "PeerAuthentication")
REQUEST_AUTHENTICATION = _kind("security.istio.io/v1", "RequestAuthentication")
TELEMETRY = _kind("telemetry.istio.io/v1", "Telemetry")
WASM_PLUGIN = _kind("extensions.istio.io/v1alpha1", "WasmPlugin")
TRAFFIC_EXTENSION = _kind("extensions.istio.io/v1alpha1", "TrafficExtension")

GATEWAY = _kind("gateway.networking.k8s.io/v1", "Gateway")
GATEWAY_CLASS = _kind("gateway.networking.k8s.io/v1", "GatewayClass")
HTTP_ROUTE = _kind("gateway.networking.k8s.io/v1", "HTTPRoute")
GRPC_ROUTE = _kind("gateway.networking.k8s.io/v1", "GRPCRoute")
TCP_ROUTE = _kind("gateway.networking.k8s.io/v1alpha2", "TCPRoute")
TLS_ROUTE = _kind("gateway.networking.k8s.io/v1", "TLSRoute")
REFERENCE_GRANT = _kind("gateway.networking.k8s.io/v1beta1", "ReferenceGrant")
BACKEND_TLS_POLICY = _kind("gateway.networking.k8s.io/v1", "BackendTLSPolicy")

SAIL_ISTIO = _kind("sailoperator.io/v1", "Istio")
SAIL_REVISION = _kind("sailoperator.io/v1", "IstioRevision")
SAIL_REVISION_TAG = _kind("sailoperator.io/v1", "IstioRevisionTag")
SAIL_CNI = _kind("sailoperator.io/v1", "IstioCNI")
SAIL_ZTUNNEL = _kind("sailoperator.io/v1", "ZTunnel")
SAIL_ZTUNNEL_ALPHA = _kind("sailoperator.io/v1alpha1", "ZTunnel")

SERVICE_MONITOR = _kind("monitoring.coreos.com/v1", "ServiceMonitor")
POD_MONITOR = _kind("monitoring.coreos.com/v1", "PodMonitor")
ROLLOUT = _kind("argoproj.io/v1alpha1", "Rollout")
ARGO_APPLICATION = _kind("argoproj.io/v1alpha1", "Application")
FLUX_KUSTOMIZATION = _kind("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
FLUX_HELM_RELEASE = _kind("helm.toolkit.fluxcd.io/v2", "HelmRelease")
