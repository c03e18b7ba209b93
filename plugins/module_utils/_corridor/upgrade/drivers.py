# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which driver a run has: the install method's."""

from __future__ import annotations

from ..helm.driver import HelmDriver
from ..mesh.context import MeshRun
from ..mesh.driver import Driver


def driver_for(run: MeshRun) -> Driver:
    return HelmDriver(run)
