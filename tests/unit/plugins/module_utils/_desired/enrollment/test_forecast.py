# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import AUTHORIZATION, POD, Scene
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.forecast import Forecast

Obj = dict[str, Any]


def obj(kind: str, name: str, api: str = "v1", namespace: str = "shop", **meta: Any) -> Obj:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace, **meta}}


def scene(*pods: Obj, labels: dict[str, str] | None = None) -> Scene:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels or {}}}
    return Scene.of([space, *pods], everything=True)


def modes(found: Scene) -> dict[str, str]:
    return {pod["metadata"]["name"]: found.enrolled(pod) for pod in found.all(POD)}


PLAIN = obj("Pod", "plain")
INJECTED = obj(
    "Pod", "injected", annotations={"sidecar.istio.io/status": "{}"}, labels={"security.istio.io/tlsMode": "istio"}
)
OUT = obj("Pod", "out", labels={"istio.io/dataplane-mode": "none"})
WAYPOINT = obj("Pod", "wp", labels={"gateway.networking.k8s.io/gateway-name": "wp"})


def test_the_label_captures_at_once_what_has_no_proxy_and_does_not_say_otherwise() -> None:
    before = scene(PLAIN, INJECTED, OUT, WAYPOINT)
    forecast = Forecast(before)
    forecast.label("shop", {"istio.io/dataplane-mode": "ambient"})
    after = forecast.scene
    assert modes(after) == {"plain": "ambient", "injected": "sidecar", "out": "none", "wp": "gateway"}
    assert after.mode("shop") == "ambient"
    assert modes(before)["plain"] == "none" and before.mode("shop") == "none"
    forecast.label("shop", {"istio.io/dataplane-mode": None})
    assert modes(forecast.scene)["plain"] == "none"


def test_a_restart_makes_pods_what_their_namespace_asks_for() -> None:
    forecast = Forecast(scene(PLAIN, INJECTED))
    forecast.restart("shop", ["injected"], "ambient")
    forecast.restart("shop", ["plain"], "sidecar")
    after = forecast.scene
    assert modes(after) == {"plain": "sidecar", "injected": "ambient"}
    assert "security.istio.io/tlsMode" not in after.objects[POD][("shop", "injected")]["metadata"]["labels"]
    assert after.objects[POD][("shop", "plain")]["metadata"]["labels"]["security.istio.io/tlsMode"] == "istio"


def test_policies_come_and_go() -> None:
    policy = obj("AuthorizationPolicy", "deny", "security.istio.io/v1")
    before = scene()
    forecast = Forecast(before)
    forecast.write([policy])
    assert forecast.scene.get(AUTHORIZATION, "shop", "deny") == policy
    forecast.remove([policy])
    assert forecast.scene.get(AUTHORIZATION, "shop", "deny") is None
    assert before.get(AUTHORIZATION, "shop", "deny") is None
