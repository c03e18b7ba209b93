# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Taking a waypoint from all that names it: finding it in the whole cluster, and waiting until istiod has followed."""

from __future__ import annotations

from collections.abc import Iterable

from ..._checks.policy.dependents import Dependents
from ..._checks.policy.scene import SERVICE, SERVICE_ENTRY, USE_WAYPOINT, WORKLOAD_ENTRY, Waypoint
from ..._checks.snapshot import Obj, labels_of, meta, name_of, namespace_of, ref
from ..._errors import ApiError, Forbidden, SettleTimeout, Unauthorized, Unreachable
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..live import Target, observe, target
from .binding import Binding, change_of
from .labels import CANARY, attached, canary_of, primary_of, unbound

_KINDS = (kinds.NAMESPACE, kinds.SERVICE, kinds.SERVICE_ENTRY, kinds.WORKLOAD_ENTRY, kinds.POD)
_TOLD_OF = {
    SERVICE: kinds.SERVICE,
    SERVICE_ENTRY: kinds.SERVICE_ENTRY,
    WORKLOAD_ENTRY: kinds.WORKLOAD_ENTRY,
}
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_NAMED = 10


def naming(client: Client, waypoint: Waypoint) -> tuple[list[tuple[Kind, Obj]], list[str]]:
    """What names the waypoint, as its own or as its canary, by its own labels; and what could not be read, in words.

    Objects have their metadata only. Pods that are ending are left out.
    """
    asked = [(kind, label) for kind in _KINDS for label in (USE_WAYPOINT, CANARY)]
    found: dict[Target, tuple[Kind, Obj]] = {}
    unread: list[str] = []
    for (kind, _label), (items, said) in zip(
        asked, client.many(lambda one: _labelled(client, *one, waypoint), asked), strict=True
    ):
        unread += [said] if said else []
        for obj in items:
            found[target(kind, namespace_of(obj) or None, name_of(obj))] = (kind, obj)
    return list(found.values()), list(dict.fromkeys(unread))


def _labelled(client: Client, kind: Kind, label: str, waypoint: Waypoint) -> tuple[list[Obj], str]:
    selector = f"{label}={waypoint.name}"
    try:
        items = client.list(kind, labels=selector, metadata_only=True)
        said = ""
    except (Unauthorized, Unreachable):
        raise
    except Forbidden as error:
        items = _at_home(client, kind, selector, waypoint)
        said = f"{error} Only namespace {waypoint.namespace} was read."
    return [obj for obj in items if _names(obj, waypoint) and not meta(obj).get("deletionTimestamp")], said


def _at_home(client: Client, kind: Kind, selector: str, waypoint: Waypoint) -> list[dict[str, object]]:
    """Whoever may not look everywhere may yet see the waypoint's own namespace."""
    try:
        if kind == kinds.NAMESPACE:
            space = client.get(kind, waypoint.namespace)
            return [space] if space else []
        return client.list(kind, waypoint.namespace, labels=selector, metadata_only=True)
    except (Unauthorized, Unreachable):
        raise
    except ApiError:
        return []


def _names(obj: Obj, waypoint: Waypoint) -> bool:
    return waypoint in (primary_of(obj), canary_of(obj))


def plan_unbinding(
    client: Client, waypoint: Waypoint, named: Iterable[tuple[Kind, Obj]], dependents: Dependents | None
) -> Binding:
    """What takes the waypoint from each object that names it. `dependents` tells what stands before each then.

    Without them only the names go: what else is labelled might be for another waypoint.
    """
    found = Binding()
    keeping = _keeping(dependents) if dependents is not None else set()
    for kind, obj in named:
        alone = dependents is not None
        after = None
        if dependents is not None and kind == kinds.NAMESPACE:
            alone = name_of(obj) not in keeping
        elif dependents is not None:
            after = dependents.afterwards(obj)
            alone = after is None
        marks = unbound(obj, waypoint, alone=alone)
        change = change_of(kind, obj, marks, _reason(obj, waypoint))
        if after is not None and primary_of(obj) == waypoint:
            change.step.notes.append(f"its namespace's waypoint {after} stands before it then")
        found.changes.append(change)
    found.rehearse(client)
    return found


def _keeping(dependents: Dependents) -> set[str]:
    """Namespaces in which something has a waypoint all the same."""
    scene = dependents.scene
    return {
        namespace_of(obj)
        for kind in (SERVICE, SERVICE_ENTRY)
        for obj in scene.all(kind)
        if USE_WAYPOINT in labels_of(obj) and dependents.afterwards(obj) is not None
    }


def _reason(obj: Obj, waypoint: Waypoint) -> str:
    return f"names the waypoint {waypoint}{'' if primary_of(obj) == waypoint else ' as its canary'}"


# -- waiting -------------------------------------------------------------------------------------------------------


def following(dependents: Dependents) -> list[Target]:
    """What istiod has to take off the waypoint: by its labels, or by what istiod has said of it. Of pods it says
    nothing.
    """
    bound = {ref(obj) for obj in dependents.bound}
    return [
        target(kind, namespace_of(obj), name_of(obj))
        for name, kind in _TOLD_OF.items()
        for obj in dependents.scene.all(name)
        if ref(obj) in bound or attached(obj, dependents.waypoint)
    ]


def wait_until_unbound(client: Client, waypoint: Waypoint, targets: Iterable[Target]) -> None:
    """Return when istiod binds none of these to the waypoint any more.

    Raises SettleTimeout at the client's deadline: the waypoint must not go before.
    """
    waiting = list(targets)
    pause = _FIRST_PAUSE
    while waiting:
        seen = observe(client, waiting)
        waiting = [one for one in waiting if one in seen and attached(seen[one], waypoint)]
        if not waiting:
            return
        if client.deadline.passed:
            raise _still_bound(client, waypoint, waiting)
        client.deadline.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.6)


def _still_bound(client: Client, waypoint: Waypoint, waiting: list[Target]) -> SettleTimeout:
    named = ", ".join(one.label for one in waiting[:_NAMED])
    more = f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
    return SettleTimeout(
        f"After {client.deadline.seconds:g} s istiod still binds {named}{more} to the waypoint {waypoint}, though no "
        "label says so any more. The waypoint was not deleted.",
        hint="Nothing is cut meanwhile. See whether istiod runs and reads this cluster, then run again.",
        details={"unready": [{"object": one.label, "reason": f"bound to {waypoint}"} for one in waiting]},
    )
