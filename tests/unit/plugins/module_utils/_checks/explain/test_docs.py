# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation shows what is really said."""

from __future__ import annotations

from pathlib import Path

from .world import World, one, strict

PAGE = Path(__file__).resolve().parents[6] / "docs" / "explain.md"


def test_the_example() -> None:
    rule = {"host": "web", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    world = World().add("peer_authentications", strict("side"))
    world.add("destination_rules", one("networking.istio.io/v1", "DestinationRule", "side", "web", rule))
    shown = PAGE.read_text(encoding="utf-8").partition("<!-- example -->\n```text\n")[2].partition("\n```")[0]
    assert shown.splitlines() == world.ask(from_="side/client", to="side/web:80").lines()
