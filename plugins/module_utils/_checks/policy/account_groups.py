# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Policies with what moves made of them, and the pods that they are for. Pure.

What stands for another says so by an annotation; together they are one policy, which is carried out when one of them
is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..._desired.enrollment.model import NARROWED_ANNOTATION, TRANSLATED_ANNOTATION
from ..._desired.enrollment.translate_model import ROLE_ANNOTATION
from ..selectors import selects
from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of
from .account_paths import Facts, Path, Paths
from .scene import (
    AUTHORIZATION,
    GATEWAY,
    GATEWAY_CLASS,
    GATEWAY_NAME,
    REQUEST_AUTHENTICATION,
    SERVICE,
    SERVICE_ENTRY,
    TRAFFIC_EXTENSION,
    WASM_PLUGIN,
    Waypoint,
    kind_of,
)
from .view import View, action, selector, target_kind, targets

_KINDS = (AUTHORIZATION, REQUEST_AUTHENTICATION, WASM_PLUGIN, TRAFFIC_EXTENSION)
# What moves have made to let in, or to shut out, who comes by a waypoint or past it: they stand for no policy.
_HELPERS = ("admission", "protection")
_DRY_RUN = "istio.io/dry-run"
_CLASS = "istio-waypoint"


@dataclass(slots=True)
class Group:
    """One policy: `selecting` are its objects for pods' own proxies, `targeting` those for waypoints and gateways.

    `named_only`: the original names Services or a waypoint, so it was never for traffic that comes otherwise.
    """

    policy: str
    selecting: list[Obj] = field(default_factory=list)
    targeting: list[Obj] = field(default_factory=list)
    named_only: bool = False


def groups(view: View) -> list[Group]:
    """All policies that are to be carried out, by the name of the original."""
    found: dict[str, Group] = {}
    for kind in _KINDS:
        for policy in view.scene.all(kind):
            if not enforces(policy) or annotations_of(policy).get(ROLE_ANNOTATION) in _HELPERS:
                continue
            name, original = origin_of(_source(view, policy))
            group = found.get(name)
            if group is None:
                group = found[name] = Group(name)
            if targets(policy):
                group.targeting.append(policy)
                group.named_only = group.named_only or original
            else:
                group.selecting.append(policy)
    return [found[name] for name in sorted(found)]


def enforces(policy: Obj) -> bool:
    """Whether a policy is to keep anybody out: AUDIT and a dry run are not, nor a plugin for clients only."""
    if rehearses(policy):
        return False
    if kind_of(policy) == AUTHORIZATION:
        return action(policy) != "AUDIT"
    if kind_of(policy) in (WASM_PLUGIN, TRAFFIC_EXTENSION):
        modes = [match.get("mode") for match in dig(policy, "spec", "match") or ()]
        return not modes or any(mode != "CLIENT" for mode in modes)
    return True


def rehearses(policy: Obj) -> bool:
    """Whether a policy only tells in the log whom it would keep out."""
    return annotations_of(policy).get(_DRY_RUN, "").lower() in ("true", "t", "1")


def origin_of(policy: Obj) -> tuple[str, bool]:
    """The policy that an object stands for, as people name it, and whether that is this object itself."""
    given = annotations_of(policy).get(TRANSLATED_ANNOTATION, "")
    kind, slash, name = given.partition("/")
    if slash and kind and name:
        return f"{kind} {namespace_of(policy)}/{name}", False
    return f"{policy.get('kind', '')} {namespace_of(policy)}/{name_of(policy)}", True


def _source(view: View, policy: Obj) -> Obj:
    """The object whose origin is a policy's own: on the way back to sidecars a copy is made of a waypoint's copy."""
    if annotations_of(policy).get(ROLE_ANNOTATION) != "sidecar":
        return policy
    name = annotations_of(policy).get(TRANSLATED_ANNOTATION, "").rpartition("/")[2]
    found = view.scene.get(kind_of(policy), namespace_of(policy), name)
    return found if found is not None and annotations_of(found).get(ROLE_ANNOTATION) == "waypoint" else policy


def was_for(policy: Obj) -> dict[str, str] | None:
    """The labels that a narrowed policy was for before; None when it has not been narrowed."""
    given = annotations_of(policy).get(NARROWED_ANNOTATION)
    if given is None:
        return None
    try:
        found = json.loads(given)
    except ValueError:
        return {}
    if not isinstance(found, Mapping):
        return {}
    labels = found.get("matchLabels", found)
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}


class Reach:
    """Which pods a policy's objects are for, and which paths a target is on. Of one view."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.scene = paths.view.scene

    def pods(self, group: Group, namespaces: frozenset[str] | None) -> dict[int, Facts]:
        """The pods that the group is for, or was before it was narrowed, by identity."""
        found: dict[int, Facts] = {}
        for policy in group.selecting:
            self._add(found, self._selected(policy), namespaces)
        for policy in group.targeting:
            self._add(found, self.targeted(policy), namespaces)
        return found

    def _add(self, found: dict[int, Facts], pods: Iterable[Obj], namespaces: frozenset[str] | None) -> None:
        for pod in pods:
            if namespaces is None or namespace_of(pod) in namespaces:
                facts = self.paths.of(pod)
                if facts is not None:
                    found[id(pod)] = facts

    def _selected(self, policy: Obj) -> Iterable[Obj]:
        wide = was_for(policy)
        return self.scene.selected(namespace_of(policy), selector(policy) if wide is None else wide)

    def targeted(self, policy: Obj) -> Iterator[Obj]:
        """The pods behind what a policy's targetRefs name."""
        home = namespace_of(policy)
        for given in targets(policy):
            kind, name = target_kind(given), str(given.get("name"))
            if given.get("namespace") not in (None, "", home):
                continue
            if kind == SERVICE:
                service = self.scene.get(SERVICE, home, name)
                if service is not None:
                    yield from self._behind(service)
            elif kind == GATEWAY:
                gateway = self.scene.get(GATEWAY, home, name)
                if gateway is None or self.scene.is_waypoint(gateway):
                    yield from self._by.get(Waypoint(home, name), ())
                else:
                    yield from self.scene.selected(home, {GATEWAY_NAME: name})
            elif kind == GATEWAY_CLASS and name == _CLASS and home == self.scene.root:
                for pods in self._by.values():
                    yield from pods

    def _behind(self, service: Obj) -> list[Obj]:
        chosen = dig(service, "spec", "selector")
        return [pod for pod in self.scene.pods.get(namespace_of(service), ()) if selects(chosen, labels_of(pod))]

    @cached_property
    def _by(self) -> dict[Waypoint, list[Obj]]:
        """Pods by each waypoint that labels name for a way to them."""
        found: dict[Waypoint, list[Obj]] = defaultdict(list)
        for pods in self.scene.pods.values():
            for pod in pods:
                facts = self.paths.of(pod)
                for named in {path.named for path in facts.ways if path.named} if facts is not None else ():
                    found[named].append(pod)
        return found

    # -- one pod ----------------------------------------------------------------------------------------------------

    def named(self, policy: Obj, path: Path) -> bool:
        """Whether a policy's targetRefs name what is called on this path, or the waypoint that it is to go by."""
        home = namespace_of(policy)
        for given in targets(policy):
            kind, name = target_kind(given), str(given.get("name"))
            if given.get("namespace") not in (None, "", home):
                continue
            if kind in (SERVICE, SERVICE_ENTRY):
                if path.service is not None and _is(path.service, kind, home, name):
                    return True
            elif kind == GATEWAY:
                if path.named == (home, name):
                    return True
            elif kind == GATEWAY_CLASS and name == _CLASS and home == self.scene.root and path.named is not None:
                return True
        return False


def _is(obj: Obj, kind: str, namespace: str, name: str) -> bool:
    return (kind_of(obj), namespace_of(obj), name_of(obj)) == (kind, namespace, name)


def matching(policy: Obj, pod: Obj) -> bool:
    """Whether a policy's own selector, as it is now, has this pod, which is one of its namespaces."""
    labels = labels_of(pod)
    return all(labels.get(key) == value for key, value in selector(policy).items())
