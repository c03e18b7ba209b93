# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the API server serves: versions for helm, and kinds that are not in the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .answers import Response
from .kinds import Kind

# Aggregated discovery: everything in two requests. Servers before 1.30 know its beta or the plain form.
ACCEPT_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)

Get = Callable[[str, str], Response]


def kinds_in(resources: dict[str, Any], group: str, version: str) -> dict[str, Kind]:
    """The kinds of an `APIResourceList`, by name."""
    found = {}
    for row in resources.get("resources") or []:
        if "/" in row["name"]:
            continue
        found[row["kind"]] = Kind(group, version, row["kind"], row["name"], bool(row["namespaced"]))
    return found


def served_kinds(answer: dict[str, Any]) -> dict[str, list[str]]:
    """From an `APIGroupDiscoveryList`: kinds per `group/version`, subresources left out."""
    found: dict[str, list[str]] = {}
    for group in answer.get("items") or []:
        name = (group.get("metadata") or {}).get("name") or ""
        for version in group.get("versions") or []:
            key = f"{name}/{version['version']}" if name else version["version"]
            kinds = [
                str(row["responseKind"]["kind"]) for row in version.get("resources") or [] if row.get("responseKind")
            ]
            found.setdefault(key, []).extend(kinds)
    return found


def group_versions(path: str, answer: dict[str, Any]) -> list[str]:
    """The `group/version`s of plain discovery: `APIVersions` at /api, `APIGroupList` at /apis."""
    if path == "/api":
        return [str(version) for version in answer.get("versions") or []]
    return [str(row["groupVersion"]) for group in answer.get("groups") or [] for row in group.get("versions") or []]
