# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who would lose traffic by STRICT and by default-deny. Pure.

Being outside the mesh is no proof of being a client: what refuses is evidence (traffic that Prometheus has seen, a
neighbour without a proxy, an Ingress, an annotation that asks to be scraped); the rest is told as a warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..model import counted
from ..skew import workload_of
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .clients import Group, plaintext
from .identities import admits, rules_of
from .model import Judged, some
from .mtls import Refusal, Refusals
from .scene import AUTHORIZATION, PEER_AUTHENTICATION, kind_of
from .view import View, action, selector, targets
from .ways import gateways_to


@dataclass(frozen=True, slots=True)
class Client:
    """Traffic that was seen. `account` is "" for a client without identity; `workload` may be "unknown"."""

    namespace: str
    workload: str
    account: str
    to_namespace: str
    to_workload: str
    count: float
    mtls: bool

    @property
    def told(self) -> str:
        who = f"{self.namespace}/{self.workload}" if self.workload != "unknown" else "a client outside the mesh"
        return f"{who} to {self.to_namespace}/{self.to_workload} ({self.count:.0f} in all)"


def scope_of(root: str, policies: Iterable[Obj]) -> set[str] | None:
    """The namespaces for which these policies may matter; None for all of the mesh. `root`: the root namespace."""
    found = set()
    for policy in policies:
        if namespace_of(policy) == root and not (kind_of(policy) == PEER_AUTHENTICATION and selector(policy)):
            return None
        found.add(namespace_of(policy))
    return found


def matters(policy: Obj, *, new: bool = False) -> bool:
    """Whether a policy that is written or removed can lock anybody out; `new`: there was none of this name before."""
    if kind_of(policy) == PEER_AUTHENTICATION:
        spec = policy.get("spec") or {}
        modes = [spec.get("mtls"), *(spec.get("portLevelMtls") or {}).values()]
        # One that goes or changes may have been what exempted from another.
        return not new or any((mtls or {}).get("mode") == "STRICT" for mtls in modes)
    if kind_of(policy) != AUTHORIZATION or targets(policy):
        return False
    if action(policy) == "DENY":
        return any(not rule for rule in rules_of(policy))
    return action(policy) == "ALLOW"


class Lockout:
    """What the policies that a run writes and removes (`touched`) lock out."""

    def __init__(self, before: View, after: View, touched: Sequence[Obj]) -> None:
        self.before, self.after, self.touched = before, after, touched
        self.was, self.will = before.once(Refusals), after.once(Refusals)
        self.strict: dict[str, Group] = {}
        self.identity: dict[str, Group] = {}
        self.nobody: dict[str, tuple[Obj, list[Obj]]] = {}
        self.narrowed: list[Obj] = []
        scope = scope_of(after.scene.root, touched)
        by_who = any(kind_of(policy) == AUTHORIZATION for policy in touched)
        for namespace in sorted(after.scene.pods if scope is None else scope):
            for pod in after.scene.pods.get(namespace, ()):
                mode = after.scene.enrolled(pod)
                if mode in ("sidecar", "ambient"):
                    self._mtls(pod)
                if mode != "none" and by_who:
                    self._admission(pod, mode)

    @property
    def anybody(self) -> bool:
        """Whether some workload is about to refuse somebody, so that it matters who is there."""
        return bool(self.strict or self.identity or self.nobody or self.narrowed)

    @property
    def namespaces(self) -> set[str]:
        """Those about whose clients Prometheus is to be asked."""
        groups = (*self.strict.values(), *self.identity.values())
        found = {namespace for group in groups for namespace in group.spaces}
        found |= {namespace_of(pod) for _cause, pods in self.nobody.values() for pod in pods}
        return found | {namespace_of(pod) for pod in self.narrowed}

    def judge(self, seen: Sequence[Client] | None = None) -> Iterator[Judged]:
        """The findings. `seen`: what Prometheus saw, None when it was not asked."""
        for group in (*self.strict.values(), *self.identity.values()):
            yield from _seen_plaintext(self.after, group, seen)
            yield from plaintext(self.after, group, proven=seen is None)
        for cause, pods in self.nobody.values():
            yield from _nobody(self.after, cause, pods, seen)
        yield from self._left_out(seen)
        for policy in self.touched:
            yield from _without_proxy(self.after, policy)

    def _mtls(self, pod: Obj) -> None:
        refusal = self.will.of(pod)
        if refusal is not None and not refusal.within(self.was.of(pod)):
            _group(self.strict, refusal).pods.append(pod)

    def _admission(self, pod: Obj, mode: str) -> None:
        nobody, earlier = self.will.denied_to_all(pod), self.was.denied_to_all(pod)
        if nobody is not None:
            if earlier is None:
                self.nobody.setdefault(ref(nobody), (nobody, []))[1].append(pod)
            return
        if mode == "gateway":
            return
        identity = self.will.by_identity(pod)
        if identity is not None and earlier is None and self.was.by_identity(pod) is None:
            refusal = self.will.of(pod)
            # Where STRICT is in force, such clients are refused already.
            if refusal is None or refusal.ports is not None:
                _group(self.identity, Refusal(identity)).pods.append(pod)
        old, new = self.was.allowing(pod), self.will.allowing(pod)
        if new and (len(old) != len(new) or any(one is not other for one, other in zip(old, new, strict=True))):
            self.narrowed.append(pod)

    def _left_out(self, seen: Sequence[Client] | None) -> Iterator[Judged]:
        """Clients that were admitted until now, and no more: gateways that route there, and who was seen."""
        if not self.narrowed:
            return
        ways = gateways_to(self.after)
        clients: dict[tuple[str, str], list[Client]] = defaultdict(list)
        for client in seen or ():
            if client.mtls:
                clients[(client.to_namespace, client.to_workload)].append(client)
        causes: dict[str, Obj] = {}
        cut: dict[tuple[str, str], set[str]] = defaultdict(set)
        lost: dict[str, set[str]] = defaultdict(set)
        for pod in self.narrowed:
            now, earlier = self.will.allowing(pod), self.was.allowing(pod)
            cause = ref(now[0])
            causes.setdefault(cause, now[0])
            for service in self.after.scene.services_of(pod):
                for gateway, namespace in ways.get((namespace_of(service), name_of(service)), ()):
                    if _out(now, namespace, None) and not _out(earlier, namespace, None):
                        cut[(cause, gateway)].add(ref(service))
            for client in clients.get(_workload(pod), ()):
                account = client.account or None
                if _out(now, client.namespace, account) and not _out(earlier, client.namespace, account):
                    lost[cause].add(client.told)
        for (cause, gateway), services in sorted(cut.items()):
            yield Judged(
                "gateway-not-admitted",
                causes[cause],
                f"does not admit {gateway}, which routes to {some(sorted(services))}: what comes in there is denied",
                "Allow the gateway's service account or namespace in the same task.",
                subject=gateway,
            )
        for cause, told in sorted(lost.items()):
            yield Judged(
                "client-not-admitted",
                causes[cause],
                f"does not admit clients that Prometheus saw: {some(sorted(told))}",
                "Allow their service accounts or namespaces in the same task.",
            )


def _group(groups: dict[str, Group], refusal: Refusal) -> Group:
    label = f"{ref(refusal.cause)} {refusal.ports} {sorted(refusal.exempt)}"
    return groups.setdefault(label, Group(refusal))


# -- what was seen, and who is named -------------------------------------------------------------------------------


def _seen_plaintext(view: View, group: Group, seen: Sequence[Client] | None) -> Iterator[Judged]:
    workloads = {_workload(pod) for pod in group.pods}
    # Where all of a namespace refuses, no names are needed, which Prometheus may know by others.
    whole = {namespace for namespace in group.spaces if _all_of(view, namespace, group)}
    clients = [
        one
        for one in seen or ()
        if not one.mtls and (one.to_namespace in whole or (one.to_namespace, one.to_workload) in workloads)
    ]
    if not clients:
        return
    clients.sort(key=lambda client: -client.count)
    partly = group.refusal.ports is not None or bool(group.refusal.exempt)
    yield Judged(
        "plaintext-seen",
        group.refusal.cause,
        f"would cut {len(clients)} client{'' if len(clients) == 1 else 's'} that Prometheus saw without mTLS: "
        f"{some([client.told for client in clients])}"
        + (", though perhaps on a port that is exempt" if partly else ""),
        "Enroll them, or exempt the port (portLevelMtls PERMISSIVE), before this.",
        "warning" if partly else "error",
    )


def _all_of(view: View, namespace: str, group: Group) -> bool:
    mine = sum(1 for pod in group.pods if namespace_of(pod) == namespace)
    return mine == sum(1 for pod in view.scene.pods[namespace] if view.scene.enrolled(pod) in ("sidecar", "ambient"))


def _workload(pod: Obj) -> tuple[str, str]:
    return namespace_of(pod), workload_of(pod).rpartition("/")[2]


def _nobody(after: View, cause: Obj, pods: list[Obj], seen: Sequence[Client] | None) -> Iterator[Judged]:
    """Pods that Services lead to and to which nobody is admitted any more."""
    called = [pod for pod in pods if any(True for _service in after.scene.services_of(pod))]
    workloads = sorted({workload_of(pod) for pod in called})
    if not called:
        return
    if seen is not None:
        names = {_workload(pod) for pod in called}
        clients = sorted((one for one in seen if (one.to_namespace, one.to_workload) in names), key=lambda c: -c.count)
        if clients:
            yield Judged(
                "nobody-admitted",
                cause,
                f"admits nobody to {some(workloads)}, and Prometheus saw clients: "
                f"{some([client.told for client in clients])}",
                "Allow them in the same task.",
            )
            return
    yield Judged(
        "nobody-admitted",
        cause,
        f"admits nobody to {some(workloads)}, and no other policy does"
        + ("; Prometheus saw no client" if seen is not None else ""),
        "Allow the clients in the same task; for a namespace that nobody is to reach set lockout_guard: warn.",
        "error" if seen is None else "warning",
    )


def _without_proxy(after: View, policy: Obj) -> Iterator[Judged]:
    """STRICT for pods of which none has a proxy."""
    namespace = namespace_of(policy)
    written = after.scene.get(PEER_AUTHENTICATION, namespace, name_of(policy))
    strict = written is not None and dig(written, "spec", "mtls", "mode") == "STRICT"
    if written is None or not strict or (namespace == after.scene.root and not selector(written)):
        return
    pods = after.scene.pods.get(namespace, [])
    pods = [pod for pod in pods if all(labels_of(pod).get(k) == v for k, v in selector(written).items())]
    if pods and all(after.scene.enrolled(pod) == "none" for pod in pods):
        yield Judged(
            "strict-without-proxy",
            written,
            f"is for {counted(len(pods), 'pod')} of namespace {namespace}, of which none has a proxy: it does nothing",
            "Enroll the namespace (meshwright.istio.mesh_enrollment).",
            "warning",
        )


def _out(policies: Sequence[Obj], namespace: str, account: str | None) -> bool:
    """Whether there are ALLOW policies and none of them admits this client."""
    return bool(policies) and not any(admits(one, namespace, account) for one in policies)
