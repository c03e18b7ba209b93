# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mixed policy for the benchmark: ten objects for each application, a tenth of each kind, spread over namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NAMESPACES = 50
PER_APPLICATION = 10
Obj = dict[str, Any]


def namespace(number: int) -> str:
    return f"bench-{number:02d}"


def surroundings(count: int) -> list[Obj]:
    """What `count` objects are for, which is there before them: namespaces, and the applications' Services."""
    labels = {"istio-injection": "enabled"}
    found: list[Obj] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(number), "labels": labels}}
        for number in range(NAMESPACES)
    ]
    for number in range(count // PER_APPLICATION):
        app, space = f"app-{number // NAMESPACES}", namespace(number % NAMESPACES)
        spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080, "name": "http"}]}
        meta = {"name": app, "namespace": space}
        found.append({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    return found


def objects(count: int) -> list[Obj]:
    """`count` objects, a multiple of ten, in 50 namespaces; what they refer to is among them or in `surroundings`."""
    found: list[Obj] = []
    for number in range(count // PER_APPLICATION):
        found += _application(f"app-{number // NAMESPACES}", namespace(number % NAMESPACES))
    return found


def _application(app: str, space: str) -> Iterator[Obj]:
    selector = {"matchLabels": {"app": app}}

    def one(api_version: str, kind: str, spec: Any, **more: Any) -> Obj:
        meta = {"name": app, "namespace": space, "labels": {"app": app, "team": "bench"}}
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, **({"spec": spec} if spec else {}), **more}

    yield one("v1", "ConfigMap", None, data={"policy": f"settings of {app}", "mode": "strict"})
    yield one("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": selector, "ingress": [{}]})
    routes = [
        {"destination": {"host": app, "subset": "v1"}, "weight": 90},
        {"destination": {"host": app, "subset": "v2"}, "weight": 10},
    ]
    match = [{"headers": {"x-canary": {"exact": "yes"}}}]
    yield one(
        "networking.istio.io/v1",
        "VirtualService",
        {
            "hosts": [app],
            "http": [
                {"match": match, "route": [{"destination": {"host": app, "subset": "v2"}}]},
                {"route": routes, "retries": {"attempts": 3, "perTryTimeout": "2s"}, "timeout": "10s"},
            ],
        },
    )
    yield one(
        "networking.istio.io/v1",
        "DestinationRule",
        {
            "host": app,
            "trafficPolicy": {
                "connectionPool": {"tcp": {"maxConnections": 100}, "http": {"http1MaxPendingRequests": 64}},
                "outlierDetection": {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s"},
            },
            "subsets": [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")],
        },
    )
    yield one(
        "networking.istio.io/v1",
        "ServiceEntry",
        {
            "hosts": [f"{app}.{space}.example.com"],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
        },
    )
    yield one(
        "networking.istio.io/v1",
        "Sidecar",
        {"workloadSelector": {"labels": {"app": app}}, "egress": [{"hosts": ["./*", "istio-system/*"]}]},
    )
    principals = [f"cluster.local/ns/{space}/sa/{client}" for client in ("frontend", "jobs")]
    rule = {
        "from": [{"source": {"principals": principals}}],
        "to": [{"operation": {"methods": ["GET", "POST"], "paths": ["/api/*"]}}],
    }
    spec = {"selector": selector, "action": "ALLOW", "rules": [rule]}
    yield one("security.istio.io/v1", "AuthorizationPolicy", spec)
    mtls = {"selector": selector, "mtls": {"mode": "PERMISSIVE"}}
    yield one("security.istio.io/v1", "PeerAuthentication", mtls)
    issuer = {"issuer": f"https://issuer.example.com/{app}", "jwks": '{"keys":[]}', "forwardOriginalToken": True}
    yield one("security.istio.io/v1", "RequestAuthentication", {"selector": selector, "jwtRules": [issuer]})
    tracing = {"selector": selector, "tracing": [{"randomSamplingPercentage": 5.0}]}
    yield one("telemetry.istio.io/v1", "Telemetry", tracing)
