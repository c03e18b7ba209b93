# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Revision tags under Helm, and the alias Service. Pure.

A tag's objects come from istiod's chart. What they were rendered from and as is kept in two of their annotations, so
that whether they are as they should be can be told, and mended, without rendering again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .layout import istiod_name
from .manifests import digest

TAGS_MANAGER = "meshwright-mesh-tags"
SOURCE_ANNOTATION = "meshwright.io/rendered-from"
RENDERED_ANNOTATION = "meshwright.io/rendered"
ALIAS_LABEL = "meshwright.io/alias-of"
ALIAS = "istiod"
_TAG_LABEL = "istio.io/tag"
_REVISION_LABEL = "istio.io/rev"
_WEBHOOKS = "MutatingWebhookConfiguration"
# As in istiod's own Service.
_PORTS = (
    {"name": "grpc-xds", "port": 15010, "protocol": "TCP"},
    {"name": "https-dns", "port": 15012, "protocol": "TCP"},
    {"name": "https-webhook", "port": 443, "targetPort": 15017, "protocol": "TCP"},
    {"name": "http-monitoring", "port": 15014, "protocol": "TCP"},
)

Objects = list[dict[str, Any]]


def source_of(tag: str, revision: str, version: str, values: Mapping[str, Any]) -> str:
    """A digest of all that a tag's objects are rendered from."""
    return digest([tag, revision, version, values])


def tag_objects(rendered: Iterable[Mapping[str, Any]], tag: str, source: str) -> Objects:
    """A tag's objects among those of a rendered chart, told by their label, with what they were rendered from."""
    plain = [dict(obj) for obj in rendered if (obj["metadata"].get("labels") or {}).get(_TAG_LABEL) == tag]
    return marked(plain, source)


def marked(plain: Objects, source: str) -> Objects:
    """The objects, the webhooks with both annotations."""
    kept = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return [_annotated(obj, source, kept) if obj["kind"] == _WEBHOOKS else obj for obj in plain]


def _annotated(obj: dict[str, Any], source: str, kept: str) -> dict[str, Any]:
    meta = obj["metadata"]
    annotations = {**(meta.get("annotations") or {}), SOURCE_ANNOTATION: source, RENDERED_ANNOTATION: kept}
    return {**obj, "metadata": {**meta, "annotations": annotations}}


def remembered(webhooks: Mapping[str, Any]) -> tuple[str, Objects]:
    """From what, and as what, a tag was rendered; ("", []) where that cannot be told."""
    annotations = webhooks["metadata"].get("annotations") or {}
    source = str(annotations.get(SOURCE_ANNOTATION) or "")
    try:
        plain = json.loads(annotations.get(RENDERED_ANNOTATION) or "[]")
        whole = [obj for obj in plain if obj["kind"] and obj["apiVersion"] and obj["metadata"]["name"]]
    except (ValueError, TypeError, KeyError):
        return "", []
    return (source, marked(whole, source)) if source and whole else ("", [])


def alias_service(namespace: str, revision: str) -> dict[str, Any]:
    """The Service `istiod` that leads to a revision."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": ALIAS,
            "namespace": namespace,
            "labels": {ALIAS_LABEL: istiod_name(revision), "istio": "pilot"},
        },
        "spec": {
            "selector": {"app": "istiod", _REVISION_LABEL: revision},
            "ports": [dict(port) for port in _PORTS],
        },
    }


def is_alias(service: Mapping[str, Any]) -> bool:
    """Whether a Service is an alias that we made."""
    return ALIAS_LABEL in (service["metadata"].get("labels") or {})


def alias_target(service: Mapping[str, Any] | None) -> str:
    """The revision that an alias leads to; "" for what is none."""
    if service is None or not is_alias(service):
        return ""
    return str(((service.get("spec") or {}).get("selector") or {}).get(_REVISION_LABEL) or "")
