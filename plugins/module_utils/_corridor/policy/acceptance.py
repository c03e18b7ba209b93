# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.
"""Whether the mesh took what was applied: by istiod's conditions, or else by admission and no reject of a proxy."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..._desired.policy.acceptance import judge
from ..._desired.policy.verdict import Obj, Surroundings, Verdict
from ..._errors import MeshError, SettleTimeout
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client, Deadline
from ..items import Item
from ..live import Target
from .conditions import Words, await_conditions
from .draft import Draft
from .pushes import Push, Pushes
from .surroundings import Validators, survey

RestsOn = Literal["conditions", "admission", "none"]

_SHOWN = 10
_LISTED = 20
_FEW = 3
# Kept by the API server, used by others: no part of the mesh judges them as they are written.
_STORED = frozenset({("", "ConfigMap"), ("", "Secret"), ("", "ServiceAccount"), ("networking.k8s.io", "NetworkPolicy")})
_KEPT = "the API server keeps it, and no part of the mesh judges it by itself"
_UNREAD = Surroundings(known=False)


class NotAccepted(MeshError):
    """The mesh refused for good what was applied; `details["unready"]` has what was said of which object."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the acceptance of one object rests on, and what was seen, in words.

    `conditions`: istiod's own word of this generation. `admission`: its webhook, or the schema of its kind, let it
    pass, and no proxy rejects anything new. `none`: nothing of the mesh judges such an object. `accepted` is False
    where the word is not what was meant, and that was allowed.
    """

    rests_on: RestsOn
    detail: str
    accepted: bool = True

    def shown(self) -> dict[str, Any]:
        return {"rests_on": self.rests_on, "detail": self.detail, "accepted": self.accepted}


def accepted_now(obj: Obj) -> Accepted:
    """By the live object alone, without a request: for one that was as desired."""
    if _stored(obj):
        return Accepted("none", _KEPT)
    verdict = judge(obj, _UNREAD)
    if verdict.says == "accepted":
        return Accepted("conditions", verdict.detail)
    if verdict.says in ("limited", "refused"):
        return Accepted("conditions", verdict.detail, accepted=False)
    return Accepted("admission", "as it was before this run")


class Acceptance:
    """One run's: `before` the first write, `after` the last. What is worth telling without failing is in `warnings`."""

    def __init__(self, client: Client, intent: PolicyIntent) -> None:
        self.client = client
        self.intent = intent
        self.warnings: list[str] = []
        self._pushes = Pushes(client, intent.istio_namespace)

    def before(self, draft: Draft) -> None:
        """Remember what proxies reject already. Never fails: what may not be asked is a warning."""
        if any(not _stored(item.obj) for item in draft.writing):
            self._pushes.begin()

    def after(self, written: Sequence[Item]) -> dict[Target, Accepted]:
        """Wait until the mesh took all of it, at most `wait_timeout`; what each object's acceptance rests on.

        Raises NotAccepted, at once, for what no time will mend, and SettleTimeout for what did not come in time; both
        name each object, condition, reason, message and controller.
        """
        began = time.monotonic()
        found = {item.target: Accepted("none", _KEPT) for item in written if _stored(item.obj)}
        judged = [item for item in written if item.target not in found]
        if not judged:
            return found
        try:
            found.update(self._judged(judged, began))
        finally:
            self.warnings += self._pushes.warnings
        return found

    def _judged(self, items: Sequence[Item], began: float) -> dict[Target, Accepted]:
        if self._pushes.absent:
            return {item.target: Accepted("admission", f"admitted; {self._pushes.unasked}") for item in items}
        deadline = Deadline(self.intent.wait_timeout)
        around, missing = survey(self.client, items, self._pushes.istiods, self.intent.istio_namespace)
        self.warnings += [f"Which conditions istiod will write could not be told. {error}" for error in missing]
        words = await_conditions(self.client, items, around, deadline, fails=self._fails)
        if words.refused or words.open:
            raise self._not_accepted(words, len(items))
        push = self._pushes.settle(began, deadline)
        if push.rejecting or push.late:
            raise self._not_taken(push, items, words)
        self._remark(words.settled)
        unseen = self._unjudged(items, words)
        return {one: _accepted(verdict, push, one in unseen) for one, verdict in words.settled.items()}

    def _unjudged(self, items: Sequence[Item], words: Words) -> set[Target]:
        """What rests on admission though no webhook of istiod's was asked about it; with a warning."""
        resting = [item for item in items if words.settled[item.target].says == "nothing"]
        if not resting:
            return set()
        validators = Validators(self.client)
        unseen = {item.target for item in resting if validators.pass_by(item.obj)}
        if unseen:
            names = ", ".join(one.label for one in list(unseen)[:_FEW]) + ("..." if len(unseen) > _FEW else "")
            self.warnings.append(
                f"No validating webhook of istiod's judged {len(unseen)} of the written objects ({names}): only their"
                " schema did. Make the tag `default`, or label them istio.io/rev with a revision or tag."
            )
        return unseen

    def _fails(self, verdict: Verdict) -> bool:
        """Whether it fails the run: where the guard of semantics would not, what that is about does not either."""
        return not (verdict.semantic and self.intent.semantic_guard != "refuse")

    def _remark(self, settled: Mapping[Target, Verdict]) -> None:
        """Warn of what was accepted with a reservation."""
        lines = [f"{one.label}: {verdict.remark}" for one, verdict in settled.items() if verdict.remark]
        if self.intent.semantic_guard == "warn":
            lines += [
                f"{one.label}: {verdict.detail}"
                for one, verdict in settled.items()
                if verdict.says in ("limited", "refused")
            ]
        self.warnings += lines[:_SHOWN]
        if len(lines) > _SHOWN:
            self.warnings.append(f"{len(lines) - _SHOWN} more objects were accepted with a reservation.")

    def _hint(self) -> str:
        if self.intent.on_error == "return":
            return ""
        return "What was written stays as it is: mend it and run again. on_error: return would take it back."

    def _not_accepted(self, words: Words, total: int) -> MeshError:
        """The error of what is refused, and what had no good word by then."""
        bad = {**words.refused, **words.open}
        lines = [f"{one.label}: {_in_words(verdict)}" for one, verdict in list(bad.items())[:_SHOWN]]
        if len(bad) > _SHOWN:
            lines.append(f"and {len(bad) - _SHOWN} more")
        told = f"{len(bad)} of {total} written objects {'is' if len(bad) == 1 else 'are'} not accepted"
        kind = NotAccepted if words.refused else SettleTimeout
        if not words.refused:
            told += f" after {self.intent.wait_timeout:g} s"
        return kind(
            f"{told}. " + ". ".join(line.rstrip(".") for line in lines) + ".",
            hint=self._hint(),
            details={
                "unready": [_entry(one, verdict) for one, verdict in list(bad.items())[:_LISTED]],
                "unready_total": len(bad),
            },
        )

    def _not_taken(self, push: Push, items: Sequence[Item], words: Words) -> MeshError:
        """The error of proxies that reject, or do not acknowledge, what was sent since the first write."""
        lines = push.rejecting or push.late
        told = "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
        # Which object it is about a proxy does not say; those with a good word of istiod's are the least likely.
        suspects = [item.label for item in items if words.settled[item.target].says == "nothing"]
        details = {"unready": [{"object": "", "reason": line} for line in lines[:_LISTED]], "unready_total": len(lines)}
        details["suspects"] = suspects[:_LISTED]
        if push.rejecting:
            return NotAccepted(
                f"Proxies reject what istiod sent them since the first write: {told}.",
                hint="They keep what they had; new ones do not get ready. " + self._hint(),
                details=details,
            )
        return SettleTimeout(
            f"Proxies have not acknowledged, after {self.intent.wait_timeout:g} s, what istiod sent them: {told}.",
            hint=self._hint(),
            details=details,
        )


def _stored(obj: Obj) -> bool:
    return (str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind"))) in _STORED


def _accepted(verdict: Verdict, push: Push, unseen: bool) -> Accepted:
    if verdict.says == "nothing":
        by = "admitted by its schema alone" if unseen else "admitted"
        return Accepted("admission", f"{by} ({verdict.detail}); {push.detail}")
    return Accepted("conditions", verdict.detail, accepted=verdict.says == "accepted")


def _in_words(verdict: Verdict) -> str:
    return f"{verdict.detail.rstrip('.')} (by {verdict.controller})" if verdict.controller else verdict.detail


def _entry(one: Target, verdict: Verdict) -> dict[str, Any]:
    entry = {
        "object": one.label,
        "reason": verdict.detail,
        "condition": verdict.condition,
        "condition_reason": verdict.reason,
        "message": verdict.message,
        "controller": verdict.controller,
    }
    return {key: value for key, value in entry.items() if value}
