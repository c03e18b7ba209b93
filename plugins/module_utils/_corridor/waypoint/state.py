# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A waypoint as it is: its Gateway, what istiod made of that, and its pods; and why it is not ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..._checks.policy.scene import GATEWAY_NAME, Waypoint
from ..._checks.snapshot import annotations_of, dig, labels_of
from ..._desired.waypoints import (
    AUTOSCALER_PATCH,
    BUDGET_PATCH,
    DEPLOYMENT_PATCH,
    FOR_LABEL,
    REVISION_LABEL,
    patches,
)
from ..._intent.waypoint import WaypointIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..._kube.readiness import readiness
from ..differ import drift
from ..live import Obj, Target, target
from ..objects import in_words

_PATCHED: tuple[tuple[str, Kind], ...] = (
    (DEPLOYMENT_PATCH, kinds.DEPLOYMENT),
    (AUTOSCALER_PATCH, kinds.HPA),
    (BUDGET_PATCH, kinds.PDB),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a waypoint; None where something is not there. `pods` are those of its Gateway."""

    waypoint: Waypoint
    gateway: Obj | None = None
    deployment: Obj | None = None
    autoscaler: Obj | None = None
    budget: Obj | None = None
    pods: tuple[Obj, ...] = ()

    @property
    def ready_pods(self) -> int:
        return len([pod for pod in self.pods if readiness(pod).ready])

    @property
    def service_account(self) -> str:
        """The account that its pods run as, which policies name; "" while there is no Deployment."""
        return str(dig(self.deployment or {}, "spec", "template", "spec", "serviceAccountName") or "")

    @property
    def revision(self) -> str:
        """The revision of the istiod that made its Deployment; "" where that does not tell."""
        template = dig(self.deployment or {}, "spec", "template") or {}
        return str(annotations_of(template).get(REVISION_LABEL, ""))

    @property
    def applied(self) -> str:
        """What the Deployment was applied with so far: another text once istiod has altered it, even to no effect."""
        meta = (self.deployment or {}).get("metadata") or {}
        entries = [one for one in meta.get("managedFields") or () if one.get("operation") == "Apply"]
        return f"{meta.get('generation')} {[one.get('fieldsV1') for one in entries]}" if entries else ""

    @property
    def addresses(self) -> list[str]:
        return [str(one.get("value")) for one in dig(self.gateway or {}, "status", "addresses") or ()]

    def of(self, kind: Kind) -> Obj | None:
        by_kind = {kinds.DEPLOYMENT: self.deployment, kinds.HPA: self.autoscaler, kinds.PDB: self.budget}
        return by_kind.get(kind)

    def target(self, kind: Kind) -> Target:
        return target(kind, self.waypoint.namespace, self.waypoint.name)

    def shown(self) -> dict[str, Any]:
        """What results show of it."""
        gateway = self.gateway or {}
        return {
            "namespace": self.waypoint.namespace,
            "name": self.waypoint.name,
            "for": labels_of(gateway).get(FOR_LABEL, "service") if gateway else None,
            "revision": self.revision or labels_of(gateway).get(REVISION_LABEL),
            "gateway_class": dig(gateway, "spec", "gatewayClassName"),
            "address": self.addresses[0] if self.addresses else None,
            "addresses": self.addresses,
            "programmed": bool(gateway) and readiness(gateway).ready,
            "ready_pods": self.ready_pods,
            "replicas": dig(self.deployment or {}, "spec", "replicas"),
            "service_account": self.service_account or None,
        }


def see(client: Client, waypoint: Waypoint) -> Seen:
    """Look, in parallel. Raises what the API server says."""
    namespace, name = waypoint.namespace, waypoint.name
    reads: list[Callable[[], Any]] = [
        lambda: client.get(kinds.GATEWAY, name, namespace),
        lambda: client.get(kinds.DEPLOYMENT, name, namespace),
        lambda: client.get(kinds.HPA, name, namespace),
        lambda: client.get(kinds.PDB, name, namespace),
        lambda: client.list(kinds.POD, namespace, labels=f"{GATEWAY_NAME}={name}"),
    ]
    gateway, deployment, autoscaler, budget, pods = client.many(lambda read: read(), reads)
    return Seen(waypoint, gateway, deployment, autoscaler, budget, tuple(pods))


def unready(seen: Seen, intent: WaypointIntent, revision: str) -> dict[Target, str]:
    """What keeps the waypoint from being ready, by object; {} when it is. `revision`: of the istiod it goes by."""
    found: dict[Target, str] = {}
    if seen.gateway is None:
        found[seen.target(kinds.GATEWAY)] = "does not exist"
    elif not (state := readiness(seen.gateway)).ready:
        found[seen.target(kinds.GATEWAY)] = state.reason
    if reason := _deployment(seen, revision):
        found[seen.target(kinds.DEPLOYMENT)] = reason
    wanted = patches(intent.infrastructure, seen.waypoint.name)
    for key, kind in _PATCHED:
        if key in wanted and (reason := _unpatched(seen.of(kind), kind, wanted[key])):
            found.setdefault(seen.target(kind), reason)
    return found


def _deployment(seen: Seen, revision: str) -> str:
    deployment = seen.deployment
    if deployment is None:
        return "does not exist: istiod has made nothing of the Gateway yet"
    if revision and seen.revision not in ("", revision):
        return f"is still of revision {seen.revision}: the istiod of revision {revision} has not taken it up yet"
    state = readiness(deployment)
    if not state.ready:
        return state.reason
    if not seen.ready_pods:
        return "no pod of it is ready: what uses the waypoint would have no traffic"
    return ""


def _unpatched(obj: Obj | None, kind: Kind, patch: Obj) -> str:
    """What of a patch did not arrive yet."""
    if obj is None:
        return "does not exist yet"
    paths = drift({"apiVersion": kind.api_version, "kind": kind.kind, **patch}, obj)
    return f"istiod has not brought it to what is asked for: {in_words(paths)}" if paths else ""
