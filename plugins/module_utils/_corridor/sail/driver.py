# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator as an install method: its resources Istio, IstioCNI, ZTunnel, IstioRevisionTag."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from ..._desired.layout import Installed, Layout, Part
from ..mesh.context import MeshRun
from ..mesh.driver import Prepared
from .carry import carry_out, settle_all
from .observe import SailObserved, installed, observe_sail
from .prepare import prepare_sail
from .state import sail_state


class SailDriver:
    """See `mesh.driver.Driver`."""

    def __init__(self, run: MeshRun) -> None:
        self.run = run

    def _observe(self) -> SailObserved:
        return observe_sail(self.run.client, self.run.intent, self.run.driver)

    def installed(self) -> Installed:
        return installed(self.run.intent, self._observe())

    def prepare(self, layout: Layout, parts: Set[Part]) -> Prepared:
        work = prepare_sail(self.run, layout, parts)
        return Prepared(layout, work.plan, work.namespaces, fingerprint(work.observed), work)

    def fingerprint(self) -> object:
        return fingerprint(self._observe())

    def carry_out(self, prepared: Prepared) -> None:
        carry_out(self.run, prepared.work, prepared.plan)

    def settle(self, prepared: Prepared) -> None:
        settle_all(self.run, prepared.work)

    def state(self) -> dict[str, Any]:
        return sail_state(self.run.client, self.run.intent, self._observe())


def fingerprint(observed: SailObserved) -> object:
    """Generations of the resources and Helm's records of the operator: what another run would have changed."""
    resources = [
        *observed.istios.values(),
        *observed.tags.values(),
        *(obj for obj in (observed.cni, observed.ztunnel) if obj is not None),
    ]
    return (
        {(obj["kind"], *(obj["metadata"][key] for key in ("name", "uid", "generation"))) for obj in resources},
        {(known.revision, known.status) for known in observed.release.records},
    )
