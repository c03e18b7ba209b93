# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What explaining says: a question, the steps of the path in their order, and where it breaks. Pure data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..model import bounded, counted

Status = Literal["ok", "broken", "warning", "unknown", "info"]
Verdict = Literal["works", "broken", "doubtful", "unknown"]

_WORDS: dict[Status, str] = {
    "ok": "ok",
    "broken": "BROKEN",
    "warning": "WARNING",
    "unknown": "UNKNOWN",
    "info": "note",
}
_MOST_STEPS = 80
_MOST_OBJECTS = 12
_MOST_EVIDENCE = 8
_SHOWN_EVIDENCE = 5
# The debug task indents by eight columns and quotes: this leaves room on a terminal of 100.
_WIDTH = 86
_INDENT = 10


@dataclass(frozen=True, slots=True)
class Place:
    """What a question names. `kind` of a workload, where it is told; `port` of a Service, a number or a name."""

    namespace: str
    name: str
    kind: str = ""
    port: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Question:
    """One pod, a way from a workload to a Service, a way to a Service from outside of the mesh, or a Gateway."""

    pod: Place | None = None
    source: Place | None = None
    target: Place | None = None
    gateway: Place | None = None

    def shown(self) -> dict[str, str]:
        """As it was asked."""
        told: dict[str, str] = {}
        for key, place in (("pod", self.pod), ("from", self.source), ("to", self.target), ("gateway", self.gateway)):
            if place is not None:
                kind = f"{place.kind}/" if place.kind else ""
                told[key] = f"{place.namespace}/{kind}{place.name}{f':{place.port}' if place.port else ''}"
        return told

    def __str__(self) -> str:
        told = self.shown()
        if self.pod is not None:
            return f"pod {told['pod']}"
        if self.gateway is not None:
            return f"gateway {told['gateway']}"
        source = told.get("from", "outside of the mesh")
        return f"the way from {source} to Service {told.get('to', '')}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing on the way. `id` is stable; `text` is one plain sentence; `objects` are labels `Kind ns/name`."""

    id: str
    title: str
    status: Status
    text: str
    objects: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    remedy: str = ""

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "status": self.status,
            "text": bounded(self.text),
            "objects": [bounded(text, 200) for text in self.objects[:_MOST_OBJECTS]],
            "evidence": [bounded(text, 400) for text in self.evidence[:_MOST_EVIDENCE]],
            "remedy": bounded(self.remedy),
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. `broken_at` is the id of the first broken step, empty when none is; `summary` is one sentence."""

    question: Question
    verdict: Verdict
    broken_at: str
    summary: str
    steps: tuple[Step, ...]

    def shown(self) -> dict[str, Any]:
        """As the module returns it, bounded in size."""
        return {
            "question": self.question.shown(),
            "verdict": self.verdict,
            "broken_at": self.broken_at,
            "summary": bounded(self.summary),
            "steps": [step.shown() for step in self.steps[:_MOST_STEPS]],
            "steps_left_out": max(0, len(self.steps) - _MOST_STEPS),
        }

    def lines(self) -> list[str]:
        """For people: the summary, then each step with what was seen; what needs doing is told beneath it."""
        found = [*_wrapped(self.summary, f"{self.verdict}: ", "  "), "", f"{'STATUS':<{_INDENT}}STEP"]
        lead = " " * _INDENT
        for step in self.steps[:_MOST_STEPS]:
            found += _wrapped(f"{step.title}: {step.text}", f"{_WORDS[step.status]:<{_INDENT}}", lead)
            if step.status in ("broken", "warning", "unknown"):
                for place, text in enumerate(step.evidence[:_SHOWN_EVIDENCE]):
                    found += _wrapped(text, f"{lead}  {'seen' if not place else '':<8}", f"{lead}          ")
                if step.remedy:
                    found += _wrapped(step.remedy, f"{lead}  {'remedy':<8}", f"{lead}          ")
        return [*found, "", self._counts()]

    def _counts(self) -> str:
        told = [
            f"{sum(1 for step in self.steps if step.status == status)} {word}"
            for status, word in (("ok", "ok"), ("warning", "warning"), ("broken", "broken"), ("unknown", "unknown"))
        ]
        return f"{counted(len(self.steps), 'step')}: {', '.join(told)}"


def concluded(question: Question, steps: Iterable[Step]) -> Explanation:
    """The verdict over these steps: the first broken one decides, then the first doubtful one."""
    found = tuple(_distinct(steps))
    for status, verdict in (("broken", "broken"), ("warning", "doubtful"), ("unknown", "unknown")):
        first = next((step for step in found if step.status == status), None)
        if first is None:
            continue
        said = {"broken": "breaks at", "warning": "works as far as can be seen, but look at"}.get(
            status, "cannot be judged at"
        )
        remedy = f" {first.remedy}" if first.remedy else ""
        summary = f"{_capital(str(question))} {said} {first.title}: {first.text}{remedy}"
        return Explanation(
            question,
            verdict,  # type: ignore[arg-type]
            first.id if status == "broken" else "",
            summary,
            found,
        )
    seen = sum(1 for step in found if step.status == "ok")
    return Explanation(
        question, "works", "", f"{_capital(str(question))} is in order: {counted(seen, 'step')} looked at.", found
    )


def _distinct(steps: Iterable[Step]) -> Iterable[Step]:
    """The same steps, with ids that are there twice numbered, so that each is found by its own."""
    seen: dict[str, int] = {}
    for step in steps:
        seen[step.id] = seen.get(step.id, 0) + 1
        yield step if seen[step.id] == 1 else replace(step, id=f"{step.id}-{seen[step.id]}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Wrapped to the width; long names and commands stay whole. Text of the cluster is made harmless here."""
    plain = "".join(char if char.isprintable() else "?" for char in bounded(text)).replace('"', "'")
    return textwrap.wrap(
        plain, _WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    ) or [first.rstrip()]
