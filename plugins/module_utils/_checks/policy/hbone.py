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
    pods = [pod for pod in view.scene.pods.get(namespace_of(obj), ()) if view.scene.enrolled(pod) == "ambient"]
    if any(_selects(obj, pod) and blocking(view, pod) is not None for pod in pods):
        yield Judged(
            "hbone-blocked",
            obj,
            f"lets ports in to ambient pods, but not {_HBONE}, by which all traffic of the mesh comes to them",
            f"Add port {_HBONE} (TCP) to its ingress ports.",
            "warning",
        )


def blocking(view: View, pod: Obj) -> Obj | None:
    """A NetworkPolicy for this pod, where none of all that are lets in port 15008."""
    mine = [policy for policy in view.once(_by_namespace).get(namespace_of(pod), ()) if _selects(policy, pod)]
    if any(lets_hbone(rule) for policy in mine for rule in dig(policy, "spec", "ingress") or ()):
        return None
    return mine[0] if mine else None


def _by_namespace(view: View) -> dict[str, list[Obj]]:
    found: dict[str, list[Obj]] = defaultdict(list)
    for policy in view.scene.all(NETWORK_POLICY):
        found[namespace_of(policy)].append(policy)
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
