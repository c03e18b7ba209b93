# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What lets a waypoint to the workloads, and what keeps others from them: policies beside the translated ones. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ..._checks.policy.scene import AUTHORIZATION, Waypoint, kind_of
from ..._checks.policy.view import View
from ..._checks.snapshot import Obj, name_of, namespace_of
from .translate_model import made, named, origin, origin_of, role_of
from .translate_policies import Policies, Policy, clashes, of_namespace, origin_exists
from .translate_rules import admission, admits_surely

_API_VERSION = "security.istio.io/v1"


class Beside:
    """Of one namespace and its waypoint: `client` is its namespace and account, by which ztunnel sees it."""

    def __init__(self, view: View, namespace: str, client: Waypoint, principal: str, known: Policies) -> None:
        self.view, self.namespace, self.client, self.principal = view, namespace, client, principal
        self.known = known

    def admissions(self, copied: Sequence[Policy]) -> list[Obj]:
        """ALLOWs for the waypoint wherever one stays that would not admit it. `copied` are those judged there now."""
        staying = [one for one in (*self.known.own, *self.known.mesh) if one.allows and not one.proxies]
        covered: set[int] = set()
        for one in staying:
            if admits_surely(one.obj, self.client):
                covered |= _pods(one)
        found: list[Obj] = []
        # Those for the most first: what they cover needs no other.
        judged = sorted((one for one in copied if one.allows), key=lambda one: len(one.labels))
        for one in judged:
            if one in staying and one in self.known.own and (not one.reach.pods or _pods(one) - covered):
                found.append(self._admission(one, one.labels, found))
                covered |= _pods(one)
        for one in judged:
            for other in staying:
                if (_pods(one) & _pods(other)) - covered:
                    found.append(self._admission(one, {**other.labels, **one.labels}, found))
                    covered |= _pods(one) & _pods(other)
        # Those of an earlier move, whose originals are gone and whose copies still need them.
        for obj in self.known.earlier:
            if role_of(obj) == "admission" and self._still_needed(obj) and name_of(obj) not in map(name_of, found):
                found.append(obj)
        return found

    def protections(self, carried: Sequence[Policy]) -> list[Obj]:
        """DENYs for whoever does not come by the waypoint, for the workloads that it judges HTTP for."""
        selectors: list[dict[str, str]] = []
        found: list[Obj] = []
        for one in sorted(carried, key=lambda each: len(each.labels)):
            if any(other.items() <= one.labels.items() for other in selectors):
                continue
            selectors.append(one.labels)
            rules = [{"from": [{"source": {"notPrincipals": [self.principal]}}]}]
            found.append(self._beside(one, "protection", one.labels, {"action": "DENY", "rules": rules}, found))
        names = {name_of(obj) for obj in found}
        found += [obj for obj in self.known.earlier if role_of(obj) == "protection" and name_of(obj) not in names]
        return found

    def _admission(self, one: Policy, labels: dict[str, str], others: Sequence[Obj]) -> Obj:
        rules = [admission(self.principal)]
        return self._beside(one, "admission", labels, {"action": "ALLOW", "rules": rules}, others)

    def _beside(self, one: Policy, role: Any, labels: dict[str, str], spec: Any, others: Sequence[Obj]) -> Obj:
        chosen = {"selector": {"matchLabels": labels}} if labels else {}
        home = namespace_of(one.obj)
        base = name_of(one.obj) if home == self.namespace else f"{home}-{name_of(one.obj)}"
        suffix = "-admit-waypoint" if role == "admission" else "-protect-waypoint"
        said = origin(one.obj, self.namespace)
        name = named(base, suffix)
        taken = {name_of(obj) for obj in others}
        if name in taken or clashes(self.view, AUTHORIZATION, self.namespace, name, said, role):
            mark = hashlib.sha256(json.dumps([said, labels], sort_keys=True).encode()).hexdigest()[:8]
            name = named(base, f"-{mark}{suffix}")
        found = made(one.obj, role, self.namespace, name, {**chosen, **spec})
        if kind_of(one.obj) != AUTHORIZATION:
            found.update(apiVersion=_API_VERSION, kind="AuthorizationPolicy")
        return found

    def _still_needed(self, obj: Obj) -> bool:
        return not origin_exists(self.view, obj) and any(
            role_of(other) == "waypoint" and origin_of(other) == origin_of(obj)
            for other in of_namespace(self.view, self.namespace)
        )


def _pods(one: Policy) -> set[int]:
    return {id(pod) for pod in one.reach.pods}
