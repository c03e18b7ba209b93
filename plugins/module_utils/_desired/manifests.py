# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Manifests as text and as objects, and how objects are shown in a bounded diff. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

try:
    import yaml
except ImportError:  # The kubernetes package, without which nothing here runs, brings it along.
    yaml = None  # type: ignore[assignment]

from .._errors import ToolError

# What one object and one long text may take in a diff; beyond it they are named by size and digest.
OBJECT_LIMIT = 16_000
TEXT_LIMIT = 2_000


def parse_manifest(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML stream, Lists opened, empty documents dropped. Raises ToolError when it is no YAML."""
    objects: list[dict[str, Any]] = []
    try:
        for document in yaml.load_all(text, Loader=_loader()):
            if not isinstance(document, dict):
                continue
            if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
                objects += [item for item in document["items"] if isinstance(item, dict)]
            else:
                objects.append(document)
    except yaml.YAMLError as error:
        raise ToolError(f"A manifest could not be read as YAML: {error}") from error
    return [item for item in objects if item.get("kind") and item.get("apiVersion")]


def _loader() -> Any:
    """A safe loader, in C where there is one, that keeps timestamps as text, as Kubernetes does."""
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in base.yaml_implicit_resolvers.items()
    }
    return type("Loader", (base,), {"yaml_implicit_resolvers": resolvers})


def label(obj: Mapping[str, Any]) -> str:
    """`Deployment istio-system/istiod`, `Namespace istio-system`."""
    meta = obj.get("metadata") or {}
    namespace = meta.get("namespace")
    return f"{obj.get('kind')} {namespace}/{meta.get('name')}" if namespace else f"{obj.get('kind')} {meta.get('name')}"


def key(obj: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What makes an object the same one in two manifests: group, kind, namespace, name (not the version)."""
    meta = obj.get("metadata") or {}
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return group, str(obj.get("kind")), str(meta.get("namespace") or ""), str(meta.get("name"))


def digest(value: Any) -> str:
    """A short, stable fingerprint of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def shown(obj: Any) -> Any:
    """The object as a diff shows it: CRDs by name and versions, long texts and huge objects by size and digest."""
    if not isinstance(obj, Mapping) or not obj:
        return obj
    if obj.get("kind") == "CustomResourceDefinition":
        return _shown_crd(obj)
    if obj.get("kind") == "Secret":
        return {
            **obj,
            **{part: dict.fromkeys(obj[part], "********") for part in ("data", "stringData") if obj.get(part)},
        }
    shortened = _shorten(obj)
    size = len(json.dumps(shortened, default=str))
    if size > OBJECT_LIMIT:
        return {"object": label(obj), "characters": size, "sha256": digest(obj)}
    return shortened


def _shown_crd(obj: Mapping[str, Any]) -> dict[str, Any]:
    spec = obj.get("spec") or {}
    meta = obj.get("metadata") or {}
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {part: meta[part] for part in ("name", "labels", "annotations") if meta.get(part)},
        "scope": spec.get("scope"),
        "versions": {
            version.get("name"): {
                "served": version.get("served", True),
                "storage": version.get("storage", False),
                "schema_sha256": digest(version.get("schema")),
            }
            for version in spec.get("versions") or []
        },
    }


def _shorten(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shorten(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_shorten(item) for item in value]
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        return f"({len(value)} characters, {value.count(chr(10)) + 1} lines, sha256 {digest(value)})"
    return value


def removed(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Objects of one manifest that another no longer has."""
    kept = {key(obj) for obj in after}
    return [obj for obj in before if key(obj) not in kept]


def with_namespaces(objects: Iterable[dict[str, Any]], namespace: str, namespaced: Any) -> list[dict[str, Any]]:
    """The objects with their namespace said, where the chart left it to Helm; `namespaced(obj)` tells kinds apart."""
    result = []
    for obj in objects:
        if not (obj.get("metadata") or {}).get("namespace") and namespaced(obj):
            obj = {**obj, "metadata": {**(obj.get("metadata") or {}), "namespace": namespace}}
        result.append(obj)
    return result
