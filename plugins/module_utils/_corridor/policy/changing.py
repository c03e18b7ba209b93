# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A draft that changes something: rehearsed, guarded, carried out, accepted, or taken back."""

from __future__ import annotations

from typing import Any

from ..._errors import MeshError
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from . import carry, going_back, guards, rehearsal
from .acceptance import Acceptance
from .draft import Draft
from .outcome import Outcome
from .refusal import refuse
from .result import result

_LISTED = 50


def change(client: Client, draft: Draft, intent: PolicyIntent, *, check: bool, diff: bool) -> dict[str, Any]:
    """The module's result. In check mode nothing is written."""
    errors = rehearsal.rehearse(client, draft, intent, alone=check)
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


def _failed(error: MeshError, client: Client, draft: Draft, outcome: Outcome, intent: PolicyIntent) -> MeshError:
    """The error with what became of the set; everything is put back first where that is asked for."""
    if intent.on_error == "return":
        going_back.go_back(client, draft, outcome, intent)
        error.details["returned"] = outcome.returned[:_LISTED]
        error.details["not_returned"] = outcome.not_returned[:_LISTED]
        error.message += f" {outcome.told_of_return()}"
    back = intent.on_error == "return" and not outcome.not_returned
    error.details["changed"] = bool(outcome.applied or outcome.deleted) and not back
    return error
