# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One run at a time writes an apply set, and none by a draft that another run has made outdated.

A Lease keeps runs apart while they write. Each leaves its mark on the set's parent, whose resourceVersion then tells
a run that had begun to read before that what it read is no longer so.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from ..._errors import ApiError, GuardRefused
from ..._intent.policy import ApplySetName
from ..._kube.client import Client, Deadline
from ..._kube.kinds import CONFIG_MAP, LEASE
from ..._kube.lease import RUN_ANNOTATION, HeldLease, held_by
from ..live import Obj
from .draft import Draft, Parent

# The mark's field manager: another than the set's, which would give the mark up with its next apply.
_MARKER = "meshwright-run"
# Seconds for the mark when the task's own time is over.
_LAST_WORD = 3.0
# Seconds, more than a Lease lasts: by the clock of whoever wrote it it has run out, but clocks differ.
_LEFT_ALONE = 35.0


class Hold:
    """What a run holds while it writes: nothing, if there is no set."""

    def __init__(self, client: Client, parent: Parent | None, lease: HeldLease | None, run: str) -> None:
        self._client = client
        self._parent = parent
        self._lease = lease
        self._run = run

    def ensure(self) -> None:
        """Raise GuardRefused when another run has taken over."""
        if self._lease is not None:
            self._lease.ensure()

    def stamp(self) -> None:
        """Mark the parent, so that whoever read the set before learns that it was written since."""
        if self._parent is None or self._parent.live is None:
            return
        client = self._client.with_deadline(Deadline(max(_LAST_WORD, self._client.deadline.left())))
        # Out of reach, perhaps: what counts are the objects.
        with contextlib.suppress(ApiError):
            self._parent.live = client.patch(
                CONFIG_MAP,
                self._parent.of.name,
                self._parent.of.namespace,
                {"metadata": {"annotations": {RUN_ANNOTATION: self._run}}},
                resource_version=None,
                manager=_MARKER,
            )


@contextlib.contextmanager
def held(client: Client, draft: Draft, manager: str) -> Iterator[Hold]:
    """`with held(...) as hold:` writes the set that `manager` is named after; without a set it holds nothing.

    Raises GuardRefused, and nothing was written, when another run is at work on the set, or has written it since
    the draft was made.
    """
    run = uuid.uuid4().hex[:12]
    if draft.parent is None:
        yield Hold(client, None, None, run)
        return
    of = draft.parent.of
    with contextlib.ExitStack() as stack:
        lease = _entered(client, of, manager, run, stack)
        if _version(client.get(CONFIG_MAP, of.name, of.namespace)) != _version(draft.parent.live):
            raise GuardRefused(
                f"Another run wrote the apply set {of.namespace}/{of.name} while this one was looking.",
                hint="This run wrote nothing. Run again: it will see what the other left.",
            )
        yield Hold(client, draft.parent, lease, run)


def _entered(client: Client, of: ApplySetName, manager: str, run: str, stack: contextlib.ExitStack) -> HeldLease:
    """The set's Lease, held. One that its holder seems to have left is waited for until that is certain."""
    purpose = f"the apply set {of.name}"
    try:
        return stack.enter_context(HeldLease(client, manager, of.namespace, patience=0, purpose=purpose, run_id=run))
    except GuardRefused as error:
        error.message += " This run wrote nothing."
        error.hint = "Run again when it has ended."
        lease = client.get(LEASE, manager, of.namespace)
        if lease is not None and held_by(lease):
            raise
    return stack.enter_context(
        HeldLease(client, manager, of.namespace, patience=_LEFT_ALONE, purpose=purpose, run_id=run)
    )


def _version(parent: Obj | None) -> str:
    return str(((parent or {}).get("metadata") or {}).get("resourceVersion") or "")
