# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What an Istio release expects of the cluster's APIs: tables, kept as Python so that modules carry them."""

from __future__ import annotations

from typing import NamedTuple

from .versions import Version


class ExpectedCrd(NamedTuple):
    """A CRD of Istio's base chart: the versions that istiod and clients use, and the release that brought it."""

    plural: str
    group: str
    kind: str
    versions: tuple[str, ...]
    since: tuple[int, int] = (1, 22)

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}"


# From the base chart's CRDs of 1.31. `v1` of networking, security and telemetry is served since 1.22; the older
# aliases are left out, for nothing of ours or Istio's needs them. TrafficExtension is seen in 1.31's charts; should an
# earlier release have it too, this expects less of that release than it could.
ISTIO_CRDS: tuple[ExpectedCrd, ...] = (
    ExpectedCrd("destinationrules", "networking.istio.io", "DestinationRule", ("v1",)),
    ExpectedCrd("envoyfilters", "networking.istio.io", "EnvoyFilter", ("v1alpha3",)),
    ExpectedCrd("gateways", "networking.istio.io", "Gateway", ("v1",)),
    ExpectedCrd("proxyconfigs", "networking.istio.io", "ProxyConfig", ("v1beta1",)),
    ExpectedCrd("serviceentries", "networking.istio.io", "ServiceEntry", ("v1",)),
    ExpectedCrd("sidecars", "networking.istio.io", "Sidecar", ("v1",)),
    ExpectedCrd("virtualservices", "networking.istio.io", "VirtualService", ("v1",)),
    ExpectedCrd("workloadentries", "networking.istio.io", "WorkloadEntry", ("v1",)),
    ExpectedCrd("workloadgroups", "networking.istio.io", "WorkloadGroup", ("v1",)),
    ExpectedCrd("authorizationpolicies", "security.istio.io", "AuthorizationPolicy", ("v1",)),
    ExpectedCrd("peerauthentications", "security.istio.io", "PeerAuthentication", ("v1",)),
    ExpectedCrd("requestauthentications", "security.istio.io", "RequestAuthentication", ("v1",)),
    ExpectedCrd("telemetries", "telemetry.istio.io", "Telemetry", ("v1",)),
    ExpectedCrd("wasmplugins", "extensions.istio.io", "WasmPlugin", ("v1alpha1",)),
    ExpectedCrd("trafficextensions", "extensions.istio.io", "TrafficExtension", ("v1alpha1",), (1, 31)),
)


class GatewayKind(NamedTuple):
    """A kind of the Gateway API that istiod reads.

    `version` is what istiod watches. `minimum` is the oldest bundle from which istiod (`since` that release) takes
    it: of older ones it says a line in its log, and the resources do nothing.
    """

    plural: str
    kind: str
    version: str
    core: bool = False
    minimum: Version | None = None
    since: tuple[int, int] = (1, 22)

    @property
    def name(self) -> str:
        return f"{self.plural}.{GATEWAY_GROUP}"


GATEWAY_GROUP = "gateway.networking.k8s.io"
BUNDLE_VERSION = "gateway.networking.k8s.io/bundle-version"
CHANNEL = "gateway.networking.k8s.io/channel"

# The minimums are those of istiod 1.31 (its pkg/config/schema/gatewayapi). That source dates the row of TLSRoute
# (1.30); the release of BackendTLSPolicy's is from memory, and TCPRoute's is taken to be new in 1.31.
GATEWAY_KINDS: tuple[GatewayKind, ...] = (
    GatewayKind("gatewayclasses", "GatewayClass", "v1", core=True),
    GatewayKind("gateways", "Gateway", "v1", core=True),
    GatewayKind("httproutes", "HTTPRoute", "v1", core=True),
    GatewayKind("referencegrants", "ReferenceGrant", "v1beta1", core=True),
    GatewayKind("grpcroutes", "GRPCRoute", "v1", minimum=Version(1, 1)),
    GatewayKind("backendtlspolicies", "BackendTLSPolicy", "v1", minimum=Version(1, 4), since=(1, 28)),
    GatewayKind("tlsroutes", "TLSRoute", "v1", minimum=Version(1, 5), since=(1, 30)),
    GatewayKind("tcproutes", "TCPRoute", "v1", minimum=Version(1, 6), since=(1, 31)),
)
