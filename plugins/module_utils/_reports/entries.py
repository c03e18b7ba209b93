# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a report lists: checks, findings, changes, waves; each from an entry of the result that nobody trusts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from .._checks.model import SEVERITIES, STATUSES
from .clean import LONGEST_TEXT, mapping, mappings, number, text, texts

OTHER = "other"

_MOST_CHANGES = 200
_MOST_NAMES = 100
_MOST_NAMED = 5
_MOST_ENTRIES = 50
_MOST_OBJECTS = 21
_MOST_FACTS = 13
_OVER = ("done", "complete", "completed", "finished", "moved", "verified", "ok")


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """What came of one check."""

    id: str
    title: str
    category: str
    severity: str
    status: str
    reason: str
    findings: int
    accepted: int


@dataclass(frozen=True, slots=True)
class FindingEntry:
    """One finding. `namespaces` are those that its objects are in; `new` when the last run did not have it.

    `reason` and `expires` say why and until when it is accepted; both are empty for one that counts.
    """

    check: str
    category: str
    severity: str
    title: str
    objects: tuple[str, ...]
    evidence: tuple[str, ...]
    remedy: str
    docs: str
    namespaces: tuple[str, ...]
    new: bool = False
    reason: str = ""
    expires: str = ""

    @property
    def size(self) -> int:
        """In characters, as a page has to write them."""
        return len(escape("".join((self.title, self.remedy, self.docs, *self.objects, *self.evidence))))


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that came or went since the last run."""

    check: str
    title: str
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different from the last run, which was at `since`."""

    since: str
    new: tuple[Change, ...]
    fixed: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of a migration: `status` in the words of who reported it, `done` of `total` namespaces."""

    name: str
    status: str
    namespaces: tuple[str, ...]
    done: int
    total: int
    detail: str


def namespace_in(label: str) -> str:
    """The namespace in an object's label: of `Pod shop/web` and `Namespace shop` it is shop; empty where none is."""
    kind, found, name = label.partition(" ")
    if not found or label.startswith("and "):
        return ""
    if kind == "Namespace":
        return name.split(" ")[0]
    namespace, slash, rest = name.partition("/")
    return namespace if slash and rest and " " not in namespace and ":" not in namespace else ""


def check_of(given: Mapping[str, Any]) -> CheckEntry:
    """From an entry of the result's `checks`."""
    status = text(given.get("status"), 20)
    return CheckEntry(
        id=text(given.get("id"), 80),
        title=text(given.get("title")),
        category=text(given.get("category"), 80) or OTHER,
        severity=_severity(given.get("severity")),
        status=status if status in STATUSES else "unknown",
        reason=text(given.get("reason")),
        findings=number(given.get("findings")),
        accepted=number(given.get("accepted")),
    )


def finding_of(given: Mapping[str, Any], categories: Mapping[str, str], fresh: set[tuple[str, str]]) -> FindingEntry:
    """From an entry of `findings` or `accepted`; `fresh` holds (check, title) of those that are new."""
    check, title = text(given.get("check"), 80), text(given.get("title"))
    objects = texts(given.get("objects"), _MOST_OBJECTS)
    accepted = mapping(given.get("accepted"))
    return FindingEntry(
        check=check,
        category=text(given.get("category"), 80) or categories.get(check, OTHER),
        severity=_severity(given.get("severity")),
        title=title,
        objects=objects,
        evidence=texts(given.get("evidence"), _MOST_FACTS),
        remedy=text(given.get("remedy")),
        docs=text(given.get("docs"), 200),
        namespaces=tuple(dict.fromkeys(filter(None, map(namespace_in, objects)))),
        new=(check, title) in fresh,
        reason=text(accepted.get("reason")),
        expires=text(accepted.get("expires"), 40),
    )


def _severity(value: Any) -> str:
    return value if isinstance(value, str) and value in SEVERITIES else "warning"


def changes_of(given: Any) -> Changes | None:
    """From the result's `changes`; None where nothing was compared."""
    found = mapping(given)
    if not found:
        return None

    new, fixed = (_merged(mappings(found.get(part), 10_000)) for part in ("new", "fixed"))
    return Changes(text(found.get("since"), 60), new, fixed)


def _merged(given: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    """One change for all objects of which a check says the same."""
    objects: dict[tuple[str, str], list[Any]] = {}
    for each in given:
        objects.setdefault((text(each.get("check"), 80), text(each.get("title"))), []).append(each.get("object"))
    return tuple(Change(check, title, texts(labels, _MOST_NAMED)) for (check, title), labels in objects.items())[
        :_MOST_CHANGES
    ]


def wave_of(given: Mapping[str, Any]) -> Wave:
    """From a wave's report ({name, namespaces, status, message}), or from journals (`done`, `left`)."""
    names = texts(given.get("namespaces"), _MOST_NAMES, 120)
    failures = [
        f"{text(f.get('namespace'), 120)}: {text(f.get('message'))}" for f in mappings(given.get("failures"), 3)
    ]
    detail = text(given.get("message") or given.get("reason") or "; ".join(failures))
    status = text(given.get("status"), 60)
    entries = given.get("namespaces")
    total = len(entries) if isinstance(entries, (list, tuple)) else 0
    if "left" in given:
        total = number(given.get("done")) + number(given.get("left"))
        status = status or ("failed" if failures else "under way" if number(given.get("left")) else "done")
    done = number(given.get("done")) if "done" in given else total if status.lower() in _OVER else 0
    return Wave(text(given.get("name"), 120), status, names, min(done, total), total, detail)


def sentences(given: Any) -> tuple[str, ...]:
    """Entries of a baseline, as sentences."""
    found = []
    for each in mappings(given, _MOST_ENTRIES):
        parts = [text(each.get(key), 120) for key in ("check", "object", "reason", "expires")]
        about = " ".join(part for part in parts[:2] if part)
        found.append(f"{about}{': ' if parts[2] else ''}{parts[2]}{f' (until {parts[3]})' if parts[3] else ''}")
    return texts(found, _MOST_ENTRIES, LONGEST_TEXT)
