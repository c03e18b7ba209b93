# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whose the objects are that a plan would write: asked before the first write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.manifests import key
from ..mesh import guards
from ..mesh.context import MeshRun
from .decide import Decision
from .drift import read_live
from .observe import record_kind

Objects = list[dict[str, Any]]
Foreign = dict[str, list[str]]


def sort_owners(run: MeshRun, decision: Decision, objects: Objects, stored: Objects, foreign: Foreign) -> None:
    """Name the objects that are another tool's; let Helm take over what only a release that is gone has left."""
    release = decision.desired
    mine = {key(obj) for obj in stored}
    decision.take_ownership = run.intent.take_ownership
    gone: dict[tuple[str, str], bool] = {}
    for name, obj in read_live(run.client, objects).items():
        if obj is None:
            continue
        owner = guards.other_owner(obj)
        space, helm = guards.helm_owner(obj)
        if not owner and (space, helm) != (release.namespace, release.name) and key(obj) not in mine:
            if not helm:
                owner = "nobody known (made without Helm)"
            else:
                if (space, helm) not in gone:
                    gone[space, helm] = not _recorded(run, space, helm)
                if gone[space, helm]:
                    decision.take_ownership = True
                    run.notes.append(f"{name} was left by the release {space}/{helm}, which is gone; it is taken over")
                else:
                    owner = f"Helm release {space}/{helm}"
        if owner:
            foreign.setdefault(owner, []).append(name)


def sort_tag_owners(live: Iterable[Mapping[str, Any]], manager: str, foreign: Foreign) -> None:
    """Name the tags' objects that were not made by us."""
    for obj in live:
        space, helm = guards.helm_owner(obj)
        owner = guards.other_owner(obj) or (f"Helm release {space}/{helm}" if helm else "")
        if not owner and not applied_by(obj, manager):
            owner = "nobody known (made without this collection)"
        if owner:
            meta = obj["metadata"]
            where = f"{meta['namespace']}/" if meta.get("namespace") else ""
            foreign.setdefault(owner, []).append(f"{obj['kind']} {where}{meta['name']}")


def applied_by(obj: Mapping[str, Any], manager: str) -> bool:
    """Whether this field manager has applied the object."""
    fields = obj["metadata"].get("managedFields") or []
    return any(entry.get("manager") == manager and entry.get("operation") == "Apply" for entry in fields)


def _recorded(run: MeshRun, namespace: str, name: str) -> bool:
    kind = record_kind(run.driver)
    return bool(run.client.list(kind, namespace, labels=f"owner=helm,name={name}", metadata_only=True))
