# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod's validation would refuse in Gateways, ServiceEntries and Sidecars. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..snapshot import Obj, dig, name_of
from .model import some
from .ports import PROTOCOLS
from .schema_hosts import bad_host, bad_port, exported, is_label, no_wildcards

_TLS_PROTOCOLS = ("https", "tls")
_HTTP_PROTOCOLS = ("http", "http2", "http_proxy", "grpc", "grpc-web")


def gateway(obj: Obj) -> Iterator[str]:
    servers = [one or {} for one in dig(obj, "spec", "servers") or ()]
    if not is_label(name_of(obj)):
        yield f"its name {name_of(obj)} is no label"
    if not servers:
        yield "it has no servers"
    names = Counter(str(dig(one, "port", "name") or "") for one in servers if one.get("port"))
    for at, one in enumerate(servers):
        for why in _server(one):
            yield f"servers[{at}] {why}"
    twice = [name for name, count in names.items() if count > 1 and name]
    if twice:
        yield f"the port name {some(twice)} is there twice"


def _server(one: Any) -> Iterator[str]:
    if not one.get("hosts"):
        yield "has no hosts"
    for host in one.get("hosts") or ():
        space, slash, name = str(host).rpartition("/")
        if (slash and (not name or (space not in ("*", ".") and not is_label(space)))) or bad_host(name):
            yield f"has the host {host}, which is no domain name"
    port = one.get("port")
    if not port:
        yield "has no port"
        return
    protocol = str(port.get("protocol") or "").lower()
    if protocol not in PROTOCOLS:
        yield f"has protocol {port.get('protocol') or 'none'}, which Istio does not know"
    if bad_port(port.get("number")) and not str(one.get("bind") or "").startswith("unix://"):
        yield f"has port number {port.get('number')}"
    if not port.get("name"):
        yield "has a port without a name"
    tls = one.get("tls")
    if protocol in _TLS_PROTOCOLS and tls is None:
        yield f"has protocol {port['protocol']}, but no tls"
    elif tls and protocol in PROTOCOLS and protocol not in _TLS_PROTOCOLS:
        if protocol not in _HTTP_PROTOCOLS:
            yield f"has tls for protocol {port['protocol']}"
        elif tls.get("mode") not in (None, "PASSTHROUGH", "AUTO_PASSTHROUGH") or tls.get("serverCertificate"):
            yield "has tls for plain HTTP"


def service_entry(obj: Obj) -> Iterator[str]:
    spec = obj.get("spec") or {}
    hosts, resolution = [str(host) for host in spec.get("hosts") or ()], str(spec.get("resolution") or "NONE")
    if not hosts:
        yield "it has no hosts"
    for host in hosts:
        why = "host *" if host == "*" else bad_host(host)
        if why:
            yield f"it has {why}"
    if spec.get("workloadSelector") is not None and spec.get("endpoints"):
        yield "it has both workloadSelector and endpoints"
    ports = [one or {} for one in spec.get("ports") or ()]
    for key, what in (("name", "port name"), ("number", "port")):
        twice = [str(value) for value, count in Counter(one.get(key) for one in ports).items() if count > 1]
        if twice:
            yield f"it has the {what} {some(twice)} twice"
    for one in ports:
        if not is_label(str(one.get("name") or "")):
            yield f"it has a port named {one.get('name') or 'nothing'}, which is no label"
        if bad_port(one.get("number")):
            yield f"it has port number {one.get('number')}"
        protocol = str(one.get("protocol") or "")
        if protocol and protocol.lower() not in PROTOCOLS:
            yield f"it has protocol {protocol}, which Istio does not know"
    if resolution == "NONE" and spec.get("endpoints"):
        yield "it has endpoints, and resolution NONE"
    if resolution.startswith("DNS") and not spec.get("endpoints") and any("*" in host for host in hosts):
        yield f"it has a wildcard host, resolution {resolution} and no endpoints"
    if resolution == "DNS_ROUND_ROBIN" and len(spec.get("endpoints") or ()) > 1:
        yield "it has several endpoints, and resolution DNS_ROUND_ROBIN"
    if any("/" in str(address) for address in spec.get("addresses") or ()) and resolution not in ("NONE", "STATIC"):
        yield f"it has addresses in CIDR form, and resolution {resolution}"
    opaque = [one for one in ports if str(one.get("protocol") or "").lower() not in (*_HTTP_PROTOCOLS, *_TLS_PROTOCOLS)]
    if resolution != "NONE" and len(hosts) > 1 and opaque:
        yield "it has several hosts, and a port that is neither HTTP nor TLS"
    yield from no_wildcards(dig(spec, "workloadSelector", "labels") or {})
    yield from exported(obj, nobody=True)


def sidecar(obj: Obj) -> Iterator[str]:
    spec = obj.get("spec") or {}
    yield from no_wildcards(dig(spec, "workloadSelector", "labels") or {})
    if not any(spec.get(name) for name in ("egress", "ingress")) and not any(
        spec.get(name) is not None for name in ("outboundTrafficPolicy", "inboundConnectionPool")
    ):
        yield "it says nothing"
    for at, one in enumerate(spec.get("ingress") or ()):
        if not (one or {}).get("port"):
            yield f"ingress[{at}] has no port"
    for at, one in enumerate(spec.get("egress") or ()):
        hosts = (one or {}).get("hosts") or ()
        if not hosts:
            yield f"egress[{at}] has no hosts"
        for host in hosts:
            if "/" not in str(host):
                yield f"egress[{at}] has the host {host}, which has no namespace before it"
