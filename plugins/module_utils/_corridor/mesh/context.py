# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What one run of `istio_mesh` holds on to: the request, the way to the cluster, and helm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._intent.mesh import MeshIntent
from ..._kube.client import Client, Deadline
from ..._kube.connection import ConnectionOptions, connect
from ..._tools.helm import storage_driver
from ..helm.charts import HelmSide

# Seconds that fetching, rendering, rehearsing and helm itself may take beside the time to wait for readiness.
WORK_TIME = 180


@dataclass(slots=True)
class MeshRun:
    """One run. `notes` and `warnings` collect what people should read; both end in the result."""

    intent: MeshIntent
    client: Client
    helm_side: HelmSide
    driver: str
    check_mode: bool
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def patience(self) -> float:
        """Seconds to wait for another run that is at work on the same mesh."""
        return float(self.intent.wait_timeout) if self.intent.wait else 0.0


def start(intent: MeshIntent, params: Mapping[str, Any], folder: str, *, check_mode: bool) -> MeshRun:
    """Connect; nothing is sent yet. `folder` is private to this run."""
    driver = storage_driver(params.get("helm_driver"))
    connection = connect(ConnectionOptions.from_params(params))
    client = Client(connection, deadline=Deadline(intent.wait_timeout + WORK_TIME))
    helm_side = HelmSide(intent.charts, folder, binary=params.get("helm_binary"), driver=driver, connection=connection)
    return MeshRun(intent, client, helm_side, driver, check_mode)
