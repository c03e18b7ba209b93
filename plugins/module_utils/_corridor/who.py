# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which cluster a result is about, and when it was looked at."""

from __future__ import annotations

import time

from .._kube.client import Client
from .._version import VERSION


def cluster(client: Client, taken: float) -> dict[str, str]:
    """`server`, `context`, `kubernetes` (version), `time` (RFC 3339, UTC) and `collection` (version)."""
    return {
        "server": client.connection.server,
        "context": client.connection.context or "",
        "kubernetes": str(client.version().get("gitVersion") or ""),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken)),
        "collection": VERSION,
    }
