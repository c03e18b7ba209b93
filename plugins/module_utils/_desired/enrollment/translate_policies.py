# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The policies that a move looks at: of its namespace, of the whole mesh, and what earlier moves made. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..._checks.policy.model import some
from ..._checks.policy.scene import (
    AUTHORIZATION,
    REQUEST_AUTHENTICATION,
    TELEMETRY,
    TRAFFIC_EXTENSION,
    WASM_PLUGIN,
    Waypoint,
    kind_of,
)
from ..._checks.policy.view import View, action, selector, targets
from ..._checks.snapshot import Obj, dig, name_of, namespace_of
from .translate_model import Draft, is_changed, is_dry_run, origin_of, role_of, widen
from .translate_rules import for_proxies
from .translate_targets import Reach, reach

KINDS = (AUTHORIZATION, REQUEST_AUTHENTICATION, WASM_PLUGIN, TRAFFIC_EXTENSION, TELEMETRY)
PLUGINS = (WASM_PLUGIN, TRAFFIC_EXTENSION)


@dataclass(frozen=True, slots=True)
class Policy:
    """One with a selector, or for its whole namespace. `live` as it is, `obj` as it was before any move changed it.

    `proxies` is what of it only a proxy carries out, as people name it; empty where ztunnel carries out all.
    """

    live: Obj
    obj: Obj
    reach: Reach
    proxies: tuple[str, ...]

    @property
    def kind(self) -> str:
        return kind_of(self.obj)

    @property
    def labels(self) -> dict[str, str]:
        return selector(self.obj)

    @property
    def allows(self) -> bool:
        """Whether it is an ALLOW in force: with one, whom none admits is refused."""
        return self.kind == AUTHORIZATION and action(self.obj) == "ALLOW" and not is_dry_run(self.obj)

    @property
    def marks(self) -> set[Any]:
        """By what it is told whether another is for the same workloads: their pods, and the Services before them."""
        return {id(pod) for pod in self.reach.pods} | {name_of(service) for service in self.reach.services}


@dataclass(slots=True)
class Policies:
    """`own` are the namespace's, `mesh` those of the root namespace; `earlier` is what moves have made."""

    own: list[Policy] = field(default_factory=list)
    mesh: list[Policy] = field(default_factory=list)
    earlier: list[Obj] = field(default_factory=list)
    left_over: list[Obj] = field(default_factory=list)


def policies(view: View, namespace: str, waypoint: Waypoint, *, for_proxies_only: bool = False) -> Policies:
    """Those by selector, less those for gateways only. `left_over`: copies for sidecars, with their originals there."""
    found = Policies()
    for obj in of_namespace(view, namespace):
        role = role_of(obj)
        if role == "sidecar" and origin_exists(view, obj):
            found.left_over.append(obj)
        elif role and role != "sidecar":
            found.earlier.append(obj)
        elif not targets(obj):
            one = _policy(view, obj, namespace, waypoint, for_proxies_only)
            if one is not None:
                found.own.append(one)
    for obj in of_namespace(view, view.scene.root):
        if not targets(obj) and not role_of(obj):
            one = _policy(view, obj, namespace, waypoint, for_proxies_only)
            # With no pod in scope it is about nothing that moves.
            if one is not None and one.reach.pods:
                found.mesh.append(one)
    return found


def of_namespace(view: View, namespace: str) -> list[Obj]:
    """Policies of all the kinds, by kind and name."""
    return view.once(_by_namespace).get(namespace, [])


def origin_exists(view: View, obj: Obj) -> bool:
    """Whether what a copy stands for is still there."""
    return origin_in(view, obj) is not None


def origin_in(view: View, obj: Obj) -> Obj | None:
    """What a copy stands for; a copy for sidecars may have its name, and is not it."""
    parts = origin_of(obj).split("/")
    home = parts[1] if len(parts) == 3 else namespace_of(obj)
    for one in of_namespace(view, home):
        if one.get("kind") == parts[0] and name_of(one) == parts[-1] and role_of(one) != "sidecar":
            return one
    return None


def modes(obj: Obj) -> set[str]:
    """For which side of a connection a plugin or Telemetry says it is: CLIENT, SERVER, or "" for both."""
    given = [one.get("mode") for one in dig(obj, "spec", "match") or ()]
    for part in ("metrics", "tracing", "accessLogging"):
        for one in dig(obj, "spec", part) or ():
            given += [dig(over, "match", "mode") for over in one.get("overrides") or ()]
            given += [dig(one, "match", "mode")] if one.get("match") else []
    return {"" if mode in (None, "UNDEFINED", "CLIENT_AND_SERVER") else str(mode) for mode in given}


def unplugged(obj: Obj) -> str:
    """Why a plugin cannot run at a waypoint as it does at a sidecar, in words; "" when it can."""
    if kind_of(obj) not in PLUGINS:
        return ""
    if any(one.get("ports") for one in dig(obj, "spec", "match") or ()):
        return "is for certain ports (match.ports), and at a waypoint such a plugin never runs"
    if modes(obj) == {"CLIENT"}:
        return "is for what its workloads send (match.mode CLIENT), which in ambient no proxy of theirs sees"
    return ""


def about_left_out(one: Policy, draft: Draft, *, whole: bool) -> bool:
    """Say which workloads a waypoint does not stand before; whether the policy can be translated for the others."""
    reach_ = one.reach
    for service, others in reach_.wider:
        draft.block(
            one.live,
            f"is not for all that Service {service} leads to: at the waypoint it would be for {others} too",
            "Make a Service for those workloads alone, or let the policy be for all of them.",
        )
    away = [(service, waypoint) for service, waypoint in reach_.elsewhere if whole or waypoint is not None]
    for service, waypoint in away:
        draft.block(
            one.live,
            f"is for what Service {service} leads to, which "
            + (
                f"names the waypoint {waypoint} itself"
                if waypoint
                else "says that it uses none (istio.io/use-waypoint)"
            ),
            "Take the label istio.io/use-waypoint off that Service.",
        )
    if whole and reach_.bare:
        draft.block(
            one.live,
            f"is for {some(list(reach_.bare))}, to which no Service with an address leads: no waypoint stands before "
            f"it, and ztunnel knows nothing of {some(list(one.proxies))}",
            "Make a Service for it; or accept that who comes straight to its pods is not judged.",
        )
    return not reach_.wider and not away


def _policy(view: View, live: Obj, namespace: str, waypoint: Waypoint, for_proxies_only: bool) -> Policy | None:
    obj = widen(live) if is_changed(live) else live
    kind = kind_of(obj)
    if kind == TELEMETRY and (not selector(obj) or namespace_of(obj) == view.scene.root):
        # Waypoints take the namespace's and the mesh's.
        return None
    proxies = for_proxies(obj) if kind == AUTHORIZATION else [str(obj["kind"])]
    if for_proxies_only and not proxies:
        return None
    found = reach(view, namespace, selector(obj), waypoint)
    if found.gateways and not found.pods:
        return None
    return Policy(live, obj, found, tuple(proxies))


def _by_namespace(view: View) -> dict[str, list[Obj]]:
    found: dict[str, list[Obj]] = defaultdict(list)
    for obj in _all(view):
        found[namespace_of(obj)].append(obj)
    return found


def _all(view: View) -> Iterator[Obj]:
    for kind in KINDS:
        yield from sorted(view.scene.all(kind), key=lambda obj: (namespace_of(obj), name_of(obj)))


def clashes(view: View, kind: str, namespace: str, name: str, origin: str, role: str) -> bool:
    """Whether somebody else's object has this name."""
    there = view.scene.get(kind, namespace, name)
    return there is not None and (role_of(there) != role or origin_of(there) != origin)
