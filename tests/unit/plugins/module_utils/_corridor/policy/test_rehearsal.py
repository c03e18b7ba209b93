# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of which deletions the server is asked beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import Target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.draft import Draft
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.rehearsal import rehearse
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, SECRET, Kind


class Asked:
    """A client that may delete in every namespace but `closed`."""

    def __init__(self) -> None:
        self.about: list[tuple[str, str | None]] = []

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def delete(self, kind: Kind, name: str, namespace: str | None, *, uid: str | None, dry_run: bool) -> bool:
        assert dry_run, "a rehearsal deletes nothing"
        self.about.append((kind.kind, namespace))
        if namespace == "closed":
            raise Forbidden("Could not delete it.", status=403, verb="delete", target=kind.label(namespace, name))
        return True


def removal(kind: Kind, namespace: str, name: str) -> Item:
    one = Target(kind, namespace, name)
    live = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "namespace": namespace}}
    return Item({}, one, live=live, step=Step(one.label, "delete", "is not asked for any more"))


def draft() -> Draft:
    places = [(CONFIG_MAP, "a"), (CONFIG_MAP, "b"), (SECRET, "a"), (CONFIG_MAP, "closed")]
    return Draft(removals=[removal(kind, space, f"n{number}") for kind, space in places for number in range(3)])


@pytest.mark.parametrize(("alone", "asked", "refused"), [(True, 12, 3), (False, 4, 1)])
def test_in_check_mode_of_all_else_of_one_of_each_kind_and_namespace(alone: bool, asked: int, refused: int) -> None:
    client = Asked()
    errors = rehearse(cast(Client, client), draft(), PolicyIntent(state="absent"), alone=alone)
    assert len(client.about) == asked
    assert set(client.about) == {("ConfigMap", "a"), ("ConfigMap", "b"), ("Secret", "a"), ("ConfigMap", "closed")}
    assert len(errors) == refused
    assert isinstance(errors[0], Forbidden)


def test_without_validation_nobody_is_asked() -> None:
    client = Asked()
    assert rehearse(cast(Client, client), draft(), PolicyIntent(state="absent", validate=False)) == []
    assert client.about == []
