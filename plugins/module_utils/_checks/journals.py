# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a journal's ConfigMap holds, whoever reads it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .snapshot import Obj

KEY = "journal.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Content:
    """What an operation wrote down: `state` is its own, `events` are {time, what}."""

    operation: str
    id: str
    state: dict[str, Any]
    events: list[dict[str, str]]


def content(obj: Obj) -> Content:
    """What the ConfigMap of a journal holds. Raises KeyError, ValueError or TypeError for one of another make."""
    found = json.loads((obj.get("data") or {})[KEY])
    if found["format"] != FORMAT:
        raise ValueError(f"it has format {found['format']}, this version knows {FORMAT}")
    operation, ident, state, events = (found[key] for key in ("operation", "id", "state", "events"))
    if not (isinstance(operation, str) and isinstance(ident, str)):
        raise TypeError("operation or id is no text")
    if not (isinstance(state, dict) and isinstance(events, list)):
        raise TypeError("state or events have another type")
    return Content(operation, ident, state, events)
