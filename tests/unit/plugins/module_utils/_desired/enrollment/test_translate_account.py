# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On the way between sidecars and a waypoint nobody who goes by the waypoint finds a policy that is not carried out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account, opened, workloads
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account_model import Row
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.forecast import Forecast
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    INJECTION_LABEL,
    MODE_LABEL,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import (
    Translation,
    to_sidecars,
    to_waypoint,
)

from ..._checks.policy.policies import AMBIENT, Obj, authorization, pod, space
from .translating import (
    BY,
    CLIENT,
    OTHERS,
    OWN,
    PATHS,
    PORTS,
    REVIEWS,
    leads,
    refusals,
    request_authentication,
    shop,
    sidecar,
    viewed,
)

# Clients of each class elsewhere: in ambient, with a sidecar, outside.
CLIENTS = [
    space("web", AMBIENT),
    pod("front", "web", "ambient"),
    space("old", {"istio-injection": "enabled"}),
    pod("past", "old", "sidecar", labels={"security.istio.io/tlsMode": "istio"}),
    space("out"),
    pod("stranger", "out"),
]
POLICIES = {
    "http-allow": authorization("api", rules=[PATHS], selector=REVIEWS),
    "http-deny": authorization("api", action="DENY", rules=[PATHS], selector=REVIEWS),
    "http-deny-by-client": authorization("api", action="DENY", rules=[{**PATHS, **OTHERS}]),
    "http-of-namespace": authorization("api", action="DENY", rules=[PATHS]),
    "allow-by-client": authorization("api", rules=[CLIENT], selector=REVIEWS),
    "deny-by-client": authorization("api", action="DENY", rules=[CLIENT], selector=REVIEWS),
    "deny-of-others": authorization("api", action="DENY", rules=[OTHERS]),
    "allow-by-port": authorization("api", rules=[PORTS], selector=REVIEWS),
    "nothing": authorization("api", rules=[]),
    "tokens": request_authentication(selector=REVIEWS),
    "custom": authorization("api", action="CUSTOM", rules=[PATHS], provider={"name": "opa"}, selector=REVIEWS),
}


def states(scene: Scene, done: Translation, *, sidecars: bool) -> Iterator[Scene]:
    """As a namespace goes through them: prepared, one workload restarted, all of them, finished."""
    forecast = Forecast(scene)
    forecast.remove(done.first_remove)
    forecast.write(done.create)
    forecast.write(edit.after for edit in done.edit)
    if sidecars:
        forecast.label("shop", {INJECTION_LABEL: "enabled"})
    else:
        forecast.label("shop", {"istio.io/use-waypoint": "waypoint"})
        forecast.label("shop", {MODE_LABEL: "ambient", INJECTION_LABEL: None})
    yield forecast.scene
    for name in ("reviews", "ratings"):
        pods = [each for (home, each) in scene.objects["/Pod"] if home == "shop" and each.startswith(name)]
        forecast.restart("shop", pods, "sidecar" if sidecars else "ambient")
        if name == "ratings":
            forecast.write(done.protection)
        yield forecast.scene
    if sidecars:
        forecast.label("shop", {"istio.io/use-waypoint": None, MODE_LABEL: None})
    forecast.write(edit.after for edit in done.last_edit)
    forecast.remove(done.remove)
    yield forecast.scene


def lost(view: View, done: Translation, *, sidecars: bool) -> list[list[Row]]:
    before, found = account(view, {"shop"}), []
    assert before and all(row.verdict == "bound" for row in before if row.client != "outside" or not sidecars)
    for scene in states(view.scene, done, sidecars=sidecars):
        then = View(scene)
        found.append(opened(before, account(then, {"shop"}), workloads(then, {"shop"})))
    return found


def whole(policy: Obj) -> list[Obj]:
    return [*shop(policy, leads("ratings"), sidecar("ratings")), *CLIENTS]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("protect", [True, False])
def test_to_a_waypoint(policy: Obj, protect: bool) -> None:
    view = viewed(*whole(policy))
    done = to_waypoint(view, "shop", OWN, protect=protect)
    assert not done.impossible, refusals(done)
    gaps = lost(view, done, sidecars=False)
    assert not [row.told for state in gaps for row in state if row.client == "ambient"]
    if protect:
        assert not gaps[-1]


def moved(policy: Obj) -> Scene:
    """The same, once it is behind its waypoint."""
    view = viewed(*whole(policy))
    return list(states(view.scene, to_waypoint(view, "shop", OWN, protect=True), sidecars=False))[-1]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_to_sidecars(policy: Obj) -> None:
    view = View(moved(policy))
    done = to_sidecars(view, "shop")
    assert not done.impossible, refusals(done)
    gaps = lost(view, done, sidecars=True)
    assert not [row.told for state in gaps for row in state if row.client == "ambient"]
    assert not gaps[-1]
    assert BY not in str(list(states(view.scene, done, sidecars=True))[-1].objects)
