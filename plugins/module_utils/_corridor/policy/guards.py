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

from ..._checks.policy.judge import REFERRING, judge, references
from ..._checks.policy.lockout import Client as Seen
from ..._checks.policy.lockout import Lockout, matters
from ..._checks.policy.model import Judged, some
from ..._checks.policy.rules import RULES
from ..._checks.policy.view import View
from ..._checks.snapshot import Obj, name_of, ref
from ..._errors import ApiError, ToolError
from ..._intent.policy import PolicyIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..items import Item
from .draft import Draft
from .findings import Finding
from .scene import Scenes, Unread, predicted, scenes
from .wanted import NAMED_BY, kind_of_item, wanted_for, wanted_for_clients

# So many findings of a rule are told one by one.
_MOST = {"error": 50, "warning": 10}
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
        self.locking = [*self._locking()] if intent.lockout_guard != "accept" else []

    def run(self) -> list[Finding]:
        wanted = wanted_for(self.intent, self.written, self._naming(), self.locking)
        if not wanted.anything:
            return []
        found = scenes(self.client, self.draft, wanted, root=self.intent.istio_namespace)
        before, after = View(found.before), View(found.after)
        judged = [*self._judged(before, after)]
        told = [_finding(one) for one in _once(self._elsewhere(judged))]
        if self.locking:
            told += self._lockout(found, before, after)
        told += _unread(found.unread)
        return _fewer(sorted(told, key=lambda one: one.severity != "error"))

    def _touched(self) -> Iterator[Obj]:
        """What is written as it will be, and what is removed as it is."""
        yield from self.written
        for item in self.removed:
            yield item.live or item.obj

    def _locking(self) -> Iterator[Obj]:
        """The policies that may lock somebody out. What stays as it was, but for its labels, does not."""
        for item, after in zip(self.draft.writing, self.written, strict=True):
            live = item.live
            if live is None:
                if matters(after, new=True):
                    yield after
            elif live.get("spec") != after.get("spec") and (matters(after) or matters(live)):
                yield after
        for item in self.removed:
            if matters(item.live or item.obj):
                yield item.live or item.obj

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
        changing = {kind for item in self._naming() if (kind := kind_of_item(item)) in NAMED_BY}
        if not changing:
            return
        touched = {ref(obj) for obj in self._touched()}
        gone = {f"{item.target.kind.kind} {item.target.namespace}/{item.target.name}" for item in self.removed}
        for kind in dict.fromkeys(name for each in sorted(changing) for name in NAMED_BY[each]):
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

    def _lockout(self, found: Scenes, before: View, after: View) -> list[Finding]:
        lockout = Lockout(before, after, self.locking)
        if lockout.anybody:
            wanted = wanted_for_clients(self.locking)
            more = scenes(self.client, self.draft, wanted, root=self.intent.istio_namespace, known=found)
            lockout.after = View(more.after)
            found.unread = more.unread
        seen: list[Seen] | None = None
        failed: list[Finding] = []
        if self.intent.prometheus is not None and (namespaces := lockout.namespaces):
            # Compiled only where it is given.
            from . import prometheus

            try:
                seen = prometheus.clients(self.intent.prometheus, namespaces)
            except ToolError as error:
                failed = [_prometheus_failed(error, self.locking)]
        return failed + [_finding(one) for one in _once(lockout.judge(seen))]


def _fewer(found: list[Finding]) -> list[Finding]:
    """Of each rule the first errors and warnings; the others are counted."""
    kept: list[Finding] = []
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        groups.setdefault((one.severity, one.rule), []).append(one)
    for group in groups.values():
        first, most = group[0], _MOST[group[0].severity]
        kept += group[:most]
        if len(group) > most:
            told = f"{len(group) - most} more objects have the same as {first.target}."
            kept.append(Finding(first.guard, first.rule, "and more", told, first.hint, first.severity))
    return kept


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


def _unread(unread: Sequence[Unread]) -> list[Finding]:
    """One finding on all that could not be read: it is most often for one and the same reason."""
    if not unread:
        return []
    names = sorted({one.kind.partition("/")[2] for one in unread})
    reasons = some(list(dict.fromkeys(one.reason for one in unread)), 3)
    return [
        Finding(
            "semantic",
            "not-judged",
            some(names, 20),
            f"could not all be read, so what depends on them was not judged: {reasons}",
            "Grant the verb list for them in all namespaces, or look at it yourself.",
            "warning",
        )
    ]


def _prometheus_failed(error: ToolError, policies: Sequence[Obj]) -> Finding:
    return Finding(
        "lockout",
        "prometheus-failed",
        ref(policies[0]) if policies else name_of({}),
        f"who would lose traffic could not be asked: {error.message}",
        error.hint or "Correct `prometheus`, or leave it out.",
    )
