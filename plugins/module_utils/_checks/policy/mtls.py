# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which workloads refuse clients without mTLS: by PeerAuthentication, or by what AuthorizationPolicies admit. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from ..selectors import Index
from ..snapshot import Obj, dig, labels_of, meta, name_of, namespace_of
from .identities import admits_anonymous, admits_nobody
from .scene import AUTHORIZATION, PEER_AUTHENTICATION
from .view import View, action, selector, targets

_STRICT = "STRICT"
# What has just been written has no time yet, and is younger than all there is.
_LATER = "9999"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a pod refuses to clients without mTLS. `ports`: None for all but `exempt`, else only these."""

    cause: Obj
    ports: frozenset[int] | None = None
    exempt: frozenset[int] = frozenset()

    def covers(self, port: int) -> bool:
        return port not in self.exempt if self.ports is None else port in self.ports

    def within(self, other: Refusal | None) -> bool:
        """Whether the other refuses all of this already."""
        if other is None:
            return False
        if self.ports is None:
            return other.ports is None and other.exempt <= self.exempt
        return all(other.covers(port) for port in self.ports)


class Refusals:
    """Of one scene: what each pod refuses. The oldest of several policies for the same counts, as istiod has it."""

    def __init__(self, view: View) -> None:
        self.view = view
        root = view.scene.root
        self.mesh: Obj | None = None
        self.spaces: dict[str, Obj] = {}
        self.workloads: dict[str, list[Obj]] = defaultdict(list)
        self._own: dict[str, Index[Obj]] = defaultdict(Index)
        self._allowing: dict[int, list[Obj]] = {}
        for policy in sorted(view.scene.all(PEER_AUTHENTICATION), key=_age):
            namespace = namespace_of(policy)
            if selector(policy):
                self.workloads[namespace].append(policy)
                self._own[namespace].add(selector(policy), policy)
            elif namespace == root:
                self.mesh = self.mesh or policy
            else:
                self.spaces.setdefault(namespace, policy)

    def of(self, pod: Obj) -> Refusal | None:
        """By PeerAuthentication."""
        namespace = namespace_of(pod)
        own = self._own[namespace].of(labels_of(pod)) if namespace in self._own else ()
        return self._of_workload(own[0], namespace) if own else self._of_namespace(namespace)

    def stated(self, namespace: str) -> str:
        """What PeerAuthentications say of a namespace: STRICT, PERMISSIVE, DISABLE, UNSET, or MIXED where those for
        workloads or ports of it say otherwise."""
        whole = next((mode for mode in (self._mode_of(namespace), self._mode_of("")) if mode != "UNSET"), "UNSET")
        # nothing said is permissive
        same = {"UNSET", whole, *(("PERMISSIVE",) if whole == "UNSET" else ())}
        modes: set[str] = set()
        for policy in self.workloads.get(namespace, ()):
            modes.add(_mode(policy))
            modes.update(str((mtls or {}).get("mode") or "UNSET") for mtls in _port_modes(policy).values())
        return whole if modes <= same else "MIXED"

    def _mode_of(self, namespace: str) -> str:
        policy = self.spaces.get(namespace) if namespace else self.mesh
        return _mode(policy) if policy is not None else "UNSET"

    def _of_namespace(self, namespace: str) -> Refusal | None:
        for policy in (self.spaces.get(namespace), self.mesh):
            if policy is not None and _mode(policy) != "UNSET":
                return Refusal(policy) if _mode(policy) == _STRICT else None
        return None

    def _of_workload(self, policy: Obj, namespace: str) -> Refusal | None:
        ports = {int(port): str((mtls or {}).get("mode") or "UNSET") for port, mtls in _port_modes(policy).items()}
        mode, above = _mode(policy), self._of_namespace(namespace)
        strict = mode == _STRICT or (mode == "UNSET" and above is not None)
        if strict:
            exempt = frozenset(port for port, one in ports.items() if one in ("PERMISSIVE", "DISABLE"))
            return Refusal(policy if mode == _STRICT or above is None else above.cause, None, exempt)
        only = frozenset(port for port, one in ports.items() if one == _STRICT)
        return Refusal(policy, only) if only else None

    # -- AuthorizationPolicies --------------------------------------------------------------------------------------

    def allowing(self, pod: Obj) -> list[Obj]:
        """The ALLOW policies that are for this pod."""
        found = self._allowing.get(id(pod))
        if found is None:
            found = self._allowing[id(pod)] = self.view.allowing(pod)
        return found

    def denied_to_all(self, pod: Obj) -> Obj | None:
        """The policy by which nobody at all is admitted to this pod, None when somebody may be."""
        for namespace in dict.fromkeys((namespace_of(pod), self.view.scene.root)):
            if namespace in self._denying and (denying := self._denying[namespace].of(labels_of(pod))):
                return denying[0]
        found = self.allowing(pod)
        return found[0] if found and all(admits_nobody(policy) for policy in found) else None

    def by_identity(self, pod: Obj) -> Obj | None:
        """The ALLOW policy by which nobody without an identity is admitted to this pod."""
        found = self.allowing(pod)
        if not found or any(admits_anonymous(policy) for policy in found):
            return None
        return next((policy for policy in found if not admits_nobody(policy)), None)

    @cached_property
    def _denying(self) -> dict[str, Index[Obj]]:
        """DENY policies with a rule that says nothing, and so is for everything."""
        found: dict[str, Index[Obj]] = defaultdict(Index)
        for policy in self.view.scene.all(AUTHORIZATION):
            rules = dig(policy, "spec", "rules") or ()
            if action(policy) == "DENY" and not targets(policy) and any(not rule for rule in rules):
                found[namespace_of(policy)].add(selector(policy), policy)
        return found


def _age(policy: Obj) -> tuple[str, str]:
    return str(meta(policy).get("creationTimestamp") or _LATER), name_of(policy)


def _mode(policy: Obj) -> str:
    return str(dig(policy, "spec", "mtls", "mode") or "UNSET")


def _port_modes(policy: Obj) -> dict[str, Obj]:
    return dict(dig(policy, "spec", "portLevelMtls") or {})
