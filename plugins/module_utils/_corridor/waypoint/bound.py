# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is bound to a waypoint, by the condition istio.io/WaypointBound that istiod writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._checks.policy.scene import NAMESPACE, POD, USE_WAYPOINT, Waypoint, kind_of
from ..._checks.snapshot import Obj, dig, labels_of, name_of, namespace_of
from ..._kube import kinds
from ..._kube.client import Client
from ..live import Target, observe, target
from .labels import OWN_SERVICES, condition_of, primary_of, says_attached

UNSAID = "istiod has not said yet whether it is bound"
_NO_CANARY = "Canary waypoint not attached: "
_MANAGED = "gateway.istio.io/managed"
_KINDS = (kinds.SERVICE, kinds.SERVICE_ENTRY, kinds.POD)


@dataclass(frozen=True, slots=True)
class Bound:
    """Whether one object is bound to the waypoint, and why not.

    `awaited`: istiod says so of objects like this; of others their label is all there is.
    """

    target: Target
    bound: bool
    reason: str
    awaited: bool = True

    def shown(self) -> dict[str, Any]:
        return {"object": self.target.label, "bound": self.bound, "reason": self.reason}


def bound_to(
    client: Client, waypoint: Waypoint, enrolled: Sequence[Obj], *, canary: bool, services: bool
) -> list[Bound]:
    """The state of all that is enrolled: Services, ServiceEntries, Pods, and the Services of Namespaces.

    `canary`: that one has to be attached, too. `services`: the waypoint takes traffic to Services; those of a
    Namespace are awaited only then.
    """
    named = [_target(one) for one in enrolled if kind_of(one) != NAMESPACE]
    live = observe(client, named)
    found = [_state(one, live.get(one), waypoint, canary) for one in named]
    spaces = [name_of(one) for one in enrolled if kind_of(one) == NAMESPACE]
    if services:
        listed = client.many(lambda space: client.list(kinds.SERVICE, space), spaces)
        following = (service for space in listed for service in space if _follows(service))
        found += [_state(_target(one), one, waypoint, canary) for one in following]
    return list({one.target: one for one in found}.values())


def _target(obj: Obj) -> Target:
    kind = next(kind for kind in _KINDS if kind.kind == obj.get("kind"))
    return target(kind, namespace_of(obj), name_of(obj))


def _follows(service: Obj) -> bool:
    """Does a Service go by the label of its namespace?"""
    labels = labels_of(service)
    return (
        USE_WAYPOINT not in labels
        and labels.get(_MANAGED) not in OWN_SERVICES
        and dig(service, "spec", "type") != "ExternalName"
        and dig(service, "metadata", "deletionTimestamp") is None
    )


def _state(where: Target, obj: Obj | None, waypoint: Waypoint, canary: bool) -> Bound:
    if obj is None:
        return Bound(where, False, "does not exist any more")
    said = condition_of(obj)
    if said is None and kind_of(obj) == POD:
        named = primary_of(obj) == waypoint
        told = f"its label {'names' if named else 'does not name'} the waypoint; istiod says nothing of pods"
        return Bound(where, named, told, awaited=False)
    if said is None:
        return Bound(where, False, UNSAID)
    message = str(said.get("message") or said.get("reason") or "")
    if said.get("status") != "True":
        return Bound(where, False, f"{said.get('reason')}: {message}")
    if not says_attached(message, waypoint):
        return Bound(where, False, f"is bound to another waypoint: {message}")
    if canary and kind_of(obj) != POD and _NO_CANARY in message:
        return Bound(where, False, message[message.index(_NO_CANARY) :])
    return Bound(where, True, message)
