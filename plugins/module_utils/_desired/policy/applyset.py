# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Apply sets: which objects were applied together, as Kubernetes' specification (KEP 3659) has it. Pure.

The parent, here a ConfigMap, bears the set's id as a label, and annotations that say which tool keeps the set, and
in which kinds and namespaces its members are to be found. Each member bears the id as a label too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._version import VERSION

Obj = dict[str, Any]
# Group and kind; the core group is "".
GroupKind = tuple[str, str]

ID = "applyset.kubernetes.io/id"
PART_OF = "applyset.kubernetes.io/part-of"
TOOLING = "applyset.kubernetes.io/tooling"
_KINDS = "applyset.kubernetes.io/contains-group-kinds"
_NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
TOOL = "meshwright.istio"


def set_id(name: str, namespace: str, *, kind: str = "ConfigMap") -> str:
    """The id of the set whose parent is this object of a kind of the core group."""
    digest = hashlib.sha256(f"{name}.{namespace}.{kind}.".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a set's members are: their kinds, and their namespaces other than the parent's."""

    kinds: frozenset[GroupKind] = frozenset()
    namespaces: frozenset[str] = frozenset()

    def __or__(self, other: Scope) -> Scope:
        return Scope(self.kinds | other.kinds, self.namespaces | other.namespaces)

    def covers(self, other: Scope) -> bool:
        return self.kinds >= other.kinds and self.namespaces >= other.namespaces


def scope_of(parent: Mapping[str, Any] | None) -> Scope:
    """What the parent's annotations name; nothing without a parent."""
    annotations = ((parent or {}).get("metadata") or {}).get("annotations") or {}
    kinds = frozenset(
        (group, kind) for kind, _dot, group in (each.partition(".") for each in _split(annotations, _KINDS))
    )
    return Scope(kinds, frozenset(_split(annotations, _NAMESPACES)))


def _split(annotations: Mapping[str, Any], name: str) -> Iterable[str]:
    return (part for each in str(annotations.get(name) or "").split(",") if (part := each.strip()))


def parent_object(name: str, namespace: str, scope: Scope) -> Obj:
    """The parent as it is applied."""
    kinds = sorted(f"{kind}.{group}" if group else kind for group, kind in scope.kinds)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {ID: set_id(name, namespace)},
            "annotations": {
                TOOLING: f"{TOOL}/{VERSION}",
                _KINDS: ",".join(kinds),
                _NAMESPACES: ",".join(sorted(scope.namespaces - {namespace})),
            },
        },
    }


def why_not_ours(parent: Mapping[str, Any], identity: str) -> str:
    """Why a ConfigMap of the parent's name is not the parent of our set, to follow "it"; "" when it is."""
    meta = parent.get("metadata") or {}
    tooling = str((meta.get("annotations") or {}).get(TOOLING) or "")
    marked = (meta.get("labels") or {}).get(ID)
    if tooling and tooling.partition("/")[0] != TOOL:
        return f"is the parent of an apply set that {tooling} keeps"
    if marked is None or not tooling:
        return "is there already, and is no apply set's parent"
    if marked != identity:
        return f"has the id {marked}, which is not that of its name"
    return ""


def set_of(obj: Mapping[str, Any] | None) -> str:
    """The id of the set that an object is a member of, or ""."""
    labels = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get(PART_OF) or "")


def as_member(obj: Obj, identity: str) -> Obj:
    """The object as a member of the set; with no identity, of none. Shares all but its labels with `obj`."""
    meta = obj["metadata"]
    labels = meta.get("labels") or {}
    if identity:
        return {**obj, "metadata": {**meta, "labels": {**labels, PART_OF: identity}}}
    if PART_OF not in labels:
        return obj
    # It comes from a copy of a live object, and would claim to be what it is not.
    kept = {key: value for key, value in labels.items() if key != PART_OF}
    rest = {key: value for key, value in meta.items() if key != "labels"}
    return {**obj, "metadata": {**rest, "labels": kept} if kept else rest}
