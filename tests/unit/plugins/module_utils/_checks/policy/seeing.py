# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots made of objects: each laid into the source of its kind, all others read and empty."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.meshwright.istio.plugins.module_utils._checks import registry
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import Finding
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import kind_of
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.seen import BESIDE, SOURCE_OF
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from .policies import Obj, istiod

NOW = 1_800_000_000.0


def snapshot(*objects: Obj, **more: Iterable[Obj]) -> Snapshot:
    """A snapshot of these; `more` are the items of sources by name."""
    lists: dict[str, list[Obj]] = {name: [] for name in (*SOURCE_OF.values(), *BESIDE)}
    for obj in objects:
        lists[SOURCE_OF[kind_of(obj)]].append(obj)
    lists.update({name: list(items) for name, items in more.items()})
    return Snapshot({name: Source(name, tuple(items)) for name, items in lists.items()}, NOW)


def findings(check: str, *objects: Obj, **more: Iterable[Obj]) -> list[Finding]:
    """What a check finds in a mesh of these objects; never anything but a decided result."""
    more.setdefault("istiods", [istiod()])
    result = run_one(registry.BY_ID[check], snapshot(*objects, **more))
    assert result.status in ("passed", "warning", "failed"), f"{result.status}: {result.reason}"
    return list(result.findings)
