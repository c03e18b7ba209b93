# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How ports are chosen."""

from __future__ import annotations

import socket

from tests.harness import ports


def test_ports_of_an_earlier_run_are_kept_while_free() -> None:
    (wanted,) = ports.free_ports(1)
    chosen = ports.choose(["a", "b"], {"a": wanted})
    assert chosen["a"] == wanted
    assert chosen["b"] not in (0, wanted)


def test_a_port_that_is_taken_is_replaced() -> None:
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.choose(["a"], {"a": taken})["a"] != taken


def test_two_names_never_share_a_port() -> None:
    (wanted,) = ports.free_ports(1)
    names = [str(number) for number in range(20)]
    chosen = ports.choose(names, dict.fromkeys(names, wanted))
    assert len(set(chosen.values())) == len(names)
