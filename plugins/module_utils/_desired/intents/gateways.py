# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`gateways`: hosts that are reached from outside, by Istio's Gateway or the Gateway API's. Pure.

Neither asks for the data plane of what is exposed: a gateway speaks mTLS to sidecars, HBONE to ambient pods, plain text
to the rest. Past a waypoint it goes unless the Service says otherwise, which is the Service's own business.
"""

from __future__ import annotations

from typing import Any

from ..policy.model import Document
from . import gateways_istio, gateways_k8s, proxies
from .gateways_read import Exposure, Route, Tls
from .planes import Planes
from .proxies import Entries, Made
from .texts import Complaints, Element, dns_label, duration, host, port

Entry = dict[str, Any]


def expand(entries: Entries, planes: Planes) -> list[Document]:
    """Gateways and routes. Raises BadInput for all that is wrong."""
    wrong = Complaints("gateways")
    made = Made()
    for index, given in enumerate(entries):
        entry = dict(given)
        element = wrong.element(index, entry.get("name") or "")
        namespace = proxies.namespace_of(element, entry)
        if not namespace:
            continue
        istio = entry.get("api") == "istio"
        _fits(element, entry, istio)
        exposure = _read(element, entry, namespace)
        (gateways_istio if istio else gateways_k8s).make(element, exposure, made)
    wrong.done()
    return made.documents


def _fits(element: Element, entry: Entry, istio: bool) -> None:
    """Notes options that contradict each other."""
    tls = entry.get("tls") or {}
    mode = tls.get("mode")
    existing = entry.get("gateway")
    if istio and not existing and not entry.get("selector"):
        element.wrong(
            "selector: Istio's Gateway needs the labels of the gateway's pods, such as istio: ingressgateway."
        )
    for option, given in (("class", not istio), ("section", not istio), ("selector", istio)):
        if entry.get(option) and not given:
            element.wrong(f"{option}: means nothing with api: {'istio' if istio else 'gateway_api'}.")
    if entry.get("section") and not existing:
        element.wrong("section: is for a `gateway` that is there; this one's own listeners have names of their own.")
    if mode == "passthrough":
        if tls.get("credential"):
            element.wrong("tls.credential: with passthrough the service itself has the certificate; leave it out.")
        if len(entry.get("routes") or ()) > 1 or any(
            route.get(name) for route in entry.get("routes") or () for name in _HTTP_ONLY
        ):
            element.wrong(
                "routes: what passes through encrypted has no paths, headers or timeouts; give one route to a service."
            )
    if existing:
        for option in ("class", "selector", "port", "redirect_https"):
            if entry.get(option) and not (option == "port" and mode == "passthrough"):
                element.wrong(f"{option}: is a matter of {existing}, which is there already; leave it out.")
        if mode in ("simple", "mutual"):
            element.wrong(f"tls: is a matter of {existing}, which is there already; leave it out.")
        if not entry.get("routes"):
            element.wrong("routes: without any there is nothing to make; give them, or no `gateway`.")
    elif mode in ("simple", "mutual") and not tls.get("credential"):
        element.wrong("tls.credential: name the Secret of the certificate.")
    if entry.get("redirect_https") and mode not in ("simple", "mutual"):
        element.wrong("redirect_https: needs `tls` of mode simple or mutual, to which to redirect.")
    if entry.get("redirect_https") and entry.get("port") == entry.get("http_port"):
        element.wrong("http_port: is the same as `port`.")


_HTTP_ONLY = ("prefix", "path", "method", "headers", "rewrite", "timeout")


def _read(element: Element, entry: Entry, namespace: str) -> Exposure:
    name = proxies.name_of(element, entry, "")
    hosts = [each for each in entry.get("hosts") or () if each != "*"]
    if not entry.get("hosts"):
        element.wrong("hosts: give at least one, or `*` for all.")
    if len(set(hosts)) != len(hosts):
        element.wrong("hosts: one is given twice.")
    for each in hosts:
        found = element.read("hosts", lambda text: host(text, namespace), each)
        if found is not None and (found.service or found.text != each):
            element.wrong(f"hosts: {each} is no name from outside; give a fully qualified domain name.")
    if len(hosts) != len(entry.get("hosts") or ()) and hosts:
        element.wrong("hosts: `*` covers all others; give it alone.")
    tls = None
    if entry.get("tls"):
        secret = entry["tls"].get("credential") or ""
        where, credential = proxies.split(element, "tls.credential", secret, namespace) if secret else ("", "")
        tls = Tls(entry["tls"]["mode"], credential, where)
    existing = proxies.split(element, "gateway", entry["gateway"], namespace) if entry.get("gateway") else None
    return Exposure(
        name=name,
        namespace=namespace,
        hosts=hosts,
        port=element.read("port", port, entry.get("port") or (443 if tls else 80)) or 0,
        http_port=element.read("http_port", port, entry.get("http_port") or 80) or 0,
        tls=tls,
        redirect=bool(entry.get("redirect_https")),
        existing=existing,
        section=entry.get("section") or "",
        gateway_class=entry.get("class") or "istio",
        selector={str(key): str(value) for key, value in (entry.get("selector") or {}).items()},
        from_all=entry.get("routes_from") == "all",
        routes=[
            _route(element, f"routes[{index}]", each, namespace) for index, each in enumerate(entry.get("routes") or ())
        ],
    )


def _route(element: Element, option: str, given: Entry, namespace: str) -> Route:
    for each in ("prefix", "path", "rewrite"):
        if given.get(each) and not given[each].startswith("/"):
            element.wrong(f"{option}.{each}: {given[each]!r} does not begin with a slash.")
    return Route(
        service=element.read(f"{option}.service", dns_label, given["service"]) or "",
        namespace=given.get("namespace") or namespace,
        port=element.read(f"{option}.port", port, given["port"]) or 0,
        exact=bool(given.get("path")),
        path=given.get("path") or given.get("prefix") or "/",
        method=(given.get("method") or "").upper(),
        headers={str(name): str(value) for name, value in (given.get("headers") or {}).items()},
        rewrite=given.get("rewrite") or "",
        timeout=element.read(f"{option}.timeout", duration, given.get("timeout")) or "",
    )
