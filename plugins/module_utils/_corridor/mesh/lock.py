# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One run at a time for each mesh."""

from __future__ import annotations

from ..._kube.client import Client
from ..._kube.lease import HeldLease

LEASE_NAME = "meshwright-istio-mesh"


class MeshLock(HeldLease):
    """`with MeshLock(client, namespace, patience=60) as lock:`; see HeldLease."""

    def __init__(self, client: Client, namespace: str, *, patience: float, run_id: str | None = None) -> None:
        super().__init__(client, LEASE_NAME, namespace, patience=patience, purpose="this mesh", run_id=run_id)
