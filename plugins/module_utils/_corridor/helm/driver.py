# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Helm as an install method: releases of Istio's charts."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from ..._desired.layout import Installed, Layout, Part
from ..mesh.context import MeshRun
from ..mesh.driver import Prepared
from ..mesh.result import mesh_state
from .carry import carry_out, settle_all
from .observe import observe, releases_again
from .prepare import fingerprint, prepare


class HelmDriver:
    """See `mesh.driver.Driver`."""

    def __init__(self, run: MeshRun) -> None:
        self.run = run

    def installed(self) -> Installed:
        return Installed()

    def prepare(self, layout: Layout, parts: Set[Part]) -> Prepared:
        work = prepare(self.run)
        return Prepared(layout, work.plan, work.namespaces, work.fingerprint, work)

    def fingerprint(self) -> object:
        return fingerprint(releases_again(self.run.client, self.run.intent, self.run.driver))

    def carry_out(self, prepared: Prepared) -> None:
        carry_out(self.run, prepared.work, prepared.plan)

    def settle(self, prepared: Prepared) -> None:
        settle_all(self.run, prepared.work)

    def state(self) -> dict[str, Any]:
        observed = observe(self.run.client, self.run.intent, self.run.driver)
        return mesh_state(self.run.intent, observed, {name: one.release for name, one in observed.releases.items()})
