# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What opens between two accounts, what is accepted, what is shown; and whose configuration has a policy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import (
    accepted,
    account,
    enforcers,
    opened,
    shown,
    workloads,
)
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account_model import Row

from .policies import (
    AMBIENT,
    NETWORKING,
    SECURITY,
    SIDECAR,
    Obj,
    app,
    authorization,
    obj,
    peer,
    pod,
    service,
    space,
    view,
    waypoint,
)

DENY, CART = "AuthorizationPolicy shop/deny", "Deployment shop/cart"
PATHS = {"to": [{"operation": {"paths": ["/admin"]}}]}
BEHIND = space("shop", {**AMBIENT, "istio.io/use-waypoint": "waypoint"})


def row(verdict: Any = "bound", policy: str = DENY, workload: str = CART, client: Any = "sidecar", **more: Any) -> Row:
    return Row(
        policy, workload, client, verdict, **({"reason": "why"} if verdict != "bound" else {"by": ("x",)}), **more
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([row()], [row()], [], id="still-bound"),
        pytest.param([row()], [row("gap")], [row("gap")], id="opened"),
        pytest.param([row()], [row("unknown")], [row("unknown")], id="unknown-now"),
        pytest.param([row("gap")], [row("gap")], [], id="was-open"),
        pytest.param([row("unknown")], [row("gap")], [], id="was-unknown"),
        pytest.param([row("gap")], [row()], [], id="closed"),
        pytest.param([row()], [row(client="ambient"), row("gap", client="outside")], "vanished", id="client-vanished"),
        pytest.param([row()], [row(policy="AuthorizationPolicy shop/other")], "vanished", id="policy-vanished"),
        pytest.param([row()], [row(workload="Deployment shop/web")], "vanished", id="workload-without-it"),
        pytest.param([row()], [], [], id="all-gone"),
    ],
)
def test_opened(before: list[Row], after: list[Row], expected: Any) -> None:
    found = opened(before, after)
    if expected != "vanished":
        assert found == expected
        return
    (only,) = found
    assert (only.policy, only.workload, only.client, only.verdict, only.by) == (DENY, CART, "sidecar", "gap", ())
    assert "any more" in only.reason


def test_a_workload_that_is_gone_has_no_gap() -> None:
    other = [row(workload="Deployment shop/web")]
    assert opened([row()], other, standing={"Deployment shop/web"}) == []
    assert len(opened([row()], [], standing={CART})) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (DENY, True),
        ("shop/deny", True),
        (f"{DENY} from sidecar", True),
        ("shop/deny from sidecar", True),
        ("shop/deny from outside", False),
        ("deny", False),
        ("shop/deny-more", False),
        (CART, False),
    ],
)
def test_accepted(name: str, expected: bool) -> None:
    assert accepted(row("gap"), ["shop/other", name]) is expected
    assert not accepted(row("gap"), [])


def test_shown_gaps_first_and_what_is_bound_counted() -> None:
    rows = [row(), row(workload="Deployment shop/web"), row("unknown", client="ambient"), row("gap", client="outside")]
    assert shown(rows) == [
        {"verdict": "gap", "policy": DENY, "workload": CART, "client": "outside", "present": True, "reason": "why"},
        {"verdict": "unknown", "policy": DENY, "workload": CART, "client": "ambient", "present": True, "reason": "why"},
        {"verdict": "bound", "policy": DENY, "client": "sidecar", "workloads": 2, "by": ["x"]},
    ]
    assert shown([]) == []


def test_shown_is_bounded() -> None:
    many = [row("gap", workload=f"Deployment shop/{number}") for number in range(130)]
    many += [row(policy=f"AuthorizationPolicy shop/{number}") for number in range(102)]
    found = shown(many)
    assert [entry for entry in found if "more" in entry] == [
        {"verdict": "gap", "more": 30},
        {"verdict": "bound", "more": 2},
    ]
    assert len(found) == 202
    assert len(shown([row("gap", policy="AuthorizationPolicy shop/" + "x" * 5000)])[0]["policy"]) < 3000


def test_shown_names_a_few_of_many_who_carry_it_out() -> None:
    rows = [
        Row(DENY, f"Deployment shop/{number}", "ambient", "bound", (f"waypoint n{number}/w",)) for number in range(9)
    ]
    (only,) = shown(rows)
    assert (len(only["by"]), only["by_more"]) == (5, 4)


def test_a_move_to_a_waypoint_opens_what_sidecar_clients_pass_by() -> None:
    deny = authorization("deny", action="DENY", rules=[PATHS], selector=app())
    before = account(view(space("shop", SIDECAR), service(), pod(mode="sidecar"), deny))
    twin = authorization("deny-w", action="DENY", rules=[PATHS], targetRefs=[{"kind": "Service", "name": "reviews"}])
    twin["metadata"]["annotations"] = {"meshwright.io/translated-from": "AuthorizationPolicy/deny"}
    after_view = view(BEHIND, service(), pod(mode="ambient"), waypoint(), twin)
    found = opened(before, account(after_view))
    assert [(one.policy, one.client, one.present) for one in found] == [
        (DENY, "sidecar", False),
        (DENY, "outside", True),
    ]
    assert workloads(after_view) == {"Deployment shop/reviews"}
    lost = opened(before, account(view(BEHIND, service(), pod(mode="ambient"), waypoint())), workloads(after_view))
    assert {one.client for one in lost} == {"ambient", "sidecar", "outside"}


def test_a_service_entry_that_stays_without_its_policy() -> None:
    entry = obj(NETWORKING, "ServiceEntry", "api", spec={"hosts": ["api.example"]})
    policy = authorization(targetRefs=[{"group": "networking.istio.io", "kind": "ServiceEntry", "name": "api"}])
    before, after = view(BEHIND, entry, waypoint(), policy), view(BEHIND, entry, waypoint())
    (only,) = opened(account(before), account(after), workloads(after, {"shop"}))
    assert (only.workload, only.client, only.verdict) == ("ServiceEntry shop/api", "ambient", "gap")
    assert opened(account(before), account(after), workloads(after, {"bank"})) == []


# -- whose configuration ---------------------------------------------------------------------------------------------

WEB, API = "shop/web-5d4f-sidecar", "shop/api-5d4f-ambient"
TARGETS = [{"group": "", "kind": "Service", "name": "api"}]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(authorization(rules=[PATHS]), {WEB: {"sidecar"}, API: {"ztunnel"}}, id="namespace"),
        pytest.param(authorization(rules=[PATHS], selector=app("web")), {WEB: {"sidecar"}}, id="selector"),
        pytest.param(
            authorization(rules=[PATHS], namespace="istio-system"), {WEB: {"sidecar"}, API: {"ztunnel"}}, id="mesh"
        ),
        pytest.param(authorization(rules=[PATHS], namespace="bank"), {}, id="elsewhere"),
        pytest.param(authorization(action="CUSTOM", rules=[{}]), {WEB: {"sidecar"}}, id="custom"),
        pytest.param(authorization(action="AUDIT", rules=[{}]), {WEB: {"sidecar"}}, id="audit"),
        pytest.param(obj(SECURITY, "RequestAuthentication", "jwt", spec={}), {WEB: {"sidecar"}}, id="jwt"),
        pytest.param(authorization(rules=[PATHS], targetRefs=TARGETS), {API: {"waypoint shop/waypoint"}}, id="service"),
        pytest.param(peer("STRICT"), {WEB: {"sidecar"}, API: {"ztunnel"}}, id="strict"),
        pytest.param(peer("PERMISSIVE"), {}, id="permissive"),
        pytest.param(
            authorization(
                rules=[PATHS],
                selector={"matchLabels": {"security.istio.io/tlsMode": "istio"}},
            ),
            {WEB: {"sidecar"}},
            id="narrowed",
        ),
    ],
)
def test_whose_configuration_has_it(policy: Obj, expected: dict[str, set[str]]) -> None:
    web = pod("web", mode="sidecar", labels={"security.istio.io/tlsMode": "istio"})
    objects: list[Obj | list[Obj]] = [BEHIND, web, pod("api", mode="ambient"), service("api"), waypoint(), policy]
    assert enforcers(view(*objects), policy) == expected


def test_a_dry_run_is_enforced_by_nobody_and_a_waypoint_without_pods_has_it_still() -> None:
    dry = authorization(rules=[PATHS])
    dry["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    assert enforcers(view(BEHIND, pod(mode="sidecar"), dry), dry) == {}
    policy = authorization(rules=[PATHS], targetRefs=TARGETS)
    for stands, expected in ((waypoint(ready=False), {API: {"waypoint shop/waypoint"}}), (waypoint(ready=None), {})):
        found = enforcers(view(BEHIND, pod("api", mode="ambient"), service("api"), stands, policy), policy)
        assert found == expected
