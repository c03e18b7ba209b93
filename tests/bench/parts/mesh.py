# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh that is as asked for already: istio_mesh in one task, and kubernetes.core.helm in four.

Each on a cluster of its own, that it installed itself, from the same charts. What the two do is not the same: ours also
compares every object of the releases with the cluster, and the Gateway API's CRDs;
the peer compares values and versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness import cluster
from tests.harness.state import State

from .. import place
from ..method import Case, Timed, run_once

OURS, PEER = "bench-ours", "bench-peer"


def setup() -> list[Case]:
    """Both meshes installed; the processes to time."""
    ours, peer = place.fresh(OURS), place.fresh(PEER)
    here, there = _ours(ours), _peer(peer)
    return [
        _case("ours_again", ours, here),
        _case("ours_check", ours, here, "--check"),
        _case("kubernetes_core_helm_again", peer, there),
        _case("kubernetes_core_helm_check", peer, there, "--check"),
        _case("empty_playbook", ours, [{"name": "Nothing", "ansible.builtin.debug": {}}]),
    ]


def teardown() -> None:
    cluster.down(OURS)
    cluster.down(PEER)


def figures(timed: Mapping[str, Timed]) -> dict[str, float]:
    """Ratios of medians: below 1 is faster than the peer."""
    again = timed["ours_again"].median / timed["kubernetes_core_helm_again"].median
    check = timed["ours_check"].median / timed["kubernetes_core_helm_check"].median
    return {
        "again_vs_kubernetes_core_helm": round(again, 3),
        "check_vs_kubernetes_core_helm": round(check, 3),
        "again_seconds": round(timed["ours_again"].median, 3),
    }


def _case(name: str, state: State, tasks: list[dict[str, Any]], *arguments: str, expect: str = "changed=0") -> Case:
    command = place.playbook(name, tasks, *arguments)
    return Case(name, command, place.environment(state), place.throttled(state), expect)


def _ours(state: State) -> list[dict[str, Any]]:
    options = {
        "version": state.versions["current"],
        "charts": {"repository": state.charts},
        "gateway_api": {"source": state.gateway_api},
    }
    tasks = [{"name": "A mesh", "meshwright.istio.istio_mesh": options}]
    _install("ours", state, tasks)
    return tasks


def _peer(state: State) -> list[dict[str, Any]]:
    tasks = []
    for release, chart in (("istio-base", "base"), ("istiod", "istiod"), ("istio-cni", "cni"), ("ztunnel", "ztunnel")):
        options = {
            "name": release,
            "chart_ref": chart,
            "chart_repo_url": state.charts,
            "chart_version": state.versions["current"],
            "release_namespace": "istio-system",
            "create_namespace": True,
            "release_values": {"profile": "ambient"},
            "wait": True,
        }
        tasks.append({"name": release, "kubernetes.core.helm": options})
    _install("peer", state, tasks)
    return tasks


def _install(name: str, state: State, tasks: list[dict[str, Any]]) -> None:
    run_once(f"{name}_install", place.playbook(f"{name}_install", tasks), place.environment(state))
