# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who would lose a waypoint that is made narrower: what names it and can attach now, but could not any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._checks.policy.scene import NAMESPACE, SERVICE, SERVICE_ENTRY, kind_of
from ..._checks.selectors import matches
from ..._checks.snapshot import Obj, dig, labels_of, ref
from ..._desired.waypoints import FOR_LABEL, HBONE_PORT, gateway_of
from ..._errors import GuardRefused
from ..._intent.waypoint import WaypointIntent
from ..._kube import kinds
from ..._kube.client import Client
from .labels import home_of

_TOLD = 10
_TAKES: Mapping[str, frozenset[str]] = {
    "service": frozenset(("service",)),
    "workload": frozenset(("workload",)),
    "all": frozenset(("service", "workload")),
}


def admits(gateway: Obj, home: str, labels: Mapping[str, str]) -> bool:
    """Whether a waypoint takes what is in a namespace of that name with these labels, as istiod decides it."""
    listeners = [one for one in dig(gateway, "spec", "listeners") or () if one.get("port") == HBONE_PORT]
    allowed = dig(listeners[0], "allowedRoutes", "namespaces") or {} if listeners else {}
    if allowed.get("from") == "All":
        return True
    if allowed.get("from") == "Selector":
        return matches(allowed.get("selector"), labels)
    return bool(home == dig(gateway, "metadata", "namespace"))


def takes(gateway: Obj) -> frozenset[str]:
    """The sorts of traffic that a waypoint is for: `service`, `workload`."""
    return _TAKES.get(labels_of(gateway).get(FOR_LABEL, "service"), frozenset())


def guard_losses(client: Client, live: Obj | None, intent: WaypointIntent) -> None:
    """Raise GuardRefused when what uses the waypoint as it is could not use it as it shall be.

    Only then anything is read, when it takes less than before.
    """
    after = gateway_of(intent)
    if live is None or not _narrower(live, after):
        return
    # It brings much along that most runs have no use for.
    from .unbinding import naming

    named, _unread = naming(client, intent.waypoint)
    objects = [obj for _kind, obj in named]
    homes = sorted({home_of(obj) for obj in objects})
    spaces = client.many(lambda home: client.get(kinds.NAMESPACE, home), homes)
    labels = {home: labels_of(space or {}) for home, space in zip(homes, spaces, strict=True)}
    if found := losing(objects, live, after, labels):
        more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        raise GuardRefused(
            f"The waypoint {intent.waypoint} is used by what it would not take any more: "
            f"{', '.join(found[:_TOLD])}{more}. That fails open: their traffic would go straight.",
            hint="Leave `for` and `allowed_namespaces` wide enough; or take the label istio.io/use-waypoint from them "
            "first.",
            details={"losing": found},
        )


def _narrower(before: Obj, after: Obj) -> bool:
    """Whether it may take less than before; opening it to all never does."""
    home = str(dig(after, "metadata", "namespace"))
    routes = [dig(one, "spec", "listeners") for one in (before, after)]
    if takes(before) - takes(after):
        return True
    return not admits(after, f"not-{home}", {}) and _allowed(routes[0]) != _allowed(routes[1])


def _allowed(listeners: object) -> list[Obj]:
    given = listeners if isinstance(listeners, list) else []
    return [dig(one, "allowedRoutes", "namespaces") or {} for one in given if one.get("port") == HBONE_PORT]


def losing(objects: Iterable[Obj], before: Obj, after: Obj, labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Those of the objects, which name the waypoint, that can attach to it as it was and not as it shall be."""
    found = []
    for obj in objects:
        home = home_of(obj)
        if not admits(before, home, labels[home]):
            continue
        sorts = _sorts(obj)
        if not admits(after, home, labels[home]) or sorts & takes(before) - takes(after):
            found.append(ref(obj))
    return sorted(found)


def _sorts(obj: Obj) -> frozenset[str]:
    if kind_of(obj) == NAMESPACE:
        return _TAKES["all"]
    return _TAKES["service" if kind_of(obj) in (SERVICE, SERVICE_ENTRY) else "workload"]
