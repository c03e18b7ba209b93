# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies, waypoints and accounts of them in short forms, for tests of the enforcement account."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account_model import Row
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    NARROWED_ANNOTATION,
    TLS_MODE,
    TLS_MODE_LABEL,
    TRANSLATED_ANNOTATION,
)

from .policies import (
    AMBIENT,
    Obj,
    authorization,
    space,
    view,
)

PATHS = {"to": [{"operation": {"paths": ["/admin"]}}]}
PORTS = {"to": [{"operation": {"ports": ["8080"]}}]}
BOTH = {"to": [{"operation": {"paths": ["/admin"], "ports": ["8080"]}}]}
CLIENT = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/client"]}}]}
ANY_CLIENT = {"from": [{"source": {"principals": ["*"]}}]}
THROUGH = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/waypoint"]}}]}
PAST = {"from": [{"source": {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]}}]}
USES = {"istio.io/use-waypoint": "waypoint"}
SHOP = space("shop", AMBIENT)
BEHIND = space("shop", {**AMBIENT, **USES})
TO_REVIEWS = [{"group": "", "kind": "Service", "name": "reviews"}]
TO_WAYPOINT = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}]


def bound(*by: str) -> str:
    return "bound " + ", ".join(by)


def brief(rows: list[Row]) -> dict[str, str]:
    """Of one policy and workload, by client: `bound by whom`, or `gap`, `unknown`."""
    assert len({(row.policy, row.workload) for row in rows}) == 1, rows
    assert all(bool(row.reason) != (row.verdict == "bound") for row in rows), rows
    return {row.client: bound(*row.by) if row.verdict == "bound" else row.verdict for row in rows}


def rows(*objects: Obj | list[Obj], policy: str = "policy", workload: str = "Deployment shop/reviews") -> list[Row]:
    """Those for one policy and workload."""
    return [row for row in account(view(*objects)) if row.policy.endswith(f"/{policy}") and row.workload == workload]


def outcome(*objects: Obj | list[Obj]) -> str:
    """ambient, sidecar, outside: one word or `bound by whom` of each."""
    found = brief(rows(*objects))
    return " | ".join(found[client] for client in ("ambient", "sidecar", "outside"))


def same(verdict: str) -> str:
    return " | ".join([verdict] * 3)


def narrowed(policy: Obj, before: Any) -> Obj:
    policy["metadata"]["annotations"] = {NARROWED_ANNOTATION: json.dumps(before)}
    labels = {**((before or {}).get("matchLabels") or {}), TLS_MODE_LABEL: TLS_MODE}
    return {**policy, "spec": {**policy["spec"], "selector": {"matchLabels": labels}}}


def twin(policy: str = "policy", name: str = "twin", role: str = "", **spec: Any) -> Obj:
    """What a move has made of a policy."""
    found = authorization(name, **{"action": "DENY", "rules": [PATHS], "targetRefs": TO_REVIEWS, **spec})
    notes = {TRANSLATED_ANNOTATION: f"AuthorizationPolicy/{policy}"}
    found["metadata"]["annotations"] = {**notes, **({"meshwright.io/translated-as": role} if role else {})}
    return found


TARGETED = authorization(action="DENY", rules=[PATHS], targetRefs=TO_REVIEWS)
FOR_WAYPOINT = authorization(action="DENY", rules=[PATHS], targetRefs=TO_WAYPOINT)
FOR_ALL_WAYPOINTS = authorization(
    action="DENY",
    rules=[PATHS],
    namespace="istio-system",
    targetRefs=[{"kind": "GatewayClass", "name": "istio-waypoint", "group": "gateway.networking.k8s.io"}],
)
PASSED_BY = "bound waypoint shop/waypoint | gap | gap"


def labelled(gateway: list[Obj], labels: Obj) -> list[Obj]:
    gateway[0]["metadata"]["labels"] = labels
    return gateway
