# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How the enforcement account is drawn up: from policies and pods to rows. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from ..snapshot import Obj, namespace_of, ref
from .account_closing import STRICT, Closing
from .account_groups import Group, Reach, groups, matching, rehearses
from .account_model import CLIENTS, ClientClass, Held, Row, best, bound, gap, unknown, worst
from .account_paths import STRAIGHT, Facts, Path, Paths
from .account_proxies import GATEWAY_PROXY, SIDECAR, ZTUNNEL, Proxies
from .scene import AUTHORIZATION, PEER_AUTHENTICATION, POD, SERVICE, SERVICE_ENTRY, kind_of
from .view import View, action, target_kind, targets

_DIRECT = STRAIGHT[0]
_PAST = {
    "sidecar": "clients with a proxy of their own go past waypoints",
    "outside": "clients outside the mesh go past waypoints",
}


class Ledger:
    """Of one view; what is asked of it again and again is kept."""

    def __init__(self, view: View) -> None:
        self.view, self.scene = view, view.scene
        self.paths = view.once(Paths)
        self.proxies = Proxies(self.paths)
        self.reach = Reach(self.paths)
        self.closing = Closing(self.proxies)

    @cached_property
    def groups(self) -> list[Group]:
        return groups(self.view)

    def rows(self, namespaces: frozenset[str] | None) -> list[Row]:
        found: list[Row] = []
        for group in self.groups:
            by_workload: dict[str, list[Facts]] = defaultdict(list)
            for facts in self.reach.pods(group, namespaces).values():
                by_workload[facts.workload].append(facts)
            for workload, pods in by_workload.items():
                found += self._of_workload(group, workload, pods)
            found += self._of_entries(group, namespaces)
            found += self._unread(group, namespaces)
        found += self._strict(namespaces)
        return sorted(found, key=lambda row: (row.policy, row.workload, CLIENTS.index(row.client)))

    def _of_workload(self, group: Group, workload: str, pods: list[Facts]) -> Iterator[Row]:
        straight = [best(self._selecting(group, facts, _DIRECT)) for facts in pods]
        for client in CLIENTS:
            # Whom the pod's own proxy stops, however it comes, need not be looked at for each class.
            held = [
                direct
                if direct is not None and direct.verdict == "bound" and (facts.plain or client != "ambient")
                else self._held(group, facts, client)
                for direct, facts in zip(straight, pods, strict=True)
            ]
            yield self._row(group.policy, workload, client, held, pods[0])

    def _row(self, policy: str, workload: str, client: ClientClass, held: list[Held], facts: Facts | None) -> Row:
        verdict = _sure(worst(held))
        reason = verdict.reason
        if reason and len(held) > 1:
            as_bad = sum(1 for one in held if one.verdict == verdict.verdict)
            reason = f"{reason} ({as_bad} of {len(held)} pods)"
        present = self.paths.present(client, facts)
        return Row(policy, workload, client, verdict.verdict, tuple(sorted(verdict.by)), reason, present)

    # -- one pod, one class of clients -------------------------------------------------------------------------------

    def _held(self, group: Group, facts: Facts, client: ClientClass) -> Held:
        ways = facts.ways if client == "ambient" else STRAIGHT
        if group.named_only and client == "ambient":
            called = [path.service for path in ways if any(self.reach.named(one, path) for one in group.targeting)]
            # By a canary too, which the policy may not name.
            ways = tuple(path for path in ways if any(path.service is one for one in called)) or ways
        return _sure(worst(self._on(group, facts, client, path) for path in ways))

    def _on(self, group: Group, facts: Facts, client: ClientClass, path: Path) -> Held:
        """What becomes of the policy on one path."""
        if path.state == "down":
            return bound(_down(path))
        held = best((*self._selecting(group, facts, path), *self._targeting(group, facts, path)))
        if held is not None and held.verdict == "bound":
            return held
        if path.through is None:
            closed = self.closing.refused(facts, client)
            if closed is not None and (closed.verdict == "bound" or held is None or held.verdict == "gap"):
                return closed
        if path.state == "unknown" and (held is None or group.targeting):
            return unknown(path.note)
        return self._reason(group, client, path, held)

    def _selecting(self, group: Group, facts: Facts, path: Path) -> Iterator[Held]:
        for policy in group.selecting:
            if matching(policy, facts.pod):
                yield self.proxies.own(policy, facts, path)

    def _targeting(self, group: Group, facts: Facts, path: Path) -> Iterator[Held]:
        for policy in group.targeting:
            if facts.mode == "gateway":
                yield bound(GATEWAY_PROXY)
            elif path.state == "up" and self.reach.named(policy, path):
                yield bound(f"waypoint {path.named}")

    def _reason(self, group: Group, client: ClientClass, path: Path, held: Held | None) -> Held:
        if not group.targeting or (held is not None and held.verdict == "unknown"):
            return held or gap("it is narrowed to pods with a proxy, and nothing else carries it out")
        if client != "ambient":
            return gap(_PAST[client])
        if path.through is not None:
            return gap(f"the waypoint {path.named} has nothing of it for {_called(path)}")
        return gap(path.note or f"{_called(path)} uses no waypoint")

    # -- what is not a pod: hosts of ServiceEntries, and mTLS ----------------------------------------------------------

    def _of_entries(self, group: Group, namespaces: frozenset[str] | None) -> Iterator[Row]:
        """ServiceEntries that targetRefs name. Clients outside the mesh never had to do with them."""
        entries: dict[str, Obj] = {}
        for policy in group.targeting:
            home = namespace_of(policy)
            for given in targets(policy) if namespaces is None or home in namespaces else ():
                entry = self.scene.get(SERVICE_ENTRY, home, str(given.get("name")))
                if entry is not None and target_kind(given) == SERVICE_ENTRY:
                    entries[ref(entry)] = entry
        for label, entry in entries.items():
            held = [self._at_entry(group, label, path) for path in self.paths.bindings(entry)]
            yield self._row(group.policy, label, "ambient", held, None)
            yield self._row(group.policy, label, "sidecar", [gap(_PAST["sidecar"])], None)

    def _at_entry(self, group: Group, label: str, path: Path) -> Held:
        if path.state == "down":
            return bound(_down(path))
        if path.state == "unknown":
            return unknown(path.note)
        if path.through is None:
            return gap(path.note or f"{label} uses no waypoint")
        if any(self.reach.named(policy, path) for policy in group.targeting):
            return bound(f"waypoint {path.named}")
        return gap(f"the waypoint {path.named} has nothing of it for {label}")

    def _unread(self, group: Group, namespaces: frozenset[str] | None) -> Iterator[Row]:
        """What could not be looked at is not left out in silence: pods of a policy's namespace, Services it names."""
        homes = {namespace_of(policy) for policy in (*group.selecting, *group.targeting)}
        for home in sorted(homes if namespaces is None else homes & namespaces):
            lacking = [] if self.scene.knows(POD, home) else [(f"Namespace {home}", "its pods")]
            if not self.scene.knows(SERVICE, home):
                lacking += [(f"Service {home}/{name}", "it") for name in sorted(self._services_named(group, home))]
            for label, what in lacking:
                for client in CLIENTS:
                    yield self._row(group.policy, label, client, [unknown(f"{what} could not be read")], None)

    @staticmethod
    def _services_named(group: Group, home: str) -> set[str]:
        return {
            str(given.get("name"))
            for policy in group.targeting
            for given in targets(policy)
            if namespace_of(policy) == home and target_kind(given) == SERVICE
        }

    def _strict(self, namespaces: frozenset[str] | None) -> Iterator[Row]:
        """PeerAuthentication STRICT, where it is the one in force for a pod."""
        if not any(True for _policy in self.scene.all(PEER_AUTHENTICATION)):
            return
        found: dict[tuple[str, str], list[tuple[Held, Facts]]] = defaultdict(list)
        for namespace, pods in self.scene.pods.items():
            for pod in pods if namespaces is None or namespace in namespaces else ():
                refusal = self.paths.refusals.of(pod)
                facts = self.paths.of(pod) if refusal is not None else None
                if refusal is None or facts is None:
                    continue
                if facts.mode == "none":
                    held = gap("no proxy: nothing refuses clients without mTLS")
                else:
                    held = bound({"sidecar": SIDECAR, "ambient": ZTUNNEL}.get(facts.mode, GATEWAY_PROXY), STRICT)
                found[(ref(refusal.cause), facts.workload)].append((held, facts))
        for (policy, workload), held_by in found.items():
            yield self._row(policy, workload, "outside", [held for held, _facts in held_by], held_by[0][1])

    # -- whose configuration has it ----------------------------------------------------------------------------------

    def enforcers(self, policy: Obj) -> dict[str, frozenset[str]]:
        kind = kind_of(policy)
        if kind == PEER_AUTHENTICATION:
            return self._requirers(policy)
        found: dict[str, frozenset[str]] = {}
        if rehearses(policy):
            return found
        if targets(policy):
            for pod in self.reach.targeted(policy):
                facts = self.paths.of(pod)
                if facts is not None:
                    who = self._targeted(policy, facts)
                    if who:
                        found[facts.name] = who
            return found
        by_ztunnel = kind == AUTHORIZATION and action(policy) in ("ALLOW", "DENY")
        whom = {"sidecar": SIDECAR, "gateway": GATEWAY_PROXY, **({"ambient": ZTUNNEL} if by_ztunnel else {})}
        for facts in self.reach.pods(Group("", [policy]), None).values():
            if facts.mode in whom and matching(policy, facts.pod):
                found[facts.name] = frozenset((whom[facts.mode],))
        return found

    def _targeted(self, policy: Obj, facts: Facts) -> frozenset[str]:
        if facts.mode == "gateway":
            return frozenset((GATEWAY_PROXY,))
        ways = (path for path in facts.ways if path.through is not None and self.reach.named(policy, path))
        return frozenset(f"waypoint {path.named}" for path in ways)

    def _requirers(self, policy: Obj) -> dict[str, frozenset[str]]:
        whom = {"sidecar": SIDECAR, "gateway": GATEWAY_PROXY, "ambient": ZTUNNEL}
        found = {}
        for pods in self.scene.pods.values():
            for pod in pods:
                refusal = self.paths.refusals.of(pod)
                facts = self.paths.of(pod) if refusal is not None and refusal.cause is policy else None
                if facts is not None and facts.mode in whom:
                    found[facts.name] = frozenset((whom[facts.mode],))
        return found


def _sure(held: Held | None) -> Held:
    """There is always a way to a pod, and a pod of a workload."""
    return held or unknown("there is no way to it")


def _down(path: Path) -> str:
    return f"waypoint {path.named} (no ready pod, refuses everyone)"


def _called(path: Path) -> str:
    return ref(path.service) if path.service is not None else "the pods' own address"
