# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_policy`: many objects at once.

A module's process compiles all that it imports, each time. Most runs find everything as desired, so what only others
need is imported where they need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._desired.policy import documents as reading
from ..._desired.policy.model import Document
from ..._desired.policy.secrets import Scrubber
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from . import drafting
from .result import result


def walk(intent: PolicyIntent, connect: Callable[[], Client], *, check: bool, diff: bool) -> dict[str, Any]:
    """The module's result. `connect` is called only when a cluster is needed. Raises MeshError."""
    written = reading.read(intent.definitions, intent.sources)
    scrubber = Scrubber(written)
    with scrubber.errors():
        found = _walk(intent, written, connect, check=check, diff=diff)
    return {**found, "warnings": [scrubber.text(each) for each in found.get("warnings", [])]}


def _walk(
    intent: PolicyIntent, written: list[Document], connect: Callable[[], Client], *, check: bool, diff: bool
) -> dict[str, Any]:
    if intent.state == "rendered":
        from .rendered import rendered

        return rendered(_desired(intent, written, connect), intent)
    client = connect()
    draft = drafting.draft(client, _desired(intent, written, lambda: client), intent)
    if not draft.changes and not draft.errors:
        return result(draft, intent, diff=diff)
    from .changing import change

    return change(client, draft, intent, check=check, diff=diff)


def _desired(intent: PolicyIntent, written: list[Document], connect: Callable[[], Client]) -> list[Document]:
    """All objects that the task names, as they are to be sent."""
    if any(intent.families.values()):
        from .expanding import expanded

        written = [*written, *expanded(intent, written, connect)]
    return reading.finish(written, namespace=intent.namespace, labels=intent.labels, annotations=intent.annotations)
