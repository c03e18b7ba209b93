# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Setting and taking away labels and annotations that others may own: patches with a precondition, never applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._checks.snapshot import Obj, annotations_of, labels_of
from .._errors import Conflict, GuardRefused, NotFound
from .._kube.client import Client
from .._kube.kinds import Kind

MANAGER = "meshwright-enrollment"
_CONFLICTS = 5

Changes = Mapping[str, "str | None"]


def differing(values: Mapping[str, str], changes: Changes) -> dict[str, str | None]:
    """What of the changes is not so already; None takes a key away."""
    return {key: value for key, value in changes.items() if values.get(key) != value}


def relabel(
    client: Client,
    kind: Kind,
    live: Obj,
    labels: Changes,
    *,
    annotations: Changes | None = None,
    dry_run: bool = False,
) -> Obj:
    """Change labels (and annotations) of an object as it was read; what it is then, or `live` if nothing differs.

    Tried again when the object changed otherwise meanwhile. Raises GuardRefused when somebody changed one of these
    very labels since `live` was read, NotFound when the object is gone.
    """
    name, namespace = live["metadata"]["name"], live["metadata"].get("namespace")
    seen = live
    for attempt in range(_CONFLICTS):
        more, noted = differing(labels_of(seen), labels), differing(annotations_of(seen), annotations or {})
        if not more and not noted:
            return seen
        patch: dict[str, Any] = {"metadata": {}}
        if more:
            patch["metadata"]["labels"] = more
        if noted:
            patch["metadata"]["annotations"] = noted
        version = seen["metadata"].get("resourceVersion")
        try:
            return client.patch(
                kind, name, namespace, patch, resource_version=version, dry_run=dry_run, manager=MANAGER
            )
        except Conflict:
            if attempt + 1 == _CONFLICTS:
                raise
        again = client.get(kind, name, namespace)
        if again is None:
            raise NotFound(f"{kind.label(namespace, name)} is gone.", status=404, verb="patch")
        _guard(kind, live, again, labels)
        seen = again
    raise AssertionError("unreachable")


def _guard(kind: Kind, planned: Obj, now: Obj, labels: Changes) -> None:
    """Refuse to write over what somebody set since the plan was made, unless it is just what was to be set."""
    before, after = labels_of(planned), labels_of(now)
    for key, wanted in labels.items():
        if after.get(key) not in (before.get(key), wanted):
            where = kind.label(now["metadata"].get("namespace"), now["metadata"]["name"])
            raise GuardRefused(
                f"Somebody changed the label {key} of {where} from {before.get(key)} to {after.get(key)} meanwhile.",
                hint="See who, then run again: the plan is made anew.",
            )
