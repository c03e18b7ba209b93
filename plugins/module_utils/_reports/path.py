# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One path that was asked about: its steps, where it breaks, and what that comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .clean import mapping, mappings, plain, text, texts

# The words of an explanation in those of checks.
_STATUSES = {"ok": "passed", "broken": "failed", "warning": "warning", "unknown": "unknown", "info": "info"}
_VERDICTS = {"works": "passed", "broken": "failed", "doubtful": "warning", "unknown": "unknown"}
_WORDS = {
    "works": "The path is in order",
    "broken": "The path is broken",
    "doubtful": "The path works as far as can be seen, and should be looked at",
    "unknown": "The path cannot be judged",
}
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `status` is that of a check, or info; `word` is its own; `here` is where the path breaks."""

    title: str
    status: str
    word: str
    text: str
    objects: tuple[str, ...]
    evidence: tuple[str, ...]
    remedy: str
    here: bool


@dataclass(frozen=True, slots=True)
class Path:
    """The answer: `status` is that of a check, `words` say it, `facts` is all of it as JSON can."""

    question: str
    status: str
    words: str
    summary: str
    steps: tuple[Step, ...]
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Path:
        """From the `explanation` of a result, any part of which may be absent."""
        verdict = text(given.get("verdict"), 40)
        broken_at = text(given.get("broken_at"), 120)
        return cls(
            question=" ".join(
                f"{text(key, 40)} {text(value)}" for key, value in mapping(given.get("question")).items()
            ),
            status=_VERDICTS.get(verdict, "unknown"),
            words=_WORDS.get(verdict, _WORDS["unknown"]),
            summary=text(given.get("summary")),
            steps=tuple(_step(step, broken_at) for step in mappings(given.get("steps"), _MOST_STEPS)),
            facts=plain(given),
        )


def _step(given: Mapping[str, Any], broken_at: str) -> Step:
    word = text(given.get("status"), 40)
    return Step(
        title=text(given.get("title")),
        status=_STATUSES.get(word, "unknown"),
        word=word or "unknown",
        text=text(given.get("text")),
        objects=texts(given.get("objects"), 12),
        evidence=texts(given.get("evidence"), 12),
        remedy=text(given.get("remedy")),
        here=bool(broken_at) and text(given.get("id"), 120) == broken_at,
    )
