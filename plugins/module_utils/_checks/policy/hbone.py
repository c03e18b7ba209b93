# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""NetworkPolicies that keep HBONE out, by which all traffic of an ambient mesh comes in. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from .. import selectors
from ..snapshot import Obj, dig, labels_of, namespace_of, ref
from .model import Judged
from .scene import NETWORK_POLICY
from .view import View

_HBONE = 15008


def hbone(view: View, cause: Obj, pods: Sequence[Obj]) -> Iterator[Judged]:
    """Ambient pods that only HBONE can reach then, and a NetworkPolicy that keeps it out."""
    blocked: dict[str, Obj] = {}
    for pod in pods:
        if view.scene.enrolled(pod) == "ambient" and (policy := blocking(view, pod)) is not None:
            blocked[ref(policy)] = policy
    for name in sorted(blocked):
        yield Judged(
            "hbone-blocked",
            cause,
            f"leaves only HBONE, whose port {_HBONE} {name} does not let in",
            f"Add port {_HBONE} (TCP) to its ingress ports.",
            "warning",
            subject=name,
        )


def network_policy(view: View, obj: Obj) -> Iterator[Judged]:
    """A NetworkPolicy that lets some ports in to ambient pods, but not the one by which the mesh comes."""
    if not dig(obj, "spec", "ingress"):
        # Nothing is to come in: that is meant.
        return
    namespace = namespace_of(obj)
    # With the root namespace pods of all namespaces are selected.
    pods = view.scene.selected(namespace, dig(obj, "spec", "podSelector", "matchLabels") or {})
    if any(
        namespace_of(pod) == namespace
        and view.scene.enrolled(pod) == "ambient"
        and _selects(obj, pod)
        and blocking(view, pod) is not None
        for pod in pods
    ):
        yield Judged(
            "hbone-blocked",
            obj,
            f"lets ports in to ambient pods, but not {_HBONE}, by which all traffic of the mesh comes to them",
            f"Add port {_HBONE} (TCP) to its ingress ports.",
            "warning",
        )


def blocking(view: View, pod: Obj) -> Obj | None:
    """A NetworkPolicy for this pod, where none of all that are lets in port 15008."""
    known = view.once(_blocked)
    if id(pod) not in known:
        of_space = view.once(_by_namespace)
        given = of_space[namespace_of(pod)].of(labels_of(pod)) if namespace_of(pod) in of_space else ()
        mine = [policy for policy in given if _selects(policy, pod)]
        opened = any(lets_hbone(rule) for policy in mine for rule in dig(policy, "spec", "ingress") or ())
        known[id(pod)] = mine[0] if mine and not opened else None
    return known[id(pod)]


def _blocked(view: View) -> dict[int, Obj | None]:
    """What has been found out of each pod, by identity."""
    return {}


def _by_namespace(view: View) -> dict[str, selectors.Index[Obj]]:
    """By the labels that they ask for; expressions are looked at afterwards."""
    found: dict[str, selectors.Index[Obj]] = defaultdict(selectors.Index)
    for policy in view.scene.all(NETWORK_POLICY):
        found[namespace_of(policy)].add(dig(policy, "spec", "podSelector", "matchLabels") or {}, policy)
    return found


def _selects(policy: Obj, pod: Obj) -> bool:
    spec = policy.get("spec") or {}
    types = spec.get("policyTypes") or ["Ingress"]
    return "Ingress" in types and selectors.matches(spec.get("podSelector"), labels_of(pod))


def lets_hbone(rule: Any) -> bool:
    """Whether a rule of a NetworkPolicy, for whoever it is, has port 15008 among its ports."""
    ports = rule.get("ports")
    if not ports:
        return True
    for entry in ports:
        port, end = entry.get("port"), entry.get("endPort")
        if port is None or port == _HBONE or (isinstance(port, int) and end and port <= _HBONE <= end):
            return True
    return False
