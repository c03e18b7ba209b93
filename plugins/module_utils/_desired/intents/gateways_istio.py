# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`gateways` as Istio's Gateway and VirtualService. Pure."""

from __future__ import annotations

from typing import Any

from .gateways_read import Exposure, Route, Tls
from .proxies import Made
from .texts import Element

_API = "networking.istio.io/v1"


def make(element: Element, exposure: Exposure, made: Made) -> None:
    """The Gateway, unless one is there, and the VirtualService, if there are routes."""
    meta = {"name": exposure.name, "namespace": exposure.namespace}
    hosts = list(exposure.hosts) or ["*"]
    if exposure.tls and exposure.tls.namespace not in ("", exposure.namespace):
        element.wrong(
            "tls.credential: Istio's Gateway takes Secrets from its pods' namespace alone; name it without one."
        )
    if exposure.existing is None:
        spec = {"selector": dict(exposure.selector), "servers": _servers(exposure, hosts)}
        made.add(element, _API, "Gateway", meta, spec)
        gateway = exposure.name
    else:
        where, name = exposure.existing
        gateway = name if where == exposure.namespace else f"{where}/{name}"
    if not exposure.routes:
        return
    routes: dict[str, Any]
    if exposure.passthrough:
        match = [{"port": exposure.port, "sniHosts": hosts}]
        routes = {"tls": [{"match": match, "route": [_destination(exposure, each)]} for each in exposure.routes]}
    else:
        routes = {"http": [http for each in sorted(exposure.routes, key=_specific) for http in _http(exposure, each)]}
    made.add(element, _API, "VirtualService", meta, {"hosts": hosts, "gateways": [gateway], **routes})


def _servers(exposure: Exposure, hosts: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if exposure.redirect:
        plain = {"number": exposure.http_port, "name": f"http-{exposure.http_port}", "protocol": "HTTP"}
        found.append({"port": plain, "hosts": hosts, "tls": {"httpsRedirect": True}})
    protocol = "TLS" if exposure.passthrough else "HTTPS" if exposure.tls else "HTTP"
    port = {"number": exposure.port, "name": f"{protocol.lower()}-{exposure.port}", "protocol": protocol}
    server: dict[str, Any] = {"port": port, "hosts": hosts}
    if exposure.tls:
        server["tls"] = _tls(exposure.tls)
    return [*found, server]


def _tls(tls: Tls) -> dict[str, Any]:
    return {"mode": tls.mode.upper(), **({"credentialName": tls.credential} if tls.credential else {})}


def _specific(route: Route) -> tuple[bool, int, bool, int]:
    """The Gateway API's order, so that both APIs mean the same: Istio takes the first route that matches."""
    return (not route.exact, -len(route.path), not route.method, -len(route.headers or {}))


def _http(exposure: Exposure, route: Route) -> list[dict[str, Any]]:
    """One route, or two where the rewritten part differs: a prefix means whole segments, as in the Gateway API."""
    path = route.path.rstrip("/")
    if route.exact:
        uris = [({"exact": route.path}, route.rewrite)]
    elif not path:
        uris = [({"prefix": "/"}, route.rewrite.rstrip("/") + "/" if route.rewrite else "")]
    else:
        target = route.rewrite.rstrip("/")
        uris = [({"exact": path}, target or "/"), ({"prefix": f"{path}/"}, f"{target}/")]
    common: dict[str, Any] = {}
    if route.method:
        common["method"] = {"exact": route.method}
    if route.headers:
        common["headers"] = {name: {"exact": value} for name, value in route.headers.items()}
    rest: dict[str, Any] = {"route": [_destination(exposure, route)]}
    if route.timeout:
        rest["timeout"] = route.timeout
    # A lone prefix of everything is no condition.
    matches = [{"uri": uri, **common} if uri != {"prefix": "/"} or route.rewrite else dict(common) for uri, _to in uris]
    if not route.rewrite:
        return [{**({"match": matches} if any(matches) else {}), **rest}]
    return [{"match": [match], "rewrite": {"uri": to}, **rest} for match, (_uri, to) in zip(matches, uris, strict=True)]


def _destination(exposure: Exposure, route: Route) -> dict[str, Any]:
    # Its name alone is right in the same namespace, whatever the cluster's domain is.
    near = route.namespace == exposure.namespace
    host = route.service if near else f"{route.service}.{route.namespace}.svc.cluster.local"
    return {"destination": {"host": host, "port": {"number": route.port}}}
