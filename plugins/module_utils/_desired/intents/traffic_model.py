# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One element of `traffic`: what is asked for one host, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._errors import BadInput
from . import texts
from .texts import Element, Host
from .traffic_policy import traffic_policy

Obj = dict[str, Any]
# How a header's value may be given; a plain text means `exact`.
_MATCHES = ("exact", "prefix", "regex")
# Envoy's, as Istio takes them.
RETRY_CONDITIONS = frozenset(
    {
        "5xx",
        "cancelled",
        "connect-failure",
        "deadline-exceeded",
        "envoy-ratelimited",
        "gateway-error",
        "http3-post-connect-failure",
        "internal",
        "refused-stream",
        "reset",
        "reset-before-request",
        "resource-exhausted",
        "retriable-4xx",
        "retriable-headers",
        "retriable-status-codes",
        "unavailable",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: a version of the host, or another host, at a port of its own or (0) the same one."""

    version: str = ""
    host: Host | None = None
    port: int = 0


@dataclass(frozen=True, slots=True)
class HeaderRoute:
    """`headers` are all to match: lower-case name to (`exact`, `prefix` or `regex`, value)."""

    headers: Mapping[str, tuple[str, str]]
    target: Target


@dataclass(frozen=True, slots=True)
class Retries:
    """`per_try_timeout` is "" for none; `retry_on` are Envoy's conditions and HTTP codes, none for Istio's own."""

    attempts: int
    per_try_timeout: str = ""
    retry_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traffic:
    """`policy` is a DestinationRule's trafficPolicy, {} for none; `fault` a VirtualService's; `port` 0 means all."""

    element: Element
    namespace: str
    host: Host
    name: str
    gateways: tuple[str, ...] = ()
    gateway_hosts: tuple[str, ...] = ()
    port: int = 0
    selector: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    canary: Mapping[str, int] = field(default_factory=dict)
    routes: tuple[HeaderRoute, ...] = ()
    retries: Retries | None = None
    timeout: str = ""
    mirror: Target | None = None
    mirror_percent: float = 100
    fault: Obj = field(default_factory=dict)
    policy: Obj = field(default_factory=dict)

    @property
    def routed(self) -> bool:
        """Whether any of it is said by a route, and not only by a DestinationRule."""
        return bool(self.canary or self.routes or self.timeout or self.mirror or self.fault or self.gateways) or (
            self.retries is not None
        )


def read(element: Element, entry: Mapping[str, Any]) -> Traffic | None:
    """The element, or None where something is wrong with it, which is noted."""
    before = len(element.complaints.found)
    namespace = entry.get("namespace") or ""
    if not namespace:
        element.wrong("`namespace` is missing: give it here, or for the whole task.")
    host = element.read("host", lambda text: texts.host(text, namespace), entry["host"])
    routes = tuple(
        _header_route(element, number, each, namespace) for number, each in enumerate(entry.get("header_route") or ())
    )
    mirror, percent = _mirror(element, entry.get("mirror"), namespace)
    named = [target.version for target in (*(route.target for route in routes), mirror) if target and target.version]
    versions = _versions(element, entry, named)
    timeout = element.read("timeout", texts.duration, entry.get("timeout")) or ""
    retries = _retries(element, entry.get("retries"), timeout)
    gateways = tuple(entry.get("gateways") or ())
    if entry.get("gateway_hosts") and not gateways:
        element.wrong("`gateway_hosts` is given without `gateways`.")
    found = Traffic(
        element=element,
        namespace=namespace,
        host=host or Host("", "", ""),
        name=element.read("name", texts.dns_subdomain, entry.get("name")) or _name(host, namespace),
        gateways=gateways,
        gateway_hosts=tuple(entry.get("gateway_hosts") or ()),
        port=element.read("port", texts.port, entry.get("port")) or 0,
        selector=_labels(element, "selector", entry.get("selector") or {}),
        versions=versions,
        canary=_canary(element, entry.get("canary")),
        routes=routes,
        retries=retries,
        timeout=timeout,
        mirror=mirror,
        mirror_percent=percent,
        fault=_fault(element, entry.get("fault")),
        policy=traffic_policy(element, entry),
    )
    if found.routed and found.host.text.startswith("*"):
        element.wrong(
            "routes lead to one host, and not to a wildcard's; this takes what its connections are like only."
        )
    if len(element.complaints.found) > before:
        return None
    if not (found.routed or found.policy or found.versions):
        element.wrong("it asks for nothing: give `canary`, `timeout` or another of its options.")
        return None
    return found


def _name(host: Host | None, namespace: str) -> str:
    if host is None:
        return ""
    if not host.service:
        return host.text.replace("*", "any")
    return host.service if host.namespace == namespace else f"{host.service}.{host.namespace}"


def _versions(element: Element, entry: Mapping[str, Any], named: list[str]) -> dict[str, dict[str, str]]:
    """Each version's labels; those that the routes name when `versions` is not given."""
    named = [*(str(name) for name in entry.get("canary") or {}), *named]
    given = entry.get("versions")
    if given is None:
        for name in dict.fromkeys(named):
            element.read("version", texts.dns_label, name)
        return {name: {"version": name} for name in dict.fromkeys(named)}
    unknown = sorted(set(named) - {str(name) for name in given})
    if unknown:
        listed = ", ".join(str(name) for name in given) or "none"
        element.wrong(f"it routes to {', '.join(unknown)}, but `versions` has {listed}.")
    found = {}
    for name, labels in given.items():
        element.read("versions", texts.dns_label, name)
        found[str(name)] = _labels(element, f"versions.{name}", {"version": str(name)} if labels is None else labels)
        if not found[str(name)]:
            element.wrong(f"versions.{name}: it has no labels, so it would be all of the host's pods.")
    return found


def _labels(element: Element, option: str, given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
        element.wrong(f"{option}: labels are texts by name; put numbers in quotes.")
        return {}
    return {str(name): str(value) for name, value in given.items()}


def _canary(element: Element, given: Mapping[str, Any] | None) -> dict[str, int]:
    if given is None:
        return {}
    try:
        weights = {str(name): _whole(value) for name, value in given.items()}
    except (TypeError, ValueError):
        element.wrong("canary: weights are whole numbers by version, such as {v1: 90, v2: 10}.")
        return {}
    total = sum(weights.values())
    if total != 100 or min(weights.values()) < 0:
        text = ", ".join(f"{name}: {weight}" for name, weight in weights.items())
        element.wrong(f"canary: the weights {{{text}}} must be 0 to 100 each, and 100 together; they are {total}.")
    return weights


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and value != int(value)):
        raise ValueError
    return int(value)


def _header_route(element: Element, number: int, given: Mapping[str, Any], namespace: str) -> HeaderRoute:
    option = f"header_route[{number}]"
    headers: dict[str, tuple[str, str]] = {}
    for name, match in (given.get("headers") or {}).items():
        # A VirtualService wants names in lower case, and HTTP does not tell them apart.
        kinds = {"exact": match} if isinstance(match, str) else match
        kind = next(iter(kinds)) if isinstance(kinds, Mapping) and len(kinds) == 1 else ""
        if kind not in _MATCHES or not isinstance(kinds[kind], str) or not kinds[kind]:
            element.wrong(f"{option}: the header {name} needs one of `exact`, `prefix` and `regex`, with a text.")
        else:
            headers[str(name).lower()] = (kind, kinds[kind])
    if not given.get("headers"):
        element.wrong(f"{option}: `headers` is empty, so it would take every request.")
    return HeaderRoute(headers, _target(element, option, given, namespace))


def _target(element: Element, option: str, given: Mapping[str, Any], namespace: str) -> Target:
    if given.get("version"):
        return Target(version=str(given["version"]))
    host = element.read(f"{option}.host", lambda text: texts.host(text, namespace), given.get("host"))
    return Target(host=host, port=element.read(f"{option}.port", texts.port, given.get("port")) or 0)


def _mirror(element: Element, given: Mapping[str, Any] | None, namespace: str) -> tuple[Target | None, float]:
    if given is None:
        return None, 100
    percent = element.read("mirror.percent", texts.percent, given.get("percent", 100))
    return _target(element, "mirror", given, namespace), 100 if percent is None else percent


def _retries(element: Element, given: Mapping[str, Any] | None, timeout: str) -> Retries | None:
    if given is None:
        return None
    attempts = int(given["attempts"])
    each = element.read("retries.per_try_timeout", texts.duration, given.get("per_try_timeout")) or ""
    conditions = tuple(str(text) for text in given.get("retry_on") or ())
    wrong = [text for text in conditions if text not in RETRY_CONDITIONS and not is_code(text)]
    if attempts < 0:
        element.wrong(f"retries: {attempts} attempts.")
    if wrong:
        element.wrong(
            f"retries: retry_on has {', '.join(wrong)}; there are HTTP codes and {', '.join(sorted(RETRY_CONDITIONS))}."
        )
    if attempts == 0 and (each or conditions):
        element.wrong("retries: with no attempts there is neither a `per_try_timeout` nor a `retry_on`.")
    if each and timeout and texts.milliseconds(each) > texts.milliseconds(timeout):
        element.wrong(f"retries: the per_try_timeout of {each} is longer than the whole timeout of {timeout}.")
    return Retries(attempts, each, conditions)


def is_code(text: str) -> bool:
    """Whether a retry condition is an HTTP code of an error."""
    return len(text) == 3 and text.isdigit() and 400 <= int(text) <= 599


def _fault(element: Element, given: Mapping[str, Any] | None) -> Obj:
    fault: Obj = {}
    for name in ("delay", "abort"):
        part = (given or {}).get(name)
        if part is None:
            continue
        percent = element.read(f"fault.{name}.percent", texts.percent, part.get("percent", 100))
        fault[name] = {"percentage": {"value": percent}}
        if name == "delay":
            fault[name]["fixedDelay"] = element.read("fault.delay.duration", texts.duration, part["duration"])
        else:
            fault[name]["httpStatus"] = element.read("fault.abort.status", _status, part["status"])
    return fault


def _status(value: int) -> int:
    if not 200 <= value <= 599:
        raise BadInput(f"{value} is no HTTP status to answer with.", hint="Give 200 to 599.")
    return value
