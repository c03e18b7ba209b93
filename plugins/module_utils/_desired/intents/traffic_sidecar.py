# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Traffic of a host by sidecars, and by gateways: one VirtualService and one DestinationRule. Pure."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from .traffic_model import Target, Traffic

Obj = dict[str, Any]
NETWORKING = "networking.istio.io/v1"
_MESH = "mesh"


def objects(traffic: Traffic) -> list[Obj]:
    """The host's objects; the DestinationRule first, since the VirtualService names its subsets."""
    found = []
    if traffic.versions or traffic.policy:
        subsets = [{"name": name, "labels": dict(labels)} for name, labels in traffic.versions.items()]
        found.append(destination_rule(traffic, traffic.name, traffic.host.text, subsets))
    if traffic.routed:
        found.append(_virtual_service(traffic))
    return found


def destination_rule(traffic: Traffic, name: str, host: str, subsets: list[Obj]) -> Obj:
    """The DestinationRule of a host, with the traffic policy that is asked for."""
    spec: Obj = {"host": host}
    if subsets:
        spec["subsets"] = subsets
    if traffic.policy:
        spec["trafficPolicy"] = deepcopy(traffic.policy)
    metadata = {"name": name, "namespace": traffic.namespace}
    return {"apiVersion": NETWORKING, "kind": "DestinationRule", "metadata": metadata, "spec": spec}


def _virtual_service(traffic: Traffic) -> Obj:
    spec: Obj = {"hosts": [traffic.host.text, *traffic.gateway_hosts]}
    if traffic.gateways:
        spec["gateways"] = list(traffic.gateways)
    spec["http"] = []
    for route in traffic.routes:
        headers = {name: {kind: value} for name, (kind, value) in route.headers.items()}
        matches = [{"headers": headers, **match} for match in _ports(traffic) or [{}]]
        spec["http"].append(_rule(traffic, matches, [{"destination": _destination(traffic, route.target)}]))
    split = [
        {"destination": _destination(traffic, Target(version=name)), "weight": weight}
        for name, weight in traffic.canary.items()
    ]
    spec["http"].append(_rule(traffic, _ports(traffic), split or [{"destination": _destination(traffic, Target())}]))
    metadata = {"name": traffic.name, "namespace": traffic.namespace}
    return {"apiVersion": NETWORKING, "kind": "VirtualService", "metadata": metadata, "spec": spec}


def _ports(traffic: Traffic) -> list[Obj]:
    """What limits the rules to the port asked for. Gateways have ports of their own, so theirs are not matched."""
    if not traffic.port:
        return []
    gateways = [name for name in traffic.gateways if name != _MESH]
    if not gateways:
        return [{"port": traffic.port}]
    if _MESH not in traffic.gateways:
        return []
    return [{"gateways": [_MESH], "port": traffic.port}, {"gateways": gateways}]


def _rule(traffic: Traffic, matches: list[Obj], route: list[Obj]) -> Obj:
    rule: Obj = {"match": matches} if matches else {}
    if traffic.fault:
        rule["fault"] = deepcopy(traffic.fault)
    if traffic.mirror:
        rule["mirror"] = _destination(traffic, traffic.mirror)
        rule["mirrorPercentage"] = {"value": traffic.mirror_percent}
    if traffic.retries is not None:
        rule["retries"] = {"attempts": traffic.retries.attempts}
        if traffic.retries.per_try_timeout:
            rule["retries"]["perTryTimeout"] = traffic.retries.per_try_timeout
        if traffic.retries.retry_on:
            rule["retries"]["retryOn"] = ",".join(traffic.retries.retry_on)
    rule["route"] = route
    if traffic.timeout:
        rule["timeout"] = traffic.timeout
    return rule


def _destination(traffic: Traffic, target: Target) -> Obj:
    found: Obj = {"host": target.host.text if target.host else traffic.host.text}
    port = target.port if target.host else traffic.port
    if port:
        found["port"] = {"number": port}
    if target.version:
        found["subset"] = target.version
    return found
