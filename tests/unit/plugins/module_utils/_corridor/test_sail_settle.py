# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a mesh by Sail is ready, held against the recordings of the genuine operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.dials import dial_problem, wanted_dial
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.settle import (
    hopeless_error,
    unready_entry,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.readiness import readiness

from . import sails

RECORDINGS = Path(__file__).parents[4] / "fixtures" / "sail"


def recorded() -> list[dict[str, Any]]:
    found = []
    for path in sorted(RECORDINGS.glob("*.json")):
        for step in json.loads(path.read_text())["steps"]:
            found += step.get("states", [])
    return found


def as_object(state: dict[str, Any]) -> dict[str, Any]:
    conditions = [
        dict(zip(("type", "status", "reason", "message"), entry, strict=True)) for entry in state["conditions"]
    ]
    obj = sails.resource(state["kind"], state["name"], {}, {"state": state["state"], "conditions": conditions})
    obj["metadata"]["generation"] = state["generation"]
    if state["observed"] is not None:
        obj["status"]["observedGeneration"] = state["observed"]
    return obj


def test_recorded_states_are_judged_as_they_are_meant() -> None:
    states = recorded()
    assert len(states) > 60
    # Ready though something it depends on, or that uses it, is not there (yet).
    waited_for_by_others = {
        "ZTunnelNotFound",
        "ZTunnelNotHealthy",
        "IstioCNINotFound",
        "IstioCNINotHealthy",
        "NotReferencedByAnything",
    }
    for state in states:
        found = readiness(as_object(state))
        fine = state["state"] == "Healthy" or state["state"] in waited_for_by_others
        assert found.ready == (fine and state["observed"] == state["generation"]), (state, found)


def test_the_first_moment_of_a_change_is_not_readiness() -> None:
    """For about 0.3 s `state` is empty, and every condition Unknown."""
    fresh = [state for state in recorded() if state["kind"] == "Istio" and not state["state"]]
    assert fresh
    assert not any(readiness(as_object(state)).ready for state in fresh)


@pytest.mark.parametrize(
    ("message", "hopeless"),
    [
        ('validation error: version "v1.24.0" is end-of-life and cannot be installed; use a supported version', True),
        ('error reconciling resource: validation error: namespace "not-there" doesn\'t exist', True),
        ('error reconciling resource: Istio.sailoperator.io "nothere" not found', False),
        ("", False),
    ],
)
def test_errors_that_waiting_does_not_heal(message: str, hopeless: bool) -> None:
    conditions = [{"type": "Reconciled", "status": "False", "reason": "ReconcileError", "message": message}]
    obj = sails.resource("Istio", "default", {}, {"observedGeneration": 1, "conditions": conditions})
    assert bool(hopeless_error(obj)) is hopeless
    # What was said of an earlier generation is no word on this one.
    obj["metadata"]["generation"] = 2
    assert hopeless_error(obj) == ""


def test_recorded_errors_are_told_apart() -> None:
    words = {hopeless_error(as_object(state)) for state in recorded()} - {""}
    assert any("end-of-life" in each for each in words) and any("not-there" in each for each in words)
    assert not any("nothere" in each for each in words)


def test_what_a_time_out_says() -> None:
    state = next(one for one in recorded() if one["kind"] == "IstioRevision" and one["state"] == "IstiodNotReady")
    obj = as_object(state)
    entry = unready_entry(target(kinds.SAIL_REVISION, None, "default-v1-30-3"), obj, "why")
    assert entry["object"] == "IstioRevision default-v1-30-3" and entry["state"] == "IstiodNotReady"
    assert entry["conditions"][0]["reason"] == "IstiodNotReady" and entry["conditions"][0]["message"]
    assert unready_entry(target(kinds.DAEMON_SET, "ztunnel", "ztunnel"), None, "gone") == {
        "object": "DaemonSet ztunnel/ztunnel",
        "reason": "gone",
    }


def daemon_set(host: str, cluster: str) -> dict[str, Any]:
    env = {"XDS_ADDRESS": f"{host}:15012", "CA_ADDRESS": f"{host}:15012", "ISTIO_META_CLUSTER_ID": cluster}
    return sails.workload("DaemonSet", "ztunnel", "ztunnel", env=env)


RIGHT = "istiod-default-v1-30-2.istio-system.svc"


@pytest.mark.parametrize(
    ("host", "cluster", "told"),
    [
        (RIGHT, "homelab", ""),
        ("istiod.istio-system.svc", "homelab", f"dials istiod.istio-system.svc:15012 instead of {RIGHT}"),
        (RIGHT, "Kubernetes", "says it is in cluster Kubernetes instead of homelab"),
        (
            "istiod.istio-system.svc",
            "Kubernetes",
            f"dials istiod.istio-system.svc:15012 instead of {RIGHT} and "
            "says it is in cluster Kubernetes instead of homelab",
        ),
    ],
)
def test_healthy_is_not_enough(host: str, cluster: str, told: str) -> None:
    ztunnel = sails.ztunnel(values={"ztunnel": {"multiCluster": {"clusterName": "homelab"}}})
    wanted = wanted_dial(ztunnel, "default-v1-30-2", "istio-system")
    assert dial_problem(daemon_set(host, cluster), ztunnel, wanted) == told


def test_in_place_and_addresses_by_hand() -> None:
    plain = sails.ztunnel()
    wanted = wanted_dial(plain, "default", "istio-system")
    assert dial_problem(daemon_set("istiod.istio-system.svc", "Kubernetes"), plain, wanted) == ""
    by_hand = sails.ztunnel(values={"ztunnel": {"xdsAddress": "istiod.example.com:15012"}})
    assert dial_problem(daemon_set("istiod.example.com", "Kubernetes"), by_hand, wanted) == ""
    assert dial_problem(None, plain, wanted) == ""
