# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What speaks against a draft before its first write: policy that would not work, and policy that locks out.

Judged is the state as it will be: what is there, with what the draft writes, less what it removes; and of that only
what the draft touches, or what names something that it takes away. docs/policy-guards.md lists all rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..._checks import policy_scene as scene
from ..._checks.policy_judge import REFERRING, judge, references
from ..._checks.policy_lockout import Client as Seen
from ..._checks.policy_lockout import Lockout, matters
from ..._checks.policy_model import Judged
from ..._checks.policy_rules import RULES
from ..._checks.policy_scene import USE_WAYPOINT, kind_of
from ..._checks.policy_view import View, selector, targets
from ..._checks.snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from ..._errors import ApiError, ToolError
from ..._intent.policy import PolicyIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..items import Item
from . import prometheus
from .draft import Draft
from .findings import Finding
from .scene import Unread, Wanted, predicted, scenes

_HOSTS = (scene.SERVICE, scene.SERVICE_ENTRY)
_ROUTING = (*_HOSTS, scene.GATEWAY, scene.GATEWAY_POD)
_SELECTING = (
    scene.AUTHORIZATION,
    scene.REQUEST_AUTHENTICATION,
    scene.TELEMETRY,
    scene.WASM_PLUGIN,
    scene.PEER_AUTHENTICATION,
    scene.SIDECAR,
    scene.ENVOY_FILTER,
)
# Whoever may name something of these kinds, and so may be left without it.
_NAMED_BY: dict[str, tuple[str, ...]] = {
    scene.SERVICE: (scene.VIRTUAL_SERVICE, scene.DESTINATION_RULE, *scene.ROUTES, *_SELECTING[:4]),
    scene.SERVICE_ENTRY: (scene.VIRTUAL_SERVICE, scene.DESTINATION_RULE, *scene.ROUTES, *_SELECTING[:4]),
    scene.DESTINATION_RULE: (scene.VIRTUAL_SERVICE,),
    scene.VIRTUAL_SERVICE: (scene.VIRTUAL_SERVICE,),
    scene.ISTIO_GATEWAY: (scene.VIRTUAL_SERVICE,),
    scene.GATEWAY: (*scene.ROUTES, *_SELECTING[:4], *_HOSTS, scene.NAMESPACE),
    scene.REFERENCE_GRANT: scene.ROUTES,
}
_MULTICLUSTER = "istio/multiCluster=true"


def findings(client: Client, intent: PolicyIntent, draft: Draft) -> list[Finding]:
    """All findings, errors first. Only reads; nothing at all when nothing changes or both guards are set to accept.

    Raises Unreachable or Unauthorized when there is no talking to the API server.
    """
    if not draft.changes or (intent.semantic_guard == "accept" and intent.lockout_guard == "accept"):
        return []
    return _Guards(client, intent, draft).run()


class _Guards:
    def __init__(self, client: Client, intent: PolicyIntent, draft: Draft) -> None:
        self.client = client
        self.intent = intent
        self.draft = draft
        self.semantic = intent.semantic_guard != "accept"
        self.written = [predicted(item) for item in draft.writing]
        self.removed = [item for item in draft.removals if item.step.changes]
        self.locking = [one for one in self._touched() if matters(one)] if intent.lockout_guard != "accept" else []

    def run(self) -> list[Finding]:
        wanted = self._wanted()
        if not wanted.kinds and not wanted.spaces and not wanted.everywhere:
            return []
        found = scenes(self.client, self.draft, wanted, root=self.intent.istio_namespace)
        before, after = View(found.before), View(found.after)
        judged = [*self._judged(before, after)]
        told = [_finding(one) for one in _once(self._elsewhere(judged))]
        told += [_unread(one) for one in found.unread]
        told += self._lockout(before, after)
        return sorted(told, key=lambda one: one.severity != "error")

    def _touched(self) -> Iterator[Obj]:
        """What is written as it will be, and what is removed as it is."""
        yield from self.written
        for item in self.removed:
            yield item.live or item.obj

    # -- what has to be read ------------------------------------------------------------------------------

    def _wanted(self) -> Wanted:
        wanted = Wanted()
        if self.semantic:
            for obj in self.written:
                self._for_written(wanted, obj)
            for item in (*self.removed, *(item for item in self.draft.writing if item.live is not None)):
                _for_names(wanted, item)
        if self.locking:
            _for_lockout(wanted, self.locking)
        if wanted.kinds or wanted.spaces:
            wanted.want(scene.NAMESPACE)
        return wanted

    def _for_written(self, wanted: Wanted, obj: Obj) -> None:
        kind, namespace = kind_of(obj), namespace_of(obj)
        if kind == scene.VIRTUAL_SERVICE:
            wanted.want(*_ROUTING, kind, scene.DESTINATION_RULE, scene.ISTIO_GATEWAY, scene.HTTP_ROUTE)
        elif kind == scene.DESTINATION_RULE:
            wanted.want(*_HOSTS, kind)
            if dig(obj, "spec", "subsets"):
                wanted.spaces.add(_home(obj))
            if self.intent.lockout_guard != "accept" and "DISABLE" in str(obj.get("spec")):
                wanted.want(scene.PEER_AUTHENTICATION)
                wanted.spaces.add(_home(obj))
        elif kind in scene.ROUTES:
            wanted.want(*_ROUTING, scene.REFERENCE_GRANT, scene.VIRTUAL_SERVICE)
        elif kind == scene.ISTIO_GATEWAY:
            wanted.everywhere = True
        elif kind in _SELECTING:
            self._for_policy(wanted, obj)
        elif kind in (*_HOSTS, scene.NAMESPACE) and USE_WAYPOINT in labels_of(obj):
            wanted.want(scene.GATEWAY, scene.GATEWAY_POD)
        elif kind == scene.NAMESPACE and namespace == "":
            return

    def _for_policy(self, wanted: Wanted, obj: Obj) -> None:
        if targets(obj):
            wanted.want(*_ROUTING)
            return
        if namespace_of(obj) == self.intent.istio_namespace:
            wanted.everywhere = True
        else:
            wanted.spaces.add(namespace_of(obj))
        if selector(obj):
            wanted.want(scene.WORKLOAD_ENTRY)
        if kind_of(obj) == scene.AUTHORIZATION:
            # Whether a waypoint stands before its workloads, and who else admits whom.
            wanted.want(scene.AUTHORIZATION, scene.SERVICE, scene.GATEWAY, scene.GATEWAY_POD)

    # -- judging -----------------------------------------------------------------------------------------------

    def _judged(self, before: View, after: View) -> Iterator[Judged]:
        for obj in self.written:
            for one in judge(after, obj):
                if self.semantic if RULES[one.rule].guard == "semantic" else self.intent.lockout_guard != "accept":
                    yield one
        if self.semantic:
            yield from self._left_behind(before, after)

    def _left_behind(self, before: View, after: View) -> Iterator[Judged]:
        """What stays, and names what this run takes away: found by what was right before and is not any more."""
        changing = {kind for item in self._naming() if (kind := _kind(item)) in _NAMED_BY}
        if not changing:
            return
        touched = {ref(obj) for obj in self._touched()}
        gone = {f"{item.target.kind.kind} {item.target.namespace}/{item.target.name}" for item in self.removed}
        for kind in dict.fromkeys(name for each in sorted(changing) for name in _NAMED_BY[each]):
            if kind not in REFERRING:
                continue
            for obj in after.scene.all(kind):
                if ref(obj) in touched:
                    continue
                problems = list(references(after, obj))
                known = {one.identity for one in references(before, obj)} if problems else set()
                for one in problems:
                    if one.identity not in known:
                        why = "which this run removes" if one.subject in gone else "as this run leaves it"
                        yield Judged(
                            "removed-but-used",
                            obj,
                            f"stays, and {one.message} ({one.subject}, {why})",
                            "Change or remove it in the same task, or keep what it names.",
                            one.severity,
                            one.subject,
                        )

    def _naming(self) -> Iterator[Item]:
        yield from self.removed
        yield from (item for item in self.draft.writing if item.live is not None)

    def _elsewhere(self, judged: Sequence[Judged]) -> Iterator[Judged]:
        """In a multi-cluster mesh the host may be another cluster's: then its absence here is no error."""
        lacking = [one for one in judged if one.rule == "unknown-host" and one.severity == "error"]
        several = bool(lacking) and self._multicluster()
        for one in judged:
            if several and one.rule == "unknown-host":
                message = f"{one.message}, unless another cluster of the mesh has it"
                yield Judged(one.rule, one.obj, message, one.hint, "warning", one.subject)
            else:
                yield one

    def _multicluster(self) -> bool:
        try:
            root = self.intent.istio_namespace
            return bool(self.client.list(kinds.SECRET, root, labels=_MULTICLUSTER, metadata_only=True))
        except ApiError:
            # Whoever may not see remote secrets is not told that there are none.
            return False

    # -- lock-out -------------------------------------------------------------------------------------------------

    def _lockout(self, before: View, after: View) -> list[Finding]:
        if not self.locking:
            return []
        lockout = Lockout(before, after, self.locking)
        seen: list[Seen] | None = None
        failed: list[Finding] = []
        if self.intent.prometheus is not None and (namespaces := lockout.namespaces):
            try:
                seen = prometheus.clients(self.intent.prometheus, namespaces)
            except ToolError as error:
                failed = [_prometheus_failed(error, self.locking)]
        return failed + [_finding(one) for one in _once(lockout.judge(seen))]


def _for_names(wanted: Wanted, item: Item) -> None:
    """What may name an object that goes, or that changes."""
    kind = _kind(item)
    if kind not in _NAMED_BY:
        return
    wanted.want(kind, *_NAMED_BY[kind])
    # To say whether a name was right before, all that such objects name has to be known.
    wanted.want(*_ROUTING, scene.DESTINATION_RULE, scene.ISTIO_GATEWAY, scene.VIRTUAL_SERVICE, scene.REFERENCE_GRANT)


def _for_lockout(wanted: Wanted, policies: Iterable[Obj]) -> None:
    wanted.everywhere = True
    wanted.want(
        scene.AUTHORIZATION,
        scene.PEER_AUTHENTICATION,
        scene.SERVICE,
        scene.DESTINATION_RULE,
        scene.EXCUSED_POD,
        scene.INGRESS,
        scene.NETWORK_POLICY,
    )
    if any(kind_of(policy) == scene.AUTHORIZATION for policy in policies):
        wanted.want(scene.VIRTUAL_SERVICE, scene.ISTIO_GATEWAY, scene.GATEWAY, *scene.ROUTES)


def _kind(item: Item) -> str:
    return f"{item.target.kind.group}/{item.target.kind.kind}"


def _home(rule: Obj) -> str:
    """The namespace of the Service that a DestinationRule is for."""
    parts = str(dig(rule, "spec", "host") or "").split(".")
    return parts[1] if len(parts) > 2 and parts[2] == "svc" else namespace_of(rule)


def _once(judged: Iterable[Judged]) -> list[Judged]:
    """Each problem once; the severer of two findings on the same."""
    found: dict[tuple[str, str, str], Judged] = {}
    for one in judged:
        if one.identity not in found or (one.severity == "error" != found[one.identity].severity):
            found[one.identity] = one
    return list(found.values())


def _finding(one: Judged) -> Finding:
    message = one.message if one.message.endswith(".") else f"{one.message}."
    return Finding(RULES[one.rule].guard, one.rule, ref(one.obj), message, one.hint, one.severity)


def _unread(one: Unread) -> Finding:
    kind = one.kind.partition("/")[2]
    where = f" of {', '.join(one.namespaces)}" if one.namespaces else ""
    return Finding(
        "semantic",
        "not-judged",
        f"{kind}{where}",
        f"could not be read, so what depends on it was not judged: {one.reason}",
        "Grant the verb list for it, or look at it yourself.",
        "warning",
    )


def _prometheus_failed(error: ToolError, policies: Sequence[Obj]) -> Finding:
    return Finding(
        "lockout",
        "prometheus-failed",
        ref(policies[0]) if policies else name_of({}),
        f"who would lose traffic could not be asked: {error.message}",
        error.hint or "Correct `prometheus`, or leave it out.",
    )
