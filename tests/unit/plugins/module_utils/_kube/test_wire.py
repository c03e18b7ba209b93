# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests leave in one piece, over a real connection of the standard library, as urllib3's are beneath."""

from __future__ import annotations

import http.client
import socket
from typing import Any

import pytest
import urllib3
from ansible_collections.meshwright.istio.plugins.module_utils._kube.wire import in_one_piece, pool_classes


class Noting(http.client.HTTPConnection):
    """Notes what is written; the other end of its socket answers nothing."""

    writes: list[bytes]

    def connect(self) -> None:
        self.sock, self.other = socket.socketpair()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.writes.append(data)


def connection(*, connected: bool) -> Any:
    made = in_one_piece(Noting)("api.example.com")
    made.writes = []
    if connected:
        made.connect()
    return made


@pytest.mark.parametrize("body", [None, b'{"kind":"ConfigMap"}'])
def test_head_and_body_are_one_write(body: bytes | None) -> None:
    made = connection(connected=True)
    made.request("PATCH", "/api", body=body, headers={"Accept": "application/json"})
    (written,) = made.writes
    assert written.startswith(b"PATCH /api HTTP/1.1\r\n")
    assert written.endswith(b"\r\n\r\n" + (body or b""))
    assert b"Accept: application/json\r\n" in written


def test_a_connection_that_is_yet_to_be_made_is_left_alone() -> None:
    made = connection(connected=False)
    made.request("PUT", "/api", body=b"{}")
    assert (made.sock is not None, b"".join(made.writes).endswith(b"\r\n\r\n{}")) == (True, True)


def test_a_request_that_cannot_be_made_leaves_nothing_behind() -> None:
    made = connection(connected=True)
    with pytest.raises(http.client.InvalidURL):
        made.request("GET", "/a b\n")
    made.send(b"x")
    assert made.writes == [b"x"]


def test_both_schemes_have_a_pool_of_such_connections() -> None:
    classes = pool_classes(urllib3.PoolManager().pool_classes_by_scheme)
    assert issubclass(classes["http"].ConnectionCls, urllib3.connection.HTTPConnection)
    assert issubclass(classes["https"].ConnectionCls, urllib3.connection.HTTPSConnection)
    assert all(found.ConnectionCls.request.__module__.endswith("_kube.wire") for found in classes.values())
