# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The apply engine for policy, which takes over what this module's own earlier managers have."""

from __future__ import annotations

from ..._desired.policy.applyset import set_id
from ..._errors import Conflict
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from ..guess import less
from ..items import Item
from ..live import Obj
from ..objects import ObjectEngine
from .former import as_desired, formers, is_former, owned


class PolicyEngine(ObjectEngine):
    """Applies objects as the intent's manager."""

    def __init__(self, client: Client, intent: PolicyIntent) -> None:
        super().__init__(client, manager=intent.manager, force_conflicts=intent.force_conflicts)
        of = intent.apply_set
        self.identity = set_id(of.name, of.namespace) if of else ""

    def _as_desired(self, item: Item, live: Obj) -> bool:
        return as_desired(item.obj, live, self.manager, self.identity)

    def _send(self, item: Item, *, dry_run: bool) -> Obj:
        """Apply; the managers of before then let go of what they have of the object."""
        kind = item.target.kind
        try:
            answer = super()._send(item, dry_run=dry_run)
        except Conflict as error:
            others = error.details.get("conflicts")
            if not others or not all(is_former(name, self.manager) for name in others):
                raise
            answer = self.client.apply(item.obj, manager=self.manager, force=True, dry_run=dry_run, kind=kind)
        live = (self._look(item, answer) if dry_run else item.live) or {}
        for former in formers(live, self.manager, self.identity):
            if dry_run:
                answer = less(answer, owned(live, former), item.obj)
            else:
                meta = {key: item.obj["metadata"][key] for key in ("name", "namespace") if key in item.obj["metadata"]}
                nothing = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
                answer = self.client.apply(nothing, manager=former, force=True, kind=kind)
        return answer
