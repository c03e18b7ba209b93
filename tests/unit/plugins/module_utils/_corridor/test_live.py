# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many objects are read: which LISTs are sent, and what is left to single requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import Target, read_in_bulk
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden
from ansible_collections.meshwright.istio.plugins.module_utils._kube.answers import Response
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)

Obj = dict[str, Any]


class FakeClient:
    """Stands in for the client: answers LISTs from what `there` is, and remembers them."""

    def __init__(self, there: Iterable[Target], *, remaining: int = 0, forbidden: tuple[str | None, ...] = ()) -> None:
        self.there = list(there)
        self.remaining = remaining
        self.forbidden = forbidden
        self.sent: list[tuple[str, str | None]] = []

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def list(self, kind: Kind, namespace: str | None = None, **_more: Any) -> list[Obj]:
        self.sent.append((kind.kind, namespace))
        if namespace in self.forbidden:
            raise Forbidden("no", status=403)
        return [
            {"metadata": {"name": one.name, "namespace": one.namespace}}
            for one in self.there
            if one.kind == kind and namespace in (None, one.namespace)
        ]

    def raw(self, _method: str, path: str, **_more: Any) -> Response:
        kind = next(kind for kind in (VIRTUAL_SERVICE, SERVICE) if kind.path() == path)
        items = self.list(kind)
        meta = {"continue": "c", "remainingItemCount": self.remaining} if self.remaining else {}
        return Response(200, json.dumps({"metadata": meta, "items": items}).encode())


def targets(kind: Kind, namespaces: int, each: int) -> list[Target]:
    return [Target(kind, f"n{space}", f"x{number}") for space in range(namespaces) for number in range(each)]


def anything(_kind: Kind) -> bool:
    return True


@pytest.mark.parametrize(
    ("wanted", "sent", "singles"),
    [
        pytest.param(targets(SERVICE, 2, 2), [], 4, id="two of a kind in a namespace are got"),
        pytest.param(targets(SERVICE, 2, 3), [("Service", "n0"), ("Service", "n1")], 0, id="three are listed"),
        pytest.param(targets(SECRET, 1, 19), [], 19, id="secrets may have large neighbours"),
        pytest.param(targets(SECRET, 1, 20), [("Secret", "n0")], 0, id="until they are many"),
        pytest.param(targets(VIRTUAL_SERVICE, 4, 2), [("VirtualService", None)], 0, id="spread over the cluster"),
        pytest.param(targets(VIRTUAL_SERVICE, 3, 2), [], 6, id="not spread enough"),
        pytest.param(targets(VIRTUAL_SERVICE, 4, 1), [], 4, id="not many enough"),
        pytest.param(targets(CONFIG_MAP, 8, 1), [], 8, id="of a kind that is not read widely"),
    ],
)
def test_what_is_listed(wanted: list[Target], sent: list[tuple[str, str | None]], singles: int) -> None:
    client = FakeClient(wanted[1:])
    found, left = read_in_bulk(client, wanted, widely=lambda kind: kind == VIRTUAL_SERVICE)  # type: ignore[arg-type]
    assert client.sent == sent
    assert len(left) == singles
    assert set(found) == (set(wanted[1:]) if sent else set())


def test_without_leave_to_read_widely_nothing_is() -> None:
    client = FakeClient([])
    _found, left = read_in_bulk(client, targets(VIRTUAL_SERVICE, 4, 2))  # type: ignore[arg-type]
    assert client.sent == [] and len(left) == 8


@pytest.mark.parametrize(
    ("wanted", "remaining", "read"),
    [
        pytest.param(targets(VIRTUAL_SERVICE, 4, 3), 0, True, id="all on the first page"),
        pytest.param(targets(VIRTUAL_SERVICE, 4, 3), 1, False, id="more than twenty times as many"),
        pytest.param(targets(VIRTUAL_SERVICE, 4, 10), 300, True, id="twenty times as many, on two pages"),
        pytest.param(targets(VIRTUAL_SERVICE, 4, 10), 301, False, id="more than that"),
    ],
)
def test_a_kind_of_which_far_more_is_there_is_not_read_widely(wanted: list[Target], remaining: int, read: bool) -> None:
    client = FakeClient(wanted, remaining=remaining)
    found, left = read_in_bulk(client, wanted, widely=anything)  # type: ignore[arg-type]
    spaces = {namespace for _kind, namespace in client.sent}
    assert (spaces == {None}) == read
    assert {*found, *left} == set(wanted)


def test_who_may_not_list_everything_lists_namespaces() -> None:
    wanted = targets(VIRTUAL_SERVICE, 4, 3)
    client = FakeClient(wanted, forbidden=(None, "n2"))
    found, left = read_in_bulk(client, wanted, widely=anything)  # type: ignore[arg-type]
    assert client.sent == [("VirtualService", space) for space in (None, "n0", "n1", "n2", "n3")]
    assert {one.namespace for one in left} == {"n2"} and len(left) == 3
    assert {one.namespace for one in found} == {"n0", "n1", "n3"}
