# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What starts while no istiod is ready (MW0050)."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import moment

from .answers import dump_of, istiod, pods_of, run
from .snapshots import sidecar
from .test_ztunnel_view import captured, ztunnel

RECORDED_PAIRS = {"MW0050": "test_a_recorded_outage"}
NOW = moment("2026-11-22T10:00:00Z") or 0.0
DOWN: dict[str, Any] = {
    "conditions": [{"type": "Available", "status": "False", "lastTransitionTime": "2026-11-22T09:30:00Z"}]
}


def test_a_recorded_outage() -> None:
    """istiod was scaled to zero; the pod of amb/client was made anew then, is Ready, and its traffic times out."""
    lists = {
        "istiods": [istiod(ready=0, replicas=0)],
        "component_pods": [],
        "pods": pods_of("istiod-down-running-mesh"),
        "ztunnel_dumps": [dump_of("istiod-down-running-mesh")],
    }
    (finding,) = run("MW0050", lists).findings
    assert finding.severity == "error"
    assert finding.title.startswith(
        "No istiod of revision default is ready: running pods go on, but 1 pod started without"
    )
    assert finding.objects == ("Deployment istio-system/istiod",)
    assert finding.related == ("Pod amb/client-79c5f845f4-r62pl",)
    lists["istiods"] = [istiod()]
    assert run("MW0050", lists).findings == ()


def test_nothing_started_yet() -> None:
    lists = {"istiods": [istiod(ready=0, **DOWN)], "component_pods": [], "pods": [captured()], "ztunnel_dumps": []}
    (finding,) = run("MW0050", lists, NOW).findings
    assert (finding.severity, finding.related) == ("error", ())
    assert "is ready since 2026-11-22T09:30:00Z: running pods go on, but a pod that starts now gets" in finding.title


def test_who_started_since() -> None:
    late = captured("web-2", made="2026-11-22T09:45:00Z")
    proxied = sidecar("api", "demo", "default")
    other = sidecar("old", "demo", "canary")
    for pod in (proxied, other):
        pod["metadata"]["creationTimestamp"] = "2026-11-22T09:45:00Z"
    lists = {"istiods": [istiod(ready=0, **DOWN)], "component_pods": [], "pods": [captured(), late, proxied, other]}
    (finding,) = run("MW0050", lists, NOW).findings
    assert finding.related == ("Pod demo/api", "Pod shop/web-2")
    assert "2 pods started without it and have no certificate" in finding.title


def test_ambient_pods_are_served_by_another_revision_that_is_ready() -> None:
    other = istiod(revision="canary")
    other["metadata"]["name"] = "istiod-canary"
    late = captured("web-2", made="2026-11-22T09:45:00Z")
    lists = {"istiods": [istiod(ready=0, **DOWN), other], "component_pods": [], "pods": [late]}
    (finding,) = run("MW0050", lists, NOW).findings
    assert (finding.severity, finding.related) == ("error", ())


def test_what_ztunnel_knows_was_there_before() -> None:
    lists = {
        "istiods": [istiod(ready=0, replicas=0)],
        "component_pods": [],
        "pods": [captured()],
        "ztunnel_dumps": [ztunnel("shop/web-1")],
    }
    assert [finding.related for finding in run("MW0050", lists, NOW).findings] == [()]
    lists["ztunnel_dumps"] = [{**ztunnel(), "on_demand": True}]
    assert [finding.related for finding in run("MW0050", lists, NOW).findings] == [()]
