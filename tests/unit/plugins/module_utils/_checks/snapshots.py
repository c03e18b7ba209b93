# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots for the tables: recorded ones, and the same with one thing changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "snapshots"
SAIL = ("sail_istios", "sail_revisions", "sail_tags", "sail_cnis", "sail_ztunnels")
Edit = Callable[[list[dict[str, Any]]], Any]


def recorded(name: str) -> dict[str, list[dict[str, Any]]]:
    """The lists of objects of a fixture, by source; each call gives a copy of its own."""
    content = json.loads((FIXTURES / f"{name}.json").read_text())
    return {key: value for key, value in content.items() if key != "about"}


def snapshot(lists: dict[str, list[dict[str, Any]]], *, unserved: Iterable[str] = ()) -> Snapshot:
    read = {name: Source(name, tuple(items)) for name, items in lists.items()}
    return Snapshot({**read, **{name: Source(name, served=False) for name in unserved}})


def load(name: str) -> Snapshot:
    return snapshot(recorded(name))


def healthy(**edits: Edit) -> Snapshot:
    """The embedded ambient mesh; each keyword names a source and a function that changes its list in place."""
    lists = recorded("embedded-ambient")
    for name, edit in edits.items():
        edit(lists.setdefault(name, []))
    return snapshot(lists, unserved=SAIL)


def broken(base: Snapshot, name: str, error: str = "may not list this") -> Snapshot:
    """The same with one source that could not be read."""
    return Snapshot({**base.sources, name: Source(name, error=error)})


def outcome(check: str, seen: Snapshot) -> CheckResult:
    return run_one(BY_ID[check], seen)


def severities(result: CheckResult) -> list[str]:
    return [finding.severity for finding in result.findings]


def named(name: str) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Picks the object of that name out of a list."""
    return lambda items: next(item for item in items if item["metadata"]["name"] == name)


def put(name: str, *path: str | int, value: Any) -> Edit:
    """An edit: set a field of the object of that name."""

    def edit(items: list[dict[str, Any]]) -> None:
        place: Any = named(name)(items)
        for key in path[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[path[-1]] = value

    return edit


def drop(*names: str) -> Edit:
    """An edit: take objects away; without names, all of them."""

    def edit(items: list[dict[str, Any]]) -> None:
        items[:] = [item for item in items if names and item["metadata"]["name"] not in names]

    return edit


def twin(name: str, other: str, **changes: Any) -> Edit:
    """An edit: add a copy of an object under another name, with top-level or metadata fields replaced."""

    def edit(items: list[dict[str, Any]]) -> None:
        added = copy.deepcopy(named(name)(items))
        added["metadata"]["name"] = other
        for key, value in changes.items():
            (added["metadata"] if key == "labels" else added)[key] = value
        items.append(added)

    return edit
