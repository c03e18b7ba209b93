# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`gateways` as the Gateway API's Gateway, HTTPRoute, TLSRoute and ReferenceGrant. Pure."""

from __future__ import annotations

from typing import Any

from .gateways_read import Exposure, Route, Tls
from .proxies import GATEWAY_API, Made
from .texts import Element

_API = f"{GATEWAY_API}/v1"
# Served by every release of the Gateway API, and what istiod reads.
_GRANT = f"{GATEWAY_API}/v1beta1"
# Without it a Secret makes simple TLS.
_MUTUAL = {"gateway.istio.io/tls-terminate-mode": "MUTUAL"}


def make(element: Element, exposure: Exposure, made: Made) -> None:
    """The Gateway, unless one is there, its routes, and the grants without which they reach no other namespace."""
    meta = {"name": exposure.name, "namespace": exposure.namespace}
    if exposure.existing is None:
        spec = {"gatewayClassName": exposure.gateway_class, "listeners": _listeners(exposure)}
        made.add(element, _API, "Gateway", meta, spec)
        if exposure.redirect:
            redirected = {"name": f"{exposure.name}-redirect", "namespace": exposure.namespace}
            made.add(element, _API, "HTTPRoute", redirected, _redirect(exposure))
    kind = "TLSRoute" if exposure.passthrough else "HTTPRoute"
    if exposure.routes:
        rules = [
            {"backendRefs": _backend(exposure, each)} if exposure.passthrough else _rule(exposure, each)
            for each in exposure.routes
        ]
        spec = {"parentRefs": _parents(exposure), **_hostnames(exposure), "rules": rules}
        if exposure.passthrough and not exposure.hosts:
            element.wrong("hosts: what passes through encrypted is told apart by its host; `*` cannot be.")
        made.add(element, _API, kind, meta, spec)
    _grants(element, exposure, kind, made)


def _named(exposure: Exposure, protocol: str, host: str) -> str:
    """A listener's name: by host where there are several, since each has one."""
    if len(exposure.hosts) < 2:
        return protocol
    return f"{protocol}-{host.replace('*', 'any').replace('.', '-')}"


def _listeners(exposure: Exposure) -> list[dict[str, Any]]:
    found = []
    allowed = {"namespaces": {"from": "All" if exposure.from_all else "Same"}}
    protocol = "TLS" if exposure.passthrough else "HTTPS" if exposure.tls else "HTTP"
    ports = [(protocol, exposure.port, exposure.tls)]
    if exposure.redirect:
        ports.insert(0, ("HTTP", exposure.http_port, None))
    for each, port, tls in ports:
        for host in exposure.hosts or ("",):
            listener: dict[str, Any] = {"name": _named(exposure, each.lower(), host), "port": port, "protocol": each}
            if host:
                listener["hostname"] = host
            if tls:
                listener["tls"] = _tls(exposure, tls)
            found.append({**listener, "allowedRoutes": allowed})
    return found


def _tls(exposure: Exposure, tls: Tls) -> dict[str, Any]:
    if tls.mode == "passthrough":
        return {"mode": "Passthrough"}
    ref = {"name": tls.credential, **({"namespace": tls.namespace} if tls.namespace != exposure.namespace else {})}
    return {
        "mode": "Terminate",
        "certificateRefs": [ref],
        **({"options": dict(_MUTUAL)} if tls.mode == "mutual" else {}),
    }


def _hostnames(exposure: Exposure) -> dict[str, Any]:
    return {"hostnames": list(exposure.hosts)} if exposure.hosts else {}


def _parents(exposure: Exposure) -> list[dict[str, Any]]:
    if exposure.existing:
        where, name = exposure.existing
        found = {"name": name, **({"namespace": where} if where != exposure.namespace else {})}
        return [{**found, **({"sectionName": exposure.section} if exposure.section else {})}]
    if not exposure.redirect:
        return [{"name": exposure.name}]
    # Only the listeners with TLS: those without are the redirect's.
    return [{"name": exposure.name, "sectionName": _named(exposure, "https", host)} for host in exposure.hosts or ("",)]


def _redirect(exposure: Exposure) -> dict[str, Any]:
    to: dict[str, Any] = {"scheme": "https", "statusCode": 301}
    if exposure.port != 443:
        to["port"] = exposure.port
    parents = [
        {"name": exposure.name, "sectionName": _named(exposure, "http", host)} for host in exposure.hosts or ("",)
    ]
    rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": to}]}
    return {"parentRefs": parents, **_hostnames(exposure), "rules": [rule]}


def _backend(exposure: Exposure, route: Route) -> list[dict[str, Any]]:
    where = {"namespace": route.namespace} if route.namespace != exposure.namespace else {}
    return [{"name": route.service, **where, "port": route.port}]


def _rule(exposure: Exposure, route: Route) -> dict[str, Any]:
    match: dict[str, Any] = {}
    if route.exact or route.path != "/":
        match["path"] = {"type": "Exact" if route.exact else "PathPrefix", "value": route.path}
    if route.method:
        match["method"] = route.method
    if route.headers:
        match["headers"] = [{"name": name, "value": value} for name, value in route.headers.items()]
    rule: dict[str, Any] = {"matches": [match]} if match else {}
    if route.rewrite:
        whole = {"type": "ReplaceFullPath", "replaceFullPath": route.rewrite}
        begin = {"type": "ReplacePrefixMatch", "replacePrefixMatch": route.rewrite}
        rule["filters"] = [{"type": "URLRewrite", "urlRewrite": {"path": whole if route.exact else begin}}]
        # The server wants the prefix that is replaced to be written.
        if not route.exact:
            rule["matches"] = [{"path": {"type": "PathPrefix", "value": route.path}, **match}]
    rule["backendRefs"] = _backend(exposure, route)
    if route.timeout:
        rule["timeouts"] = {"request": route.timeout}
    return rule


def _grants(element: Element, exposure: Exposure, kind: str, made: Made) -> None:
    """One ReferenceGrant for each other namespace of a service, and for that of the Secret."""
    services: dict[str, set[str]] = {}
    for route in exposure.routes:
        if route.namespace != exposure.namespace:
            services.setdefault(route.namespace, set()).add(route.service)
    wanted = [(where, kind, "Service", sorted(names), exposure.name) for where, names in sorted(services.items())]
    tls = exposure.tls
    if tls and exposure.existing is None and tls.namespace not in ("", exposure.namespace):
        wanted.append((tls.namespace, "Gateway", "Secret", [tls.credential], f"{exposure.name}-tls"))
    for where, source, target, names, name in wanted:
        spec = {
            "from": [{"group": GATEWAY_API, "kind": source, "namespace": exposure.namespace}],
            "to": [{"group": "", "kind": target, "name": each} for each in names],
        }
        made.add(
            element, _GRANT, "ReferenceGrant", {"name": f"{name}-from-{exposure.namespace}", "namespace": where}, spec
        )
