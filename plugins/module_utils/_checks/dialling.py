# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whom ztunnel dials for configuration and certificates, and which istiods stand behind that. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from . import mesh, naming, selectors
from .snapshot import Obj, Snapshot, Undecided, dig, namespace_of, ref

XDS, CA = "XDS_ADDRESS", "CA_ADDRESS"
# What ztunnel dials when nothing is said.
_DEFAULT = "istiod.istio-system.svc:15012"


@dataclass(frozen=True, slots=True)
class Dial:
    """One address that ztunnel is given. `service` is namespace and name; None when it is no Service of a cluster."""

    variable: str
    address: str
    service: tuple[str, str] | None
    port: int
    told: bool

    @property
    def shown(self) -> str:
        return f"{self.variable} {self.address}{'' if self.told else ' (the default, for it is not set)'}"


def dials(daemon_set: Obj) -> list[Dial]:
    """What a ztunnel DaemonSet dials. Raises `Undecided` when an address comes from somewhere else."""
    return [_dial(daemon_set, variable) for variable in (XDS, CA)]


def service_namespaces(daemon_sets: Iterable[Obj]) -> set[str]:
    """The namespaces of the Services that these ztunnels dial."""
    found = set()
    for daemon_set in daemon_sets:
        for variable in (XDS, CA):
            try:
                dial = _dial(daemon_set, variable)
            except Undecided:
                continue
            if dial.service:
                found.add(dial.service[0])
    return found


def behind(snapshot: Snapshot, namespace: str, name: str) -> list[mesh.ControlPlane]:
    """The control planes whose pods a Service leads to, through an alias (ExternalName) too."""
    service = mesh.find_service(snapshot, namespace, name)
    if service is None:
        return []
    alias = alias_of(service)
    if alias:
        service = mesh.find_service(snapshot, *alias) or {}
    selector = dig(service, "spec", "selector")
    return [
        plane
        for plane in mesh.control_planes(snapshot)
        if plane.namespace == namespace_of(service) and selectors.selects(selector, plane.pod_labels)
    ]


def alias_of(service: Obj) -> tuple[str, str] | None:
    """The Service of which this one is another name; None when it stands for itself."""
    if dig(service, "spec", "type") != "ExternalName":
        return None
    return _in_cluster(str(dig(service, "spec", "externalName") or ""), namespace_of(service))


def planes_of(snapshot: Snapshot, daemon_set: Obj) -> list[mesh.ControlPlane]:
    """The control planes that a ztunnel belongs to: those it dials, else the one that it names, else any it may be."""
    xds = _dial(daemon_set, XDS)
    found = behind(snapshot, *xds.service) if xds.service else []
    planes = mesh.control_planes(snapshot)
    named = naming.agent_revision(daemon_set)
    return (
        found
        or [plane for plane in planes if named and plane.revision == named]
        or [plane for plane in planes if plane.ambient]
        or planes
    )


def _dial(daemon_set: Obj, variable: str) -> Dial:
    told = value_of(daemon_set, variable)
    host, colon, port = (told or _DEFAULT).rpartition("://")[2].partition("/")[0].rpartition(":")
    if not colon or not port.isdigit():
        host, port = f"{host}{colon}{port}", "15012"
    return Dial(variable, told or _DEFAULT, _in_cluster(host, namespace_of(daemon_set)), int(port), bool(told))


def value_of(workload: Obj, variable: str) -> str:
    """An environment variable's value, empty when it is not set; `Undecided` when it is taken from elsewhere."""
    for container in dig(workload, "spec", "template", "spec", "containers") or ():
        for entry in container.get("env") or ():
            if entry.get("name") == variable and entry.get("valueFrom"):
                raise Undecided(f"{variable} of {ref(workload)} comes from another object")
    return mesh.env_of(workload, variable)


def _in_cluster(host: str, home: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host name means."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        parts = host.rstrip(".").split(".")
        if len(parts) == 1 and parts[0]:
            return home, parts[0]
        if len(parts) == 2 or (len(parts) > 2 and parts[2] == "svc"):
            return parts[1], parts[0]
    return None
