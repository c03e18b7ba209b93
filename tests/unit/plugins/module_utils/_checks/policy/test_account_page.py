# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of docs/enforcement-account.md is what the account says, and what it says `accept_gaps` takes is taken."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account_model import CLIENTS, Row

from .policies import AMBIENT, SIDECAR, Obj, authorization, peer, pod, service, space, view, waypoint

PAGE = Path(__file__).parents[6] / "docs" / "enforcement-account.md"
ADMIN = [{"to": [{"operation": {"paths": ["/admin"]}}]}]
PAST = [{"from": [{"source": {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]}}]}]
CART = {"matchLabels": {"app": "cart"}}
BY_SELECTOR = authorization("deny-admin", action="DENY", rules=ADMIN, selector=CART)
BY_TARGET = authorization("deny-admin", action="DENY", rules=ADMIN, targetRefs=[{"kind": "Service", "name": "cart"}])
PROTECT = authorization("protect", action="DENY", rules=PAST, selector=CART)
BEHIND = [space("shop", {**AMBIENT, "istio.io/use-waypoint": "waypoint"}), pod("cart", mode="ambient"), BY_TARGET]
STATES: dict[str, list[Obj]] = {
    "pods with sidecars, a selector": [space("shop", SIDECAR), pod("cart", mode="sidecar"), BY_SELECTOR],
    "captured, without a waypoint": [space("shop", AMBIENT), pod("cart", mode="ambient"), BY_SELECTOR],
    "captured, `targetRefs` and a waypoint": [*BEHIND, *waypoint()],
    "the same, and PeerAuthentication STRICT": [*BEHIND, *waypoint(), peer("STRICT")],
    "the same, and `protect: true`": [*BEHIND, *waypoint(), PROTECT],
    "the waypoint deleted, not protected": BEHIND,
    "the waypoint without a ready pod, not protected": [*BEHIND, *waypoint(ready=False)],
}


def section(heading: str) -> list[list[str]]:
    """The cells of a table's rows, less its header."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def told(row: Row) -> str:
    return f"bound: {', '.join(row.by)}" if row.verdict == "bound" else row.verdict


def test_one_policy_on_its_way() -> None:
    found = []
    for state, objects in STATES.items():
        rows = account(view(service("cart"), objects))
        by_client = {row.client: told(row) for row in rows if row.policy == "AuthorizationPolicy shop/deny-admin"}
        found.append([state, *(by_client[client] for client in CLIENTS)])
    assert section("One policy on its way") == found


def test_what_accept_gaps_takes() -> None:
    names = {row[0].strip("`") for row in section("What closes a gap")}
    assert names == Row("AuthorizationPolicy shop/deny-admin", "Deployment shop/cart", "sidecar", "gap").names
