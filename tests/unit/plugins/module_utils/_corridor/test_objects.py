# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an item's step says when its live state was not read: the server's answer tells whether it is there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import Target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Rejected
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import CONFIG_MAP

Obj = dict[str, Any]


def config_map(value: str, **meta: Any) -> Obj:
    metadata = {"name": "a", "namespace": "n", **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


class FakeClient:
    """Stands in for the client: one object on the server, and what a dry run answers."""

    def __init__(self, there: Obj | None, *, webhook: bool = False) -> None:
        self.there = there
        self.webhook = webhook
        self.read = 0

    def apply(self, obj: Obj, **_more: Any) -> Obj:
        if self.webhook:
            raise Rejected("a webhook does not support dry run", details={"dry_run_unsupported": True})
        known = {} if self.there is None else {"resourceVersion": "7", "uid": "1"}
        return {**obj, "metadata": {**obj["metadata"], "uid": "2", **known}}

    def get(self, *_what: Any) -> Obj | None:
        self.read += 1
        return self.there


LIVE = {"resourceVersion": "7", "uid": "1"}


@pytest.mark.parametrize("webhook", [False, True], ids=["asked", "a webhook cannot be asked"])
@pytest.mark.parametrize(
    ("there", "action"),
    [
        pytest.param(None, "create", id="new"),
        pytest.param(config_map("1", **LIVE), "update", id="differs"),
        pytest.param(config_map("2", **LIVE), "none", id="the same"),
    ],
)
def test_unread(there: Obj | None, action: str, webhook: bool) -> None:
    client = FakeClient(there, webhook=webhook)
    item = Item(config_map("2"), Target(CONFIG_MAP, "n", "a"))
    ObjectEngine(client, manager="me").predict(item)  # type: ignore[arg-type]
    assert (item.step.action, item.live) == (action, there)
    assert item.step.predicted_by == ("local" if webhook else "server")
    # What is new costs no second request, unless nobody could say so.
    assert client.read == (1 if there or webhook else 0)


def test_unread_and_being_deleted() -> None:
    client = FakeClient(config_map("1", **LIVE, deletionTimestamp="2026-11-21T19:00:00Z"))
    item = Item(config_map("2"), Target(CONFIG_MAP, "n", "a"))
    ObjectEngine(client, manager="me").predict(item)  # type: ignore[arg-type]
    assert item.step.action == "create" and "is being deleted" in item.step.reason and item.live is client.there
