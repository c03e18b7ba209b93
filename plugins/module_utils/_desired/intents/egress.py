# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`egress`: hosts outside the mesh, TLS that proxies begin for them, and REGISTRY_ONLY. Pure."""

from __future__ import annotations

from typing import Any

from ..policy.model import Document
from . import proxies
from .planes import DataPlane, Planes
from .proxies import Entries, Made
from .texts import Complaints, Element, host, port

_API = "networking.istio.io/v1"
_PLAIN = frozenset({"HTTP", "HTTP2", "GRPC", "TCP", "MONGO"})
_OF_HOSTS = ("ports", "resolution", "endpoints", "addresses", "export_to", "waypoint", "tls_origination")
Entry = dict[str, Any]


def expand(entries: Entries, planes: Planes) -> list[Document]:
    """ServiceEntries, DestinationRules and Sidecars. Raises BadInput for all that is wrong."""
    wrong = Complaints("egress")
    made = Made()
    for index, given in enumerate(entries):
        entry = dict(given)
        hosts = entry.get("hosts") or []
        element = wrong.element(index, entry.get("name") or (hosts[0] if hosts else proxies.called(entry)))
        namespace = proxies.namespace_of(element, entry)
        alone = entry.get("registry_only") is not None
        way_out = "the mesh's own outboundTrafficPolicy is for that"
        if not namespace or (alone and proxies.everywhere(element, entry, planes, namespace, way_out)):
            continue
        plane = proxies.plane_of(element, planes, namespace)
        if plane is None:
            continue
        _idle(element, entry, alone=alone)
        if alone:
            _registry_only(element, entry, plane, namespace, made)
        else:
            _hosts(element, entry, plane, namespace, made)
    wrong.done()
    return made.documents


def _idle(element: Element, entry: Entry, *, alone: bool) -> None:
    """Notes options that would be read by nobody."""
    if alone:
        given = [name for name in _OF_HOSTS if entry.get(name)]
        if given:
            element.wrong(f"{', '.join(given)}: means nothing beside `registry_only`; make it an element of its own.")
    elif entry.get("workload") and not entry.get("tls_origination"):
        element.wrong(
            "workload: a ServiceEntry is for all; it matters for `tls_origination` and `registry_only` alone."
        )


def _registry_only(element: Element, entry: Entry, plane: DataPlane, namespace: str, made: Made) -> None:
    """A Sidecar; what it says nothing of stays as it is without one."""
    if plane.mode == "ambient":
        element.wrong(
            f"registry_only: {namespace} is ambient. ztunnel reads no Sidecar and lets through what it does not know,"
            " also where the mesh's own outboundTrafficPolicy says REGISTRY_ONLY. Send the hosts through a waypoint"
            " (`waypoint`) and close the rest by a NetworkPolicy."
        )
        return
    if plane.mode == "none":
        element.wrong(f"registry_only: {proxies.NOT_IN_MESH.format(namespace=namespace)}.")
        return
    labels = proxies.labels_of(element, entry, Planes(), namespace) or {}
    spec: dict[str, Any] = {"workloadSelector": {"labels": labels}} if labels else {}
    spec["outboundTrafficPolicy"] = {"mode": "REGISTRY_ONLY" if entry["registry_only"] else "ALLOW_ANY"}
    name = proxies.name_of(element, entry, proxies.called(entry) or "default")
    made.add(element, _API, "Sidecar", {"name": name, "namespace": namespace}, spec)


def _hosts(element: Element, entry: Entry, plane: DataPlane, namespace: str, made: Made) -> None:
    hosts = entry.get("hosts") or []
    if not hosts or not entry.get("ports"):
        element.wrong("it says nothing; give `hosts` and `ports`, or `registry_only`.")
        return
    if len(set(hosts)) != len(hosts):
        element.wrong("hosts: one is given twice.")
    for each in hosts:
        found = element.read("hosts", lambda text: host(text, namespace), each)
        if found is not None and found.service:
            element.wrong(f"hosts: {each} is a Service of the cluster, which needs no ServiceEntry.")
    wild = any(each.startswith("*.") for each in hosts)
    resolution = entry.get("resolution") or ("none" if wild else "dns")
    _fits(element, entry, resolution, wild)
    _reachable(element, entry, plane, namespace, resolution, wild)
    origination = entry.get("tls_origination")
    originated = _originated(element, entry, origination) if origination else []
    name = proxies.name_of(element, entry, hosts[0].replace("*", "any"))
    meta: dict[str, Any] = {"name": name, "namespace": namespace}
    if entry.get("waypoint"):
        where, waypoint = proxies.split(element, "waypoint", entry["waypoint"], namespace)
        meta["labels"] = {"istio.io/use-waypoint": waypoint}
        if where != namespace:
            meta["labels"]["istio.io/use-waypoint-namespace"] = where
    spec: dict[str, Any] = {
        "hosts": list(hosts),
        "ports": [
            _port(element, each, origination if each["number"] in originated else None) for each in entry["ports"]
        ],
        "resolution": resolution.upper(),
        "location": "MESH_EXTERNAL",
    }
    if entry.get("addresses"):
        spec["addresses"] = list(entry["addresses"])
    if entry.get("endpoints"):
        spec["endpoints"] = [{"address": each} for each in entry["endpoints"]]
    if entry.get("export_to"):
        spec["exportTo"] = list(entry["export_to"])
    made.add(element, _API, "ServiceEntry", meta, spec)
    if origination:
        _originate(element, entry, plane, meta, originated, made)


def _fits(element: Element, entry: Entry, resolution: str, wild: bool) -> None:
    """Notes what istiod's webhook would refuse, or take without effect."""
    if wild and resolution in ("dns", "dns_round_robin") and not entry.get("endpoints"):
        element.wrong(f"resolution: {resolution} cannot resolve a wildcard; use none or dynamic_dns.")
    if resolution == "dynamic_dns" and not all(each.startswith("*.") for each in entry["hosts"]):
        element.wrong("resolution: dynamic_dns is for wildcard hosts alone; use dns.")
    if resolution == "static" and not entry.get("endpoints"):
        element.wrong("resolution: static needs `endpoints`.")
    if entry.get("endpoints") and resolution in ("none", "dynamic_dns"):
        element.wrong(f"endpoints: resolution {resolution} takes none.")
    if entry.get("addresses") and resolution == "dynamic_dns":
        element.wrong("addresses: resolution dynamic_dns takes none.")
    numbers = [each["number"] for each in entry["ports"]]
    if len(set(numbers)) != len(numbers):
        element.wrong("ports: a number is given twice.")


def _reachable(element: Element, entry: Entry, plane: DataPlane, namespace: str, resolution: str, wild: bool) -> None:
    """Notes what no proxy of this data plane would make true."""
    waypoint = entry.get("waypoint") or plane.waypoint
    if plane.mode == "none" and entry.get("export_to") == ["."]:
        element.wrong(
            f"export_to: it is for its own namespace only, and {proxies.NOT_IN_MESH.format(namespace=namespace)}."
        )
    if plane.mode != "ambient":
        return
    if resolution == "dynamic_dns" and not waypoint:
        element.wrong(
            "resolution: dynamic_dns needs a waypoint in ambient, which reads the host's name from the request; give"
            " `waypoint`, or label the namespace istio.io/use-waypoint."
        )
    elif wild and resolution != "dynamic_dns":
        element.wrong(
            f"hosts: {namespace} is ambient, and ztunnel knows a host by its address, which a wildcard has only with"
            " `resolution: dynamic_dns` and a waypoint."
        )
    elif resolution == "none" and not entry.get("addresses"):
        element.wrong(
            f"resolution: {namespace} is ambient, and ztunnel knows a host by its address, which one without"
            " resolution has not; use dns, or give `addresses`."
        )


def _originated(element: Element, entry: Entry, origination: Entry) -> list[int]:
    """The ports whose plain traffic proxies wrap into TLS."""
    protocols = {each["number"]: each["protocol"] for each in entry["ports"]}
    if not origination.get("ports"):
        plain = [number for number, protocol in protocols.items() if protocol in _PLAIN]
        if not plain:
            element.wrong("tls_origination: all `ports` are TLS already, so that there is none to begin it for.")
        return plain
    for number in origination["ports"]:
        if protocols.get(number) not in _PLAIN:
            is_what = f"is {protocols[number]} already" if number in protocols else "is none of `ports`"
            element.wrong(f"tls_origination.ports: {number} {is_what}.")
    return list(origination["ports"])


def _port(element: Element, given: Entry, origination: Entry | None) -> dict[str, Any]:
    number = element.read("ports.number", port, given["number"])
    found: dict[str, Any] = {
        "number": number,
        "name": given.get("name") or f"{given['protocol'].lower()}-{number}",
        "protocol": given["protocol"],
    }
    behind = given.get("target_port") or (origination or {}).get("target_port")
    if behind:
        found["targetPort"] = element.read("ports.target_port", port, behind)
    return found


def _originate(element: Element, entry: Entry, plane: DataPlane, meta: Entry, ports: list[int], made: Made) -> None:
    """A DestinationRule for each host."""
    origination, name, namespace = entry["tls_origination"], meta["name"], meta["namespace"]
    labels = {str(key): str(value) for key, value in (entry.get("workload") or {}).items()}
    if plane.mode == "ambient":
        if not (entry.get("waypoint") or plane.waypoint):
            element.wrong(
                f"tls_origination: {namespace} is ambient and ztunnel reads no DestinationRule, so that plain text"
                " would go to the TLS port; give `waypoint`."
            )
        if labels:
            element.wrong("workload: a waypoint ignores selectors; leave it out.")
    elif origination.get("credential") and not labels:
        element.wrong(
            "tls_origination.credential: sidecars take it only from a DestinationRule with a selector, and would send"
            " plain text without one; give `workload`."
        )
    tls: dict[str, Any] = {"mode": origination["mode"].upper()}
    for option, field in (("credential", "credentialName"), ("sni", "sni"), ("subject_alt_names", "subjectAltNames")):
        if origination.get(option):
            tls[field] = origination[option]
    for each in entry["hosts"]:
        levels = [{"port": {"number": number}, "tls": dict(tls)} for number in ports]
        spec: dict[str, Any] = {"host": each, "trafficPolicy": {"portLevelSettings": levels}}
        if labels:
            spec["workloadSelector"] = {"matchLabels": labels}
        if entry.get("export_to"):
            spec["exportTo"] = list(entry["export_to"])
        own = name if len(entry["hosts"]) == 1 else proxies.name_of(element, {}, f"{name}-{each.replace('*', 'any')}")
        made.add(element, _API, "DestinationRule", {"name": own, "namespace": namespace}, spec)
