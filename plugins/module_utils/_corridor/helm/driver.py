# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Istio by its own Helm charts."""

from __future__ import annotations

import time
from collections.abc import Set
from typing import Any

from ..._desired.layout import Installed, Layout, Part
from ..._kube import kinds
from ..mesh.context import MeshRun
from ..mesh.driver import Prepared
from ..mesh.result import mesh_state
from ..usage import TAG_LABEL
from .carry import carry_out, settle_all
from .installed import installed
from .observe import MeshObserved, observe, records_again
from .prepare import fingerprint, prepare

# Seconds. Less than anybody waits for another run.
_AT_ONCE = 0.5


class HelmDriver:
    """See `mesh.driver.Driver`.

    What `installed` read serves `prepare` and `state` too, until something is written; and one more `installed` that
    follows at once.
    """

    def __init__(self, run: MeshRun) -> None:
        self.run = run
        self._observed: MeshObserved | None = None
        self._read_at = 0.0

    def installed(self) -> Installed:
        if time.monotonic() - self._read_at > _AT_ONCE:
            self._observed = None
        return installed(self.run.intent, self._observe())

    def prepare(self, layout: Layout, parts: Set[Part]) -> Prepared:
        observed, self._read_at = self._observe(), 0.0
        work = prepare(self.run, observed, installed(self.run.intent, observed), layout, parts)
        return Prepared(layout, work.plan, work.namespaces, work.fingerprint, work)

    def fingerprint(self) -> object:
        client = self.run.client
        records = records_again(client, self.run.intent, self.run.driver)
        return fingerprint(records, client.list(kinds.MUTATING_WEBHOOK, labels=TAG_LABEL, metadata_only=True))

    def carry_out(self, prepared: Prepared) -> None:
        self._observed = None
        carry_out(self.run, prepared.work, prepared.plan, prepared.layout)

    def settle(self, prepared: Prepared) -> None:
        settle_all(self.run, prepared.work)

    def state(self) -> dict[str, Any]:
        return mesh_state(self.run, self._observe())

    def _observe(self) -> MeshObserved:
        if self._observed is None:
            self._observed = observe(self.run.client, self.run.intent, self.run.driver)
            self._read_at = time.monotonic()
        return self._observed
