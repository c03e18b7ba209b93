# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""No waypoint of this name: what names it lets go of it first, and only then it goes, with all that was made for it.

A missing waypoint fails open: traffic goes straight, and what the waypoint refused passes. So the removal is refused
while a policy or a route counts on it, unless the task accepts that by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from ..._checks.policy import dependents as counting
from ..._checks.policy import scene as scenes
from ..._checks.policy.dependents import HOLE, OUTAGE, Dependents
from ..._checks.policy.scene import GATEWAY_NAME, Waypoint
from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, name_of
from ..._desired.enrollment.blocker import Blocker
from ..._desired.waypoints import MADE_FOR_ANNOTATION, MESH_CONTROLLERS, parameters_name
from ..._errors import Forbidden, GuardRefused, MeshError
from ..._kube import kinds
from ..._kube.client import Client
from ..live import Target, target
from ..mesh.lock import MeshLock
from ..plan import Plan, Step
from ..policy.scene import Unread, read_scene
from ..policy.wanted import Wanted
from ..removal import Removal, wait_until_gone
from .binding import Binding
from .run import WaypointRun
from .unbinding import following, naming, plan_unbinding, wait_until_unbound

ALL = "all"
UNREAD = "not-judged"
_MANAGED_BY, _US = "app.kubernetes.io/managed-by", "meshwright"
# What istiod makes from a Gateway; the server takes it away once the Gateway is gone.
_MADE = (kinds.DEPLOYMENT, kinds.SERVICE, kinds.SERVICE_ACCOUNT, kinds.HPA, kinds.PDB)
_TOLD = 30
_NOTES = 10


@dataclass(slots=True)
class _Leaving:
    """What goes. `gateway` and `parameters` are None where they are not there. `kept`: nothing goes at all."""

    gateway: Obj | None
    parameters: Obj | None = None
    kept: bool = False
    binding: Binding = field(default_factory=Binding)
    removals: list[Step] = field(default_factory=list)
    dependents: Dependents | None = None
    blockers: list[Blocker] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        return [*self.binding.steps, *self.removals]


def absent(run: WaypointRun) -> dict[str, Any]:
    """See that the waypoint is not there and nothing names it; steps, notes and warnings go into the run.

    Returns `exists` (whether it is there still), `unbound` (what was, or in check mode would be, unbound) and
    `dependents` (those that were accepted).

    Where there is no Gateway, labels that name it are taken away all the same: they had no effect, and would bind to
    whatever is called so next. With `made_for` nothing at all is touched unless the Gateway carries that very text.
    A run that was killed after unbinding is completed by the next: nothing has to be remembered for it.

    istiod is always waited for before the Gateway goes, with `wait: false` too; that only leaves out waiting for
    what was made from it. Raises GuardRefused for a Gateway that is no waypoint and for dependents that are not
    accepted, SettleTimeout when istiod does not follow.
    """
    leaving = _leaving(run)
    try:
        if any(step.changes for step in leaving.steps) and not run.check_mode:
            leaving = _carry_out_alone(run, leaving)
    except MeshError as error:
        error.details.setdefault("steps", Plan(leaving.steps).summary())
        raise
    run.steps += leaving.steps
    run.notes += leaving.notes
    run.warnings += leaving.warnings
    return {
        "exists": leaving.gateway is not None and (run.check_mode or leaving.kept),
        "unbound": [step.name for step in leaving.binding.steps if step.changes],
        "dependents": [one.obj for one in leaving.blockers],
    }


def _another(run: WaypointRun, gateway: Obj | None) -> str:
    """Why this is not the waypoint that the task made, in words; "" when it is, or when the task does not mind."""
    waypoint, wanted = run.intent.waypoint, run.intent.made_for
    if not wanted:
        return ""
    if gateway is None:
        return f"The waypoint {waypoint} is not there, and so neither is one made for {wanted!r}."
    found = annotations_of(gateway).get(MADE_FOR_ANNOTATION)
    if found == wanted:
        return ""
    told = f"is made for {found!r}" if found else f"does not say what it is made for ({MADE_FOR_ANNOTATION})"
    return f"The waypoint {waypoint} {told}, not for {wanted!r}: it was left alone."


def _guard_class(client: Client, gateway: Obj, given: str) -> None:
    """Refuse what is no waypoint: a gateway for what comes in, or between clusters."""
    name = str(dig(gateway, "spec", "gatewayClassName") or "")
    controller = None
    with suppress(Forbidden):
        controller = dig(client.get(kinds.GATEWAY_CLASS, name) or {}, "spec", "controllerName")
    if controller in MESH_CONTROLLERS or (controller is None and ("waypoint" in name or name == given)):
        return
    raise GuardRefused(
        f"{_target(kinds.GATEWAY, gateway).label} is no waypoint: its class is {name or 'not set'}.",
        hint="Correct `name` or `namespace`. Other gateways are removed by whatever made them.",
    )


# -- what goes, and who counts on it -------------------------------------------------------------------------------


def _leaving(run: WaypointRun) -> _Leaving:
    """What goes, rehearsed. Raises GuardRefused."""
    client, intent, waypoint = run.client, run.intent, run.intent.waypoint
    gateway = client.get(kinds.GATEWAY, waypoint.name, waypoint.namespace)
    if another := _another(run, gateway):
        return _Leaving(gateway, kept=True, notes=[another])
    leaving = _Leaving(gateway, _parameters(client, waypoint))
    named, unread = naming(client, waypoint)
    if gateway is not None:
        _guard_class(client, gateway, intent.gateway_class)
        scene, missing = read_scene(client, _wanted(), [waypoint.namespace], root=intent.istio_namespace)
        found = leaving.dependents = Dependents(scene, waypoint)
        leaving.blockers = [_blocker(one) for one in found.found()]
        leaving.blockers += [_unseen(missing, unread)] if missing or unread else []
        leaving.notes += _few(found.followed())
    elif unread:
        told = f"Labels that name the waypoint {waypoint} were not all looked for: {'; '.join(unread)}"
        leaving.warnings.append(told)
    _guard_dependents(run, leaving)
    leaving.binding = plan_unbinding(client, waypoint, named, leaving.dependents)
    for kind, obj in ((kinds.GATEWAY, leaving.gateway), (kinds.CONFIG_MAP, leaving.parameters)):
        if obj is not None:
            leaving.removals += Removal(client, [_target(kind, obj)]).plan()
    if not leaving.steps:
        leaving.removals = [Step(kinds.GATEWAY.label(waypoint.namespace, waypoint.name), "none", "is not there")]
    return leaving


def _wanted() -> Wanted:
    wanted = Wanted()
    wanted.want(scenes.NAMESPACE, scenes.SERVICE, scenes.SERVICE_ENTRY, scenes.WORKLOAD_ENTRY, scenes.GATEWAY)
    wanted.want(scenes.VIRTUAL_SERVICE, scenes.DESTINATION_RULE, *scenes.ROUTES, *counting.TARGETING)
    return wanted


def _parameters(client: Client, waypoint: Waypoint) -> Obj | None:
    """Our ConfigMap with the infrastructure's parameters."""
    found = client.get(kinds.CONFIG_MAP, parameters_name(waypoint.name), waypoint.namespace)
    return found if found is not None and labels_of(found).get(_MANAGED_BY) == _US else None


def _blocker(one: counting.Dependent) -> Blocker:
    return Blocker(one.effect, str(one.obj["metadata"].get("namespace") or ""), one.label, one.message)


def _unseen(missing: Iterable[Unread], unread: Iterable[str]) -> Blocker:
    reasons = list(dict.fromkeys([*(one.reason for one in missing), *unread]))
    named = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    return Blocker(UNREAD, "", "what could not be read", f"may count on the waypoint: {named}")


def _guard_dependents(run: WaypointRun, leaving: _Leaving) -> None:
    """Refuse where something counts on the waypoint that the task does not accept; warn of what it accepts."""
    accept, waypoint = run.intent.accept, run.intent.waypoint
    refused = [one for one in leaving.blockers if ALL not in accept and not one.names & accept]
    if not refused:
        if leaving.blockers:
            told = f"The waypoint {waypoint} goes although these count on it: {_several(leaving.blockers)}"
            leaving.warnings.append(told)
        return
    ends = []
    if any(one.id == HOLE for one in refused):
        ends.append("A missing waypoint fails open: what its policies refuse would pass.")
    if any(one.id == OUTAGE for one in refused):
        ends.append("Traffic that is admitted now would be refused.")
    counts = "object counts" if len(refused) == 1 else "objects count"
    lines = [" ".join([f"{len(refused)} {counts} on the waypoint {waypoint}.", *ends])]
    lines += [one.told for one in refused[:_TOLD]]
    if len(refused) > _TOLD:
        lines.append(f"and {len(refused) - _TOLD} more")
    raise GuardRefused(
        "\n- ".join(lines),
        hint="Remove or change them first, or name them in `accept_dependents` (`Kind namespace/name`, an id in "
        "brackets, or `all`).",
        details={"dependents": [{"object": one.obj, "effect": one.id, "message": one.message} for one in refused]},
    )


def _several(blockers: list[Blocker]) -> str:
    told = "; ".join(one.told for one in blockers[:_NOTES])
    return f"{told}; and {len(blockers) - _NOTES} more" if len(blockers) > _NOTES else told


def _few(notes: list[str]) -> list[str]:
    return notes if len(notes) <= _NOTES else [*notes[:_NOTES], f"and {len(notes) - _NOTES} more of the kind"]


# -- carrying it out -----------------------------------------------------------------------------------------------


def _carry_out_alone(run: WaypointRun, leaving: _Leaving) -> _Leaving:
    """Under the mesh's Lease; planned anew when another run came first. Returns what went."""
    intent = run.intent
    with ExitStack() as held:
        # With the mesh gone there is nothing to be alone in.
        if run.client.get(kinds.NAMESPACE, intent.istio_namespace) is not None:
            patience = float(intent.wait_timeout) if intent.wait else 0.0
            lock = held.enter_context(MeshLock(run.client, intent.istio_namespace, patience=patience))
            if lock.waited:
                run.notes.append("another run was at work on this mesh, so this one planned anew")
                leaving = _leaving(run)
        _carry_out(run, leaving)
    return leaving


def _carry_out(run: WaypointRun, leaving: _Leaving) -> None:
    client, waypoint = run.client, run.intent.waypoint
    made: dict[Target, dict[str, Any]] = {}
    leaving.binding.carry_out(client)
    if leaving.dependents is not None:
        wait_until_unbound(client, waypoint, following(leaving.dependents))
    if leaving.gateway is not None:
        made = _made(client, leaving.gateway) if run.intent.wait else {}
        Removal(client, [_target(kinds.GATEWAY, leaving.gateway)]).carry_out()
    if leaving.parameters is not None:
        Removal(client, [_target(kinds.CONFIG_MAP, leaving.parameters)]).carry_out()
    if made:
        wait_until_gone(client, made)


def _made(client: Client, gateway: Obj) -> dict[Target, dict[str, Any]]:
    """What istiod made from this Gateway and the server is to take away with it."""
    namespace, uid = gateway["metadata"]["namespace"], gateway["metadata"]["uid"]

    def owned(kind: kinds.Kind) -> list[dict[str, Any]]:
        # Whoever may not look does not wait.
        with suppress(Forbidden):
            return client.list(kind, namespace, labels=f"{GATEWAY_NAME}={name_of(gateway)}", metadata_only=True)
        return []

    return {
        _target(kind, obj): obj
        for kind, items in zip(_MADE, client.many(owned, _MADE), strict=True)
        for obj in items
        if any(owner.get("uid") == uid for owner in dig(obj, "metadata", "ownerReferences") or ())
    }


def _target(kind: kinds.Kind, obj: Obj) -> Target:
    return target(kind, obj["metadata"].get("namespace"), name_of(obj))
