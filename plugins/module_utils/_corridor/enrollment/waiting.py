# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Waiting for what others do after a label has changed: istiod binds and accepts, istio-cni captures and lets go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..._checks.policy.scene import Waypoint
from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, meta, name_of
from ..._desired.enrollment.model import INJECT_LABEL, MODE_LABEL, REDIRECTION_ANNOTATION, STATUS_ANNOTATION
from ..._errors import SettleTimeout
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..live import Target, observe
from ..waypoint.bound import bound_to

_PAUSE = 0.3
_NAMED = 10
_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_FOR = "istio.io/waypoint-for"
_ACCEPTED = "WaypointAccepted"
_MANAGED = "gateway.istio.io/managed"


def wait_until_bound(client: Client, namespace: Obj, waypoint: str, deadline: Deadline) -> None:
    """Until istiod says of each Service that takes the namespace's waypoint that it is bound.

    Raises SettleTimeout that names those which are not, with istiod's words.
    """
    home, _slash, name = waypoint.rpartition("/")
    gateway = client.get(kinds.GATEWAY, name, home)
    services = gateway is None or labels_of(gateway).get(_FOR, "service") in ("service", "all")

    def unbound() -> list[str]:
        found = bound_to(client, Waypoint(home, name), [namespace], canary=False, services=services)
        return [f"{one.target.label}: {one.reason}" for one in found if one.awaited and not one.bound]

    _wait(unbound, deadline, f"Not bound to the waypoint {waypoint}", "See to the waypoint, then run again.")


def wait_until_accepted(client: Client, policies: Sequence[Obj], deadline: Deadline) -> None:
    """Until the waypoint has taken these policies, so far as istiod says so of their kind.

    Raises SettleTimeout that names those which it has not, with istiod's words.
    """
    told = [obj for obj in policies if obj.get("kind") == "AuthorizationPolicy" and dig(obj, "spec", "targetRefs")]
    wanted = {Target(kinds.AUTHORIZATION_POLICY, obj["metadata"]["namespace"], name_of(obj)): obj for obj in told}

    def open_ones() -> list[str]:
        live = observe(client, wanted)
        found = []
        for one in wanted:
            state = _condition(live.get(one) or {}, _ACCEPTED)
            if state.get("status") != "True":
                found.append(f"{one.label}: {_words(state)}")
        return found

    if wanted:
        _wait(
            open_ones,
            deadline,
            "Not accepted by the waypoint",
            "The old policies are in force still: nothing was restarted. See to the waypoint, then run again.",
        )


def wait_until_captured(
    client: Client, namespace: str, deadline: Deadline, *, ambient: bool, excused: Callable[[str], bool]
) -> None:
    """Until istio-cni has put the namespace's pods without a proxy into the ambient mesh, or taken them out.

    `excused` says of a pod's name whether it cannot be captured. Raises SettleTimeout that names those left.
    """

    def left() -> list[str]:
        found = []
        for pod in client.list(kinds.POD, namespace, fields=_RUNNING, metadata_only=True):
            if _own_way(pod) or excused(name_of(pod)) or meta(pod).get("deletionTimestamp"):
                continue
            if (annotations_of(pod).get(REDIRECTION_ANNOTATION) == "enabled") != ambient:
                found.append(f"Pod {namespace}/{name_of(pod)}")
        return found

    _wait(
        left,
        deadline,
        "Not captured by ztunnel" if ambient else "Still captured by ztunnel",
        "istio-cni does that on the pod's node: see whether it is ready there (mesh_verify, checks: components).",
    )


def _own_way(pod: Obj) -> bool:
    labels = labels_of(pod)
    if annotations_of(pod).get(STATUS_ANNOTATION) or labels.get(_MANAGED):
        return True
    return labels.get(MODE_LABEL) in ("none", "ambient") or labels.get(INJECT_LABEL) == "true"


def _wait(left: Callable[[], list[str]], deadline: Deadline, what: str, hint: str) -> None:
    while names := left():
        if deadline.passed:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise SettleTimeout(
                f"{what} after {deadline.seconds:g} s: {'; '.join(names[:_NAMED])}{more}.",
                hint=hint,
                details={"unready": [{"object": name.partition(":")[0], "reason": name} for name in names[:_NAMED]]},
            )
        deadline.sleep(_PAUSE)


def _condition(obj: Obj, kind: str) -> Mapping[str, str]:
    """The condition of that type; of a policy, which has several of it, one that is not true if there is any."""
    found = [one for one in dig(obj, "status", "conditions") or () if one.get("type") == kind]
    return next((one for one in found if one.get("status") != "True"), found[0] if found else {})


def _words(state: Mapping[str, str]) -> str:
    return f"{state.get('reason')}: {state.get('message')}" if state else "istiod says nothing of it yet"
