# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`telemetry`: access logs, traces and metric tags of a mesh, a namespace, a workload, a Service or a gateway. Pure."""

from __future__ import annotations

from typing import Any

from ..policy.model import Document
from . import proxies
from .planes import DataPlane, Planes
from .proxies import Entries
from .texts import Complaints, Element, percent

_METRICS = frozenset(
    [
        "ALL_METRICS",
        "REQUEST_COUNT",
        "REQUEST_DURATION",
        "REQUEST_SIZE",
        "RESPONSE_SIZE",
        "TCP_OPENED_CONNECTIONS",
        "TCP_CLOSED_CONNECTIONS",
        "TCP_SENT_BYTES",
        "TCP_RECEIVED_BYTES",
        "GRPC_REQUEST_MESSAGES",
        "GRPC_RESPONSE_MESSAGES",
    ]
)
Entry = dict[str, Any]


def expand(entries: Entries, planes: Planes) -> list[Document]:
    """One Telemetry for each element. Raises BadInput for all that is wrong."""
    wrong = Complaints("telemetry")
    made = proxies.Made()
    scopes: dict[str, str] = {}
    for index, given in enumerate(entries):
        entry = dict(given)
        mesh = bool(entry.get("mesh"))
        element = wrong.element(index, "mesh" if mesh else entry.get("name") or proxies.called(entry))
        namespace = planes.root if mesh else proxies.namespace_of(element, entry)
        reach = _reach(element, entry, planes, namespace) if namespace else None
        facets = _facets(element, entry)
        if reach is None:
            continue
        # Of two for the same proxies, istiod reads one; of two without a selector the older one.
        scope = f"{namespace} {sorted(reach.items())}"
        first = scopes.setdefault(scope, element.origin)
        if first != element.origin:
            element.wrong(f"{first} is for the same proxies, and istiod would read one of the two; make them one.")
        otherwise = "mesh-default" if mesh else proxies.called(entry) or "default"
        meta = {"name": proxies.name_of(element, entry, otherwise), "namespace": namespace}
        made.add(element, "telemetry.istio.io/v1", "Telemetry", meta, reach | facets)
    wrong.done()
    return made.documents


def _reach(element: Element, entry: Entry, planes: Planes, namespace: str) -> dict[str, Any] | None:
    """The part of the spec that says which proxies; None when it is wrong, which is noted."""
    if entry.get("mesh"):
        return {}
    if entry.get("gateway"):
        _sides(element, entry, "server" if proxies.is_waypoint(planes, namespace, entry["gateway"]) else "client")
        return {"targetRefs": [proxies.target("Gateway", entry["gateway"])]}
    if proxies.everywhere(element, entry, planes, namespace, "say `mesh: true` if that is meant"):
        return None
    plane = proxies.enrolled_plane(element, planes, namespace)
    if plane is None:
        return None
    if plane.mode == "sidecar":
        labels = proxies.labels_of(element, entry, planes, namespace)
        return None if labels is None else {"selector": {"matchLabels": labels}} if labels else {}
    return _ambient(element, entry, plane, namespace)


def _ambient(element: Element, entry: Entry, plane: DataPlane, namespace: str) -> dict[str, Any] | None:
    service = entry.get("service")
    if not (plane.waypoint_of(service) if service else plane.waypoint or any(plane.services.values())):
        whose = f"the Service {namespace}/{service}" if service else f"the namespace {namespace}"
        element.wrong(
            f"{whose} is ambient and has no waypoint. ztunnel reads no Telemetry: it makes no spans and has no tags to"
            " change, and logs connections whatever a Telemetry says (the level is `logLevel` among its values);"
            f" {proxies.NO_WAYPOINT}."
        )
        return None
    if entry.get("workload") and not service:
        element.wrong(
            f"`workload` does nothing in the ambient namespace {namespace}: a waypoint ignores selectors."
            " Give `service`, or neither for all of the namespace."
        )
        return None
    _sides(element, entry, "server")
    return {"targetRefs": [proxies.target("Service", service)]} if service else {}


def _sides(element: Element, entry: Entry, only: str) -> None:
    """Notes a `side` that these proxies do not report as: waypoints are servers, gateways clients."""
    parts = [(name, entry.get(name)) for name in ("access_log", "tracing")]
    parts += [(f"metric_tags[{index}]", each) for index, each in enumerate(entry.get("metric_tags") or ())]
    for option, part in parts:
        side = (part or {}).get("side")
        if side and side != only:
            element.wrong(f"{option}.side: {side} means nothing here, these proxies report as {only}; leave it out.")


def _facets(element: Element, entry: Entry) -> dict[str, Any]:
    """What it says of logs, traces and metrics."""
    found: dict[str, Any] = {}
    if entry.get("access_log"):
        found["accessLogging"] = [_access_log(entry["access_log"])]
    if entry.get("tracing"):
        found["tracing"] = [_tracing(element, entry["tracing"])]
    if entry.get("metric_tags"):
        found["metrics"] = _metrics(element, entry["metric_tags"])
    if not found:
        element.wrong("it says nothing; give `access_log`, `tracing` or `metric_tags`.")
    return found


def _matched(part: Entry, **more: Any) -> dict[str, Any]:
    match = {**more, **({"mode": part["side"].upper()} if part.get("side") else {})}
    return {"match": match} if match else {}


def _access_log(part: Entry) -> dict[str, Any]:
    found = _matched(part)
    if part.get("providers"):
        found["providers"] = [{"name": name} for name in part["providers"]]
    if part.get("filter"):
        found["filter"] = {"expression": part["filter"]}
    if part.get("disabled") is not None:
        found["disabled"] = part["disabled"]
    return found


def _tracing(element: Element, part: Entry) -> dict[str, Any]:
    found = _matched(part)
    if part.get("provider"):
        found["providers"] = [{"name": part["provider"]}]
    sampling = element.read("tracing.sampling", percent, part.get("sampling"))
    if sampling is not None:
        found["randomSamplingPercentage"] = sampling
    if part.get("tags"):
        found["customTags"] = {tag["name"]: _tag(tag) for tag in part["tags"]}
        if len(found["customTags"]) != len(part["tags"]):
            element.wrong("tracing.tags: a name is given twice.")
    if part.get("disabled") is not None:
        found["disableSpanReporting"] = part["disabled"]
    return found


def _tag(tag: Entry) -> dict[str, Any]:
    if tag.get("value"):
        return {"literal": {"value": tag["value"]}}
    source = "header" if tag.get("header") else "environment"
    default = {"defaultValue": tag["default"]} if tag.get("default") else {}
    return {source: {"name": tag[source], **default}}


def _metrics(element: Element, parts: list[Entry]) -> list[dict[str, Any]]:
    """One entry for each provider, in the order in which they are first named; later overrides win."""
    found: dict[str, list[dict[str, Any]]] = {}
    for index, part in enumerate(parts):
        known = str(part.get("metric") or "ALL_METRICS").upper()
        named = {"metric": known} if known in _METRICS else {"customMetric": part["metric"]}
        override = _matched(part, **named)
        tags = {}
        for name, expression in (part.get("tags") or {}).items():
            if expression is None:
                tags[str(name)] = {"operation": "REMOVE"}
            elif isinstance(expression, str) and expression:
                tags[str(name)] = {"operation": "UPSERT", "value": expression}
            else:
                element.wrong(
                    f"metric_tags[{index}].tags.{name}: {expression!r} is no expression; write a constant as \"'v1'\","
                    " and null to remove the tag."
                )
        if tags:
            override["tagOverrides"] = tags
        if part.get("disabled") is not None:
            override["disabled"] = part["disabled"]
        found.setdefault(part.get("provider") or "prometheus", []).append(override)
    return [{"providers": [{"name": provider}], "overrides": overrides} for provider, overrides in found.items()]
