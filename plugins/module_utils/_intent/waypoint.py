# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The request of `waypoint`: which waypoint, for whom, and what it runs on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._checks.policy.scene import Waypoint

State = Literal["present", "absent", "rendered"]
Traffic = Literal["service", "workload", "all", "none"]
Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Enroll:
    """What is to use the waypoint: names of namespaces; of the others (namespace, name)."""

    namespaces: tuple[str, ...] = ()
    services: tuple[Ref, ...] = ()
    service_entries: tuple[Ref, ...] = ()
    pods: tuple[Ref, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.namespaces or self.services or self.service_entries or self.pods)

    @property
    def homes(self) -> tuple[str, ...]:
        """The namespaces in which something is enrolled, sorted."""
        refs = (*self.services, *self.service_entries, *self.pods)
        return tuple(sorted({*self.namespaces, *(namespace for namespace, name in refs)}))


@dataclass(frozen=True, slots=True)
class Canary:
    """A second waypoint that takes `weight` percent of new connections to what is enrolled."""

    waypoint: Waypoint
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Between `min` and `max` replicas, by percents of the requested CPU and memory; None leaves one out."""

    min: int
    max: int
    cpu: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """What the waypoint's pods run on; None and empty are left to istiod."""

    replicas: int | None = None
    autoscaling: Autoscaling | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)
    topology_spread: tuple[Mapping[str, Any], ...] = ()
    priority_class: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> bool:
        return self.min_available is not None or self.max_unavailable is not None


@dataclass(frozen=True, slots=True)
class WaypointIntent:
    """One waypoint. `allowed` is `same`, `all`, or a label selector of namespaces.

    `ingress` is None where nothing is said of it. `accept` names dependents that `absent` may leave without their
    waypoint. `made_for` is "" or the text of the annotation meshwright.io/made-for. `wait_timeout` is in seconds.
    """

    state: State
    waypoint: Waypoint
    traffic: Traffic = "service"
    revision: str = ""
    gateway_class: str = "istio-waypoint"
    allowed: str = "same"
    enroll: Enroll = field(default_factory=Enroll)
    ingress: bool | None = None
    canary: Canary | None = None
    infrastructure: Infrastructure = field(default_factory=Infrastructure)
    made_for: str = ""
    accept: frozenset[str] = frozenset()
    istio_namespace: str = "istio-system"
    force_conflicts: bool = False
    wait: bool = True
    wait_timeout: int = 300
