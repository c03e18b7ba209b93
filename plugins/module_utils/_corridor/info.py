# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_info`: one snapshot, and the picture that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._checks.picture import picture
from .._intent.info import InfoIntent
from .._kube.client import Client
from . import snapshot as snapshots
from .who import cluster


def info(client: Client, intent: InfoIntent) -> dict[str, Any]:
    """The module's result. Raises Unreachable or Unauthorized when there is no talking to the API server at all."""
    seen = snapshots.take(
        client,
        intent.sources,
        scope=intent.namespaces,
        inside=intent.inside,
        proxy_limit=intent.proxy_limit,
    )
    found = picture(seen, intent.parts, intent.namespaces)
    return {
        "changed": False,
        "mesh": found,
        "cluster": cluster(client, seen.taken),
        # An ok task prints nothing: what could not be seen must not be silent.
        "warnings": _warnings({name: reason for name, reason in found["unread"].items() if name in seen.sources}),
    }


def _warnings(unread: Mapping[str, str]) -> list[str]:
    """One for all that was asked for and could not be read."""
    if not unread:
        return []
    name, reason = next(iter(unread.items()))
    more = f" So with {len(unread) - 1} more, see `mesh.unread`." if len(unread) > 1 else ""
    return [f"Not all of the mesh could be read. {name}: {reason}{more}"]
