# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The mesh's configuration in one file: a Kubernetes List that `kubectl apply --server-side -f` brings back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..._checks.snapshot import Obj, annotations_of, labels_of, meta, name_of, namespace_of
from ..._errors import BadInput
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..plan import Step
from ..usage import INJECTION_LABEL, REVISION_LABEL
from .admission import POLICY_KINDS

KINDS: tuple[Kind, ...] = (
    kinds.SAIL_ISTIO,
    kinds.SAIL_REVISION_TAG,
    kinds.SAIL_CNI,
    kinds.SAIL_ZTUNNEL,
    *POLICY_KINDS,
    kinds.GATEWAY,
    kinds.HTTP_ROUTE,
    kinds.GRPC_ROUTE,
    kinds.TLS_ROUTE,
    kinds.REFERENCE_GRANT,
    kinds.BACKEND_TLS_POLICY,
)
_MESH_LABELS: tuple[str, ...] = (
    REVISION_LABEL,
    INJECTION_LABEL,
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
    "istio.io/ingress-use-waypoint",
)
_LEFT_OUT = ("kubectl.kubernetes.io/last-applied-configuration", "gateway.istio.io/controller-version")


def backup_text(client: Client) -> tuple[str, int]:
    """The file's content, the same for the same configuration, and how many objects it has."""
    objects = [_space(space) for space in client.list(kinds.NAMESPACE, metadata_only=True)]
    for found in client.many(client.list, KINDS):
        objects += [kept(obj) for obj in found]
    return text_of([obj for obj in objects if obj])


def text_of(objects: Iterable[Mapping[str, Any]]) -> tuple[str, int]:
    chosen = sorted(objects, key=lambda obj: (obj["kind"] != "Namespace", obj["kind"], namespace_of(obj), name_of(obj)))
    whole = {"apiVersion": "v1", "kind": "List", "items": chosen}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n", len(chosen)


def kept(obj: Obj) -> dict[str, Any]:
    """What a person wrote of an object; {} for one that a controller owns, and would make again."""
    if any(owner.get("controller") for owner in meta(obj).get("ownerReferences") or ()):
        return {}
    metadata: dict[str, Any] = {"name": name_of(obj)}
    if namespace_of(obj):
        metadata["namespace"] = namespace_of(obj)
    if labels_of(obj):
        metadata["labels"] = dict(labels_of(obj))
    annotations = {name: text for name, text in annotations_of(obj).items() if name not in _LEFT_OUT}
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return {**rest, "metadata": metadata}


def _space(obj: Obj) -> dict[str, Any]:
    """A namespace's labels that concern the mesh; {} when it has none."""
    labels = {name: text for name, text in labels_of(obj).items() if name in _MESH_LABELS}
    metadata = {"name": name_of(obj), "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata} if labels else {}


def write_backup(client: Client, path: str, *, check_mode: bool) -> Step:
    """Write it unless the file has just this. Raises BadInput when it cannot be written."""
    text, count = backup_text(client)
    name = f"backup {path}"
    before = _read(path)
    if before == text:
        return Step(name, "none", f"has all {count} objects")
    if not check_mode:
        _write(path, text)
    return Step(
        name,
        "create" if before is None else "update",
        f"{count} objects; kubectl apply --server-side --force-conflicts -f brings them back",
        before={} if before is None else {"bytes": len(before.encode())},
        after={"bytes": len(text.encode()), "objects": count},
        predicted_by="local",
    )


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from error


def _write(path: str, text: str) -> None:
    """All of it or nothing, readable by the owner only."""
    part = f"{path}.part"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, path)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: str, error: Exception) -> BadInput:
    return BadInput(f"backup: {path} cannot be used: {error}.", hint="Name a file in a folder that may be written to.")
