# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Annotations by which a test makes the simulated operator misbehave. Pure.

All begin with sail.harness.meshwright.io/ and are read from one of the operator's own objects, else from the operator's
Deployment. An IstioRevision also heeds those of its Istio.

never-ready: v1.30.3   the istiods of these versions (comma-separated, or *) are never scheduled
error: words           ReconcileError with these words; on the Deployment, for each IstioRevision
error: v1.30.3=words   only at that version
slow: "5"              seconds to wait before each run of Helm
miss-target: "true"    a ZTunnel does not notice that its target moved, until its spec.version changes
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

Object = dict[str, Any]
PREFIX = "sail.harness.meshwright.io/"
NEVER_READY, ERROR, SLOW, MISS_TARGET = (f"{PREFIX}{name}" for name in ("never-ready", "error", "slow", "miss-target"))
NOWHERE = {f"{PREFIX}never-ready": "true"}
"""A node selector that no node matches."""


def read(name: str, *items: Object | None) -> str:
    """The annotation of the first of these objects that has it, else an empty string."""
    for item in items:
        if item is not None and (value := (item["metadata"].get("annotations") or {}).get(name)):
            return str(value)
    return ""


def never_ready(version: str, *items: Object | None) -> bool:
    wanted = [each.strip() for each in read(NEVER_READY, *items).split(",")]
    return "*" in wanted or version in wanted


def error(version: str, *items: Object | None) -> str | None:
    """The words of the error to fail with, if any."""
    text = read(ERROR, *items)
    match = re.match(r"(v\d[\w.-]*)=(.*)", text, re.DOTALL)
    if match is None:
        return text or None
    return match.group(2) if match.group(1) == version else None


def seconds(*items: Object | None) -> float:
    with contextlib.suppress(ValueError):
        return max(0.0, float(read(SLOW, *items) or 0))
    return 0.0


def misses_target(*items: Object | None) -> bool:
    return read(MISS_TARGET, *items) == "true"
