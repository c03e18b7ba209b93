# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_policy`: many objects at once, rehearsed and guarded before the first write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._desired.intents.expand import expand
from ..._desired.policy import documents as reading
from ..._desired.policy.model import Document
from ..._desired.policy.secrets import Scrubber
from ..._errors import MeshError
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from . import carry, context, drafting, going_back, guards, rehearsal
from .acceptance import Acceptance
from .draft import Draft
from .outcome import Outcome
from .refusal import refuse
from .rendered import rendered
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
        return rendered(_desired(intent, written, None if context.offline(intent) else connect()), intent)
    client = connect()
    draft = drafting.draft(client, _desired(intent, written, client), intent)
    if not draft.changes and not draft.errors:
        return result(draft, intent, diff=diff)
    errors = rehearsal.rehearse(client, draft, intent)
    found = guards.findings(client, intent, draft) if draft.changes else []
    warnings = refuse(errors, found, intent)
    if check or not draft.changes:
        return result(draft, intent, diff=diff, findings=found, warnings=warnings)
    accepting = Acceptance(client, intent) if intent.wait else None
    if accepting:
        accepting.before(draft)
    outcome = carry.carry_out(client, draft, intent)
    try:
        if not outcome.complete:
            raise carry.failure(outcome, intent)
        accepted = accepting.after(outcome.applied) if accepting else None
    except MeshError as error:
        raise _failed(error, client, draft, outcome, intent) from error
    if accepting:
        warnings += accepting.warnings
    return result(draft, intent, diff=diff, accepted=accepted, findings=found, warnings=warnings)


def _desired(intent: PolicyIntent, written: list[Document], client: Client | None) -> list[Document]:
    """All objects that the task names, as they are to be sent."""
    if any(intent.families.values()):
        written = [*written, *expand(intent.families, context.planes(client, intent, written))]
    return reading.finish(written, namespace=intent.namespace, labels=intent.labels, annotations=intent.annotations)


def _failed(error: MeshError, client: Client, draft: Draft, outcome: Outcome, intent: PolicyIntent) -> MeshError:
    """The error with what became of the set; everything is put back first where that is asked for."""
    if intent.on_error == "return":
        going_back.go_back(client, draft, outcome, intent)
        error.details["returned"] = outcome.returned[:50]
        error.details["not_returned"] = outcome.not_returned
        kept = f"{len(outcome.not_returned)} could not be returned" if outcome.not_returned else "all of it"
        error.message += f" What was written was taken back: {len(outcome.returned)} objects, {kept}."
    back = intent.on_error == "return" and not outcome.not_returned
    error.details["changed"] = bool(outcome.applied or outcome.deleted) and not back
    return error
