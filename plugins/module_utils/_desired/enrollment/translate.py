# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Policies in a move between sidecars and waypoints: what is made, changed and removed, and what cannot be translated.

Pure. docs/policy-translation.md shows both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._checks.policy.scene import Waypoint
from ..._checks.policy.view import View
from ..._checks.snapshot import Obj
from .blocker import Blocker
from .translate_back import Back
from .translate_forth import Forth
from .translate_model import Draft, principal, widen
from .translate_rules import narrowed_for
from .translate_without import without

TRUST_DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class Edit:
    """An object that is changed in place; `reason` is a clause such as `narrowed to pods with a sidecar`."""

    before: Obj
    after: Obj
    reason: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What becomes of the policies of one namespace in a move.

    When: `first_remove`, `create` and `edit` before the first label; `protection` once that label is heeded, since it
    cuts whoever does not come by the waypoint; `last_edit` and `remove` after the restarts and the last labels.
    Objects are complete, and the same each time: what is there and equal is in `create` all the same. `notes` are
    sentences.
    """

    create: tuple[Obj, ...] = ()
    edit: tuple[Edit, ...] = ()
    last_edit: tuple[Edit, ...] = ()
    remove: tuple[Obj, ...] = ()
    impossible: tuple[Blocker, ...] = ()
    notes: tuple[str, ...] = ()
    protection: tuple[Obj, ...] = ()
    first_remove: tuple[Obj, ...] = ()


def to_waypoint(
    view: View,
    namespace: str,
    waypoint: Waypoint,
    *,
    protect: bool,
    trust_domain: str = TRUST_DOMAIN,
    pods: Sequence[Obj] = (),
) -> Translation:
    """From sidecars to ambient with this waypoint, which the namespace's label will name.

    `protect`: refuse whoever does not come by the waypoint, for each workload that it judges HTTP for. `pods` are the
    namespace's whole pods, if they are known: they say which number a port has that a Service names.
    """
    return _done(Forth(view, namespace, waypoint, protect=protect, trust_domain=trust_domain, pods=pods).draft())


def to_sidecars(
    view: View, namespace: str, *, trust_domain: str = TRUST_DOMAIN, pods: Sequence[Obj] = ()
) -> Translation:
    """From ambient, with whichever waypoints the scene's labels name, to sidecars."""
    return _done(Back(view, namespace, trust_domain=trust_domain, pods=pods).draft())


def without_waypoint(view: View, namespace: str) -> Translation:
    """From sidecars to ambient without a waypoint: what ztunnel does not carry out is impossible; the rest stays."""
    return _done(without(view, namespace))


def narrowed(obj: Obj, waypoint: Waypoint | None = None, *, trust_domain: str = TRUST_DOMAIN) -> dict[str, Any]:
    """A policy for only those of its pods that have a sidecar; `widened` is the inverse.

    With `waypoint` (its namespace and service account) it lets that one by as well: what comes from there was judged
    there.
    """
    return narrowed_for(obj, principal(waypoint, trust_domain) if waypoint is not None else "")


def widened(obj: Obj) -> dict[str, Any]:
    """A policy as it was before a move changed it in place; one that none has changed as it is, without status."""
    return widen(obj)


def _done(draft: Draft) -> Translation:
    return Translation(
        create=tuple(draft.create),
        edit=tuple(Edit(*one) for one in draft.edit),
        last_edit=tuple(Edit(*one) for one in draft.last_edit),
        remove=tuple(draft.remove),
        impossible=tuple(draft.impossible),
        notes=tuple(draft.notes),
        protection=tuple(draft.protection),
        first_remove=tuple(draft.first_remove),
    )
