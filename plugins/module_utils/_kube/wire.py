# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Requests that leave in one piece: head and body in one TLS record, and so one packet and one wake-up of the server.

Classes of urllib3 come in as arguments, so that this needs no import of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_one_piece(connection_class: Any) -> Any:
    """The connection class, such as urllib3's HTTPSConnection, whose requests are sent by one write."""

    class InOnePiece(connection_class):  # type: ignore[misc]
        _pieces: list[bytes] | None = None

        def request(self, *args: Any, **more: Any) -> Any:
            # A connection that is yet to be made is made by the first write.
            if self.sock is None:
                return super().request(*args, **more)
            pieces: list[bytes] = []
            self._pieces = pieces
            try:
                super().request(*args, **more)
            finally:
                self._pieces = None
            return super().send(b"".join(pieces))

        def send(self, data: Any) -> Any:
            if self._pieces is None:
                return super().send(data)
            self._pieces.append(data)
            return None

    return InOnePiece


def pool_classes(by_scheme: Mapping[str, Any]) -> dict[str, Any]:
    """A PoolManager's `pool_classes_by_scheme`, such as urllib3's HTTPSConnectionPool, with such connections."""
    return {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": in_one_piece(pool.ConnectionCls)})
        for scheme, pool in by_scheme.items()
    }
