# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Helm's own records of releases, read from the Secrets or ConfigMaps they are stored in. Pure.

A record's payload is JSON, gzipped, in base64; a Secret's `data` adds the base64 of the API.
Source: Helm's `pkg/storage/driver`; the same in Helm 3 and 4.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .._errors import ToolError

WRITER_LABEL = "meshwright.io/writer"
PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})
_GZIP_MAGIC = b"\x1f\x8b\x08"


@dataclass(frozen=True, slots=True)
class Record:
    """One revision of a release, as its labels tell it, before the payload is read."""

    name: str
    namespace: str
    revision: int
    status: str
    object_name: str
    uid: str
    ours: bool
    modified: float


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release, decoded. `modified` is when Helm last wrote it, in seconds since the epoch."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    version: str
    app_version: str
    values: Mapping[str, Any]
    manifest: str = field(repr=False)
    description: str
    modified: float

    def summary(self) -> dict[str, Any]:
        """The release as results show it: no values, no manifest."""
        return {
            "release": self.name,
            "namespace": self.namespace,
            "revision": self.revision,
            "status": self.status,
            "chart": f"{self.chart}-{self.version}",
        }


def record(obj: Mapping[str, Any]) -> Record | None:
    """The record behind a Secret or ConfigMap labelled `owner=helm`; None when its labels are not Helm's."""
    meta = obj.get("metadata") or {}
    labels = meta.get("labels") or {}
    if labels.get("owner") != "helm" or not labels.get("name") or not str(labels.get("version", "")).isdigit():
        return None
    stamp = labels.get("modifiedAt") or labels.get("createdAt")
    modified = float(stamp) if stamp and str(stamp).isdigit() else seconds(meta.get("creationTimestamp"))
    return Record(
        labels["name"],
        meta.get("namespace", ""),
        int(labels["version"]),
        labels.get("status", "unknown"),
        meta.get("name", ""),
        meta.get("uid", ""),
        WRITER_LABEL in labels,
        modified,
    )


def decode(obj: Mapping[str, Any]) -> Release:
    """The release in a Secret or ConfigMap. Raises ToolError naming the object when it cannot be read."""
    meta = obj.get("metadata") or {}
    name = f"{obj.get('kind', 'Secret')} {meta.get('namespace')}/{meta.get('name')}"
    text = (obj.get("data") or {}).get("release", "")
    try:
        payload = base64.b64decode(text)
        if obj.get("kind") != "ConfigMap":
            payload = base64.b64decode(payload)
        if payload.startswith(_GZIP_MAGIC):
            payload = gzip.decompress(payload)
        stored = json.loads(payload)
        info, metadata = stored.get("info") or {}, (stored.get("chart") or {}).get("metadata") or {}
        return Release(
            name=stored["name"],
            namespace=stored.get("namespace") or meta.get("namespace", ""),
            revision=int(stored["version"]),
            status=info.get("status", "unknown"),
            chart=metadata.get("name", ""),
            version=metadata.get("version", ""),
            app_version=metadata.get("appVersion", ""),
            values=stored.get("config") or {},
            manifest=stored.get("manifest") or "",
            description=info.get("description", ""),
            modified=seconds(info.get("last_deployed")),
        )
    except (binascii.Error, OSError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(
            f"{name}: Helm's record of the release could not be read ({type(error).__name__}).",
            hint="It may have been damaged or written by a newer Helm; look at it with 'helm history'.",
        ) from error


def seconds(stamp: Any) -> float:
    """An RFC 3339 time as seconds since the epoch; 0 when it is none."""
    if not isinstance(stamp, str) or not stamp:
        return 0.0
    head, dot, tail = stamp.partition(".")
    if dot:  # Go writes nanoseconds; Python reads microseconds.
        digits = len(tail) - len(tail.lstrip("0123456789"))
        stamp = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    try:
        parsed = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()


def latest(records: Iterable[Record]) -> Record | None:
    return max(records, key=lambda known: known.revision, default=None)


def last_deployed(records: Iterable[Record]) -> Record | None:
    """The newest revision that Helm calls deployed: what a failed or unfinished one goes back to."""
    return max((r for r in records if r.status == "deployed"), key=lambda known: known.revision, default=None)
