# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""All rules by which policy is judged, in the words of docs/policy-guards.md. Pure data."""

from __future__ import annotations

from .model import Rule

_ERROR = ("error",)
_WARNING = ("warning",)
_BOTH = ("error", "warning")


def _semantic(severities: tuple[str, ...], what: str, way_out: str) -> Rule:
    return Rule("semantic", severities, what, way_out)  # type: ignore[arg-type]


def _lockout(severities: tuple[str, ...], what: str, way_out: str) -> Rule:
    return Rule("lockout", severities, what, way_out)  # type: ignore[arg-type]


RULES: dict[str, Rule] = {
    "weights": _semantic(
        _BOTH,
        "A weight below 0, or weights that sum to 0. A warning where a VirtualService's do not sum to 100: they are "
        "shares of their sum.",
        "Let them sum to 100.",
    ),
    "unknown-host": _semantic(
        _ERROR,
        "A destination, backendRef or DestinationRule for a host that no Service and no ServiceEntry has, or that is "
        "not exported to the namespace. A warning in a multi-cluster mesh, where another cluster may have it.",
        "Apply the Service or ServiceEntry in the same task, or write the host in full.",
    ),
    "unknown-route-host": _semantic(
        _WARNING, "A VirtualService on the mesh for a Service that does not exist.", "Correct name or namespace."
    ),
    "unknown-delegate": _semantic(
        _ERROR, "A delegate VirtualService that does not exist.", "Apply it in the same task."
    ),
    "unknown-port": _semantic(
        _BOTH,
        "A port that the Service or ServiceEntry has not. A warning where a route on a gateway names none of several.",
        "Use the Service's port.",
    ),
    "unknown-subset": _semantic(
        _ERROR, "A subset that no DestinationRule for the host has.", "Apply the DestinationRule in the same task."
    ),
    "empty-subset": _semantic(
        _WARNING, "A subset whose labels none of the Service's pods has.", "Deploy that version first."
    ),
    "unknown-gateway": _semantic(
        _ERROR,
        "A Gateway (of Istio, or of the Gateway API as a parentRef) that does not exist.",
        "Apply it in the same task, or name its namespace.",
    ),
    "unknown-section": _semantic(
        _ERROR, "A sectionName or port in parentRefs that no listener of the Gateway has.", "Correct it."
    ),
    "unknown-parent": _semantic(
        _ERROR, "A Service or ServiceEntry in parentRefs that does not exist.", "Apply it in the same task."
    ),
    "unknown-target": _semantic(
        _ERROR,
        "A targetRef that does not exist, is in another namespace, or is a GatewayClass outside the root namespace.",
        "Correct it, or move the policy.",
    ),
    "host-not-on-gateway": _semantic(
        _WARNING, "A VirtualService whose hosts its Gateway does not serve.", "Add the host to the Gateway's servers."
    ),
    "parent-refuses": _semantic(
        _ERROR,
        "A Gateway whose listeners admit neither the route's namespace and kind nor its hostnames.",
        "Open allowedRoutes, or let the hostnames meet.",
    ),
    "no-reference-grant": _semantic(
        _ERROR,
        "A backend in another namespace without a ReferenceGrant there (for routes on a Gateway).",
        "Apply a ReferenceGrant.",
    ),
    "two-virtual-services": _semantic(
        _ERROR, "Two VirtualServices on the mesh for one host: one of them is ignored.", "Merge them, or use delegates."
    ),
    "two-destination-rules": _semantic(
        _WARNING,
        "Two DestinationRules of one namespace for one host with clashing subsets or traffic policies.",
        "Merge them.",
    ),
    "mixed-routing": _semantic(
        _ERROR, "VirtualService and HTTPRoute for one host on the mesh: what happens is undefined.", "Keep one kind."
    ),
    "http-policy-on-ambient": _semantic(
        _ERROR,
        "An AuthorizationPolicy with fields of HTTP for ambient workloads, by selector: as DENY a hole (with `ports` "
        "an outage), as ALLOW an outage. Seen on a real ztunnel.",
        "A waypoint and targetRefs, or ports, principals and namespaces only.",
    ),
    "jwt-on-ambient": _semantic(
        _ERROR,
        "A RequestAuthentication for ambient workloads, by selector: a hole, nobody checks tokens.",
        "A waypoint and targetRefs.",
    ),
    "custom-on-ambient": _semantic(
        _ERROR, "Action CUSTOM for ambient workloads, by selector: a hole.", "A waypoint and targetRefs."
    ),
    "audit-on-ambient": _semantic(
        _WARNING, "Action AUDIT for ambient workloads, by selector: without effect.", "A waypoint and targetRefs."
    ),
    "telemetry-on-ambient": _semantic(
        _WARNING, "A Telemetry for ambient workloads, by selector: without effect.", "A waypoint and targetRefs."
    ),
    "filter-on-ambient": _semantic(
        _BOTH,
        "An EnvoyFilter or WasmPlugin for ambient workloads: without effect, so what it limits or checks passes. A "
        "warning without a selector.",
        "A waypoint and targetRefs.",
    ),
    "disable-on-ambient": _semantic(
        _ERROR, "PeerAuthentication DISABLE for ambient workloads: ztunnel ignores it.", "PERMISSIVE."
    ),
    "client-behind-waypoint": _semantic(
        _ERROR,
        "A policy by selector that names clients of ambient workloads behind a waypoint: ztunnel sees the waypoint's "
        "identity. As ALLOW an outage, as DENY a hole.",
        "Name the clients in a policy with targetRefs, and admit the waypoint's service account here.",
    ),
    "routing-without-waypoint": _semantic(
        _BOTH,
        "A VirtualService on the mesh, or a route attached to a Service, for an ambient namespace without a waypoint. "
        "A warning where the mesh has sidecars too, or the route is a gateway's too, which follow it.",
        "A waypoint, and the label istio.io/use-waypoint.",
    ),
    "target-without-waypoint": _semantic(
        _ERROR, "A targetRef to a Service that uses no waypoint: nobody carries it out.", "Label it use-waypoint."
    ),
    "waypoint-absent": _semantic(
        _ERROR,
        "A waypoint that does not exist, or does not take the namespace: a hole, traffic goes straight.",
        "Make the waypoint, or correct the label.",
    ),
    "waypoint-for-others": _semantic(
        _ERROR,
        "A waypoint that is not for Services (`istio.io/waypoint-for`), and a Service that is to use it: a hole.",
        "Label the waypoint `service` or `all`.",
    ),
    "waypoint-down": _semantic(
        _ERROR, "A waypoint without a ready pod: an outage, connections fail.", "Let its Deployment run again."
    ),
    "selects-nothing": _semantic(
        _WARNING,
        "A selector that no workload has, in a namespace that has workloads.",
        "Correct it, or deploy the workload.",
    ),
    "removed-but-used": _semantic(
        _BOTH,
        "What stays names what this run removes: a Service, a subset, a Gateway, a waypoint, a ReferenceGrant. As "
        "severe as the same mistake in an object that is written.",
        "Remove or change both in one task.",
    ),
    "not-judged": _semantic(
        _WARNING, "Something could not be read, so what depends on it was not judged.", "Grant `list`, as it says."
    ),
    "plaintext-seen": _lockout(
        _BOTH,
        "Clients that Prometheus saw without mTLS of workloads that are about to refuse it. A warning where ports are "
        "exempt, since metrics do not tell the port.",
        "Enroll them, or exempt the port by portLevelMtls.",
    ),
    "not-enrolled": _lockout(
        _BOTH,
        "Pods without a proxy in the namespaces of the workloads that are about to refuse them, or in others that are "
        "labelled for the mesh. A warning where Prometheus was asked and saw no traffic.",
        "Enroll and restart them, or exempt the port.",
    ),
    "ingress-outside": _lockout(
        _BOTH,
        "An Ingress, by a controller without a proxy, that leads to workloads that are about to refuse it. A warning "
        "where Prometheus was asked.",
        "Enroll the controller, or use a gateway of the mesh.",
    ),
    "scrape-outside": _lockout(
        _BOTH,
        "A Prometheus without a proxy, and pods annotated to be scraped on a port that is about to refuse it. A "
        "warning where Prometheus was asked.",
        "Enroll it, or exempt the port.",
    ),
    "webhook-outside": _lockout(
        _BOTH,
        "An admission webhook behind which such workloads stand: the API server sends no mTLS. A warning where "
        "Prometheus was asked.",
        "Exempt its port.",
    ),
    "outside-clients": _lockout(
        _WARNING,
        "Other namespaces outside the mesh with pods that might be clients; kube-*, openshift-* and the mesh's own "
        "are not counted.",
        "Give `prometheus`, and traffic decides.",
    ),
    "disable-against-strict": _lockout(
        _BOTH,
        "A DestinationRule with tls.mode DISABLE for workloads that refuse plain text. A warning in a mesh without "
        "sidecars.",
        "Take tls out of the DestinationRule.",
    ),
    "hbone-blocked": _lockout(
        _WARNING,
        "A NetworkPolicy that lets ports in to ambient pods, but not 15008; or STRICT for such pods.",
        "Add port 15008.",
    ),
    "strict-without-proxy": _lockout(
        _WARNING, "STRICT for pods without a proxy: it does nothing there.", "Enroll them."
    ),
    "nobody-admitted": _lockout(
        _BOTH,
        "Default-deny for workloads with a Service and without any policy that admits somebody. A warning where "
        "Prometheus was asked and saw no client.",
        "Allow the clients in the same task.",
    ),
    "gateway-not-admitted": _lockout(
        _ERROR,
        "A gateway routes to workloads whose policies admitted it until now, and do not any more.",
        "Allow its service account or namespace.",
    ),
    "client-not-admitted": _lockout(
        _ERROR, "A client that Prometheus saw is not admitted any more.", "Allow its service account or namespace."
    ),
    "prometheus-failed": _lockout(
        _ERROR,
        "Prometheus was named, and could not be asked: what it was to prove is not proved.",
        "Correct `prometheus`, or leave it out.",
    ),
}
