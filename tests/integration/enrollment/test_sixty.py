# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sixty workloads in three namespaces, moved by three waves; a batch that fails half-way, and the way back."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.scene import read_scene
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.wanted import Wanted

from ..support.playbook import Run
from .conftest import Enrollment, workload
from .test_account import PORT, READ, SECRET, SYSTEM, Sent, kept_account, labels, policy, really_sent, strict
from .test_enrollment import generations, journals

Obj = dict[str, Any]
NAMES = [f"app-{number:02}" for number in range(20)]
# What each namespace has: mostly Deployments of one pod, some of two, StatefulSets, and one pod on each node.
TWO, STATEFUL, EVERYWHERE = frozenset(NAMES[:3]), frozenset(NAMES[15:19]), NAMES[19]
NODES = 3
PODS = len(NAMES) + len(TWO) + NODES - 1
# DaemonSets are restarted first, then Deployments, then StatefulSets: of the three waves' batches of ten, in two groups
# each, it is in the middle of the third wave's second batch.
BROKEN = NAMES[11]
FIRST, LAST = (EVERYWHERE, *NAMES[:9]), NAMES[14:19]


class Sixty:
    """Three namespaces of twenty workloads: the first is outside the mesh, the others have sidecars."""

    def __init__(self, enrollment: Enrollment) -> None:
        self.enrollment = enrollment
        self.outside, self.plain, self.behind = (
            enrollment.namespace(),
            enrollment.namespace("sidecar"),
            enrollment.namespace("sidecar"),
        )
        self.spaces = [self.outside, self.plain, self.behind]
        for space in self.spaces:
            enrollment.kubectl.apply(*(obj for name in NAMES for obj in self._workload(space, name)))
        self.policies = [
            strict(self.outside),
            policy(self.outside, "ports", PORT),
            strict(self.plain),
            policy(self.plain, "ports", PORT, **labels(app=NAMES[0])),
            policy(self.plain, "everywhere", PORT, **labels(app=EVERYWHERE)),
            strict(self.behind),
            policy(self.behind, "ports", PORT),
            *(policy(self.behind, f"secret-{name}", SECRET, **labels(app=name)) for name in NAMES[::6]),
        ]
        enrollment.kubectl.apply(*self.policies)
        for space in self.spaces:
            self.ready(space)
        mark = self.outside[-6:]
        self.waves = [f"{name}-{mark}" for name in ("one", "two", "three")]
        accept: Obj = {"accept_blockers": ["single-replica"], "gate": ["components"]}
        moved: Obj = {**accept, "batch": 10, "max_unavailable": "5", "restart_timeout": 20}
        self.plan: list[Obj] = [
            {"name": self.waves[0], "namespaces": [self.outside], "waypoint": True, **accept},
            {"name": self.waves[1], "namespaces": [self.plain], **moved},
            {"name": self.waves[2], "namespaces": [self.behind], "waypoint": True, "protect": True, **moved},
        ]

    def _workload(self, space: str, name: str) -> list[Obj]:
        kind = "StatefulSet" if name in STATEFUL else "DaemonSet" if name == EVERYWHERE else "Deployment"
        found = workload(space, name, kind=kind, replicas=2 if name in TWO else 1)
        if (space, name) == (self.behind, BROKEN):
            found[0]["spec"]["template"]["spec"]["serviceAccountName"] = name
            found.insert(0, self.account)
        return found

    @property
    def account(self) -> Obj:
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": BROKEN, "namespace": self.behind}}

    def ready(self, space: str) -> None:
        kubectl = self.enrollment.kubectl
        kubectl("-n", space, "wait", "--for=condition=Available", "--timeout=100s", "deployments", "--all")
        for place in (*(f"statefulset/{name}" for name in sorted(STATEFUL)), f"daemonset/{EVERYWHERE}"):
            kubectl("-n", space, "rollout", "status", place, "--timeout=100s")

    def wave(self, **more: Any) -> Run:
        variables = {"mesh_waves": self.plan, "mesh_reports": "", **more}
        return self.enrollment.playbooks("meshwright.istio.wave", extra_vars=variables)

    def modes(self, space: str) -> dict[str, int]:
        """How many of the namespace's own pods have a container of the injector's, or are captured."""
        found: Counter[str] = Counter()
        for pod in self.enrollment.pods(space):
            if "app" in pod["metadata"]["labels"]:
                containers = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
                proxies = [one for one in containers if one["name"] == "istio-proxy"]
                notes = pod["metadata"].get("annotations") or {}
                captured = notes.get("ambient.istio.io/redirection") == "enabled"
                mode = ("both" if captured else "sidecar") if proxies else "ambient" if captured else "none"
                found[mode] += 1
        return dict(found)

    def restarts(self, space: str) -> dict[str, int]:
        """How often each workload was restarted."""
        return {name: count - 1 for name, count in generations(self.enrollment, space).items() if name in NAMES}

    def specs(self, space: str) -> dict[str, Obj]:
        kinds = "authorizationpolicies,peerauthentications.security.istio.io"
        found = self.enrollment.kubectl.json("-n", space, "get", kinds)["items"]
        return {f"{one['kind']} {one['metadata']['name']}": one["spec"] for one in found}

    def look(self) -> View:
        scene, _unread = read_scene(
            self.enrollment.client(120), Wanted(READ, set(self.spaces)), self.spaces, root=SYSTEM
        )
        return View(scene)

    def enforced_as_sent(self) -> View:
        """The account of who enforces what is what istiod sent, once all of that has arrived; what was looked at."""
        client, differing = self.enrollment.client(120), {"": "not looked"}
        for _attempt in range(20):
            view = self.look()
            waypoints = [f"{space}/waypoint" for space in self.spaces if "waypoint" in self.gateways(space)]
            said = kept_account(view, self.spaces)
            try:
                sent: Sent = really_sent(client, view, self.spaces, waypoints)
            except (LookupError, KeyError) as error:  # A proxy is not connected yet, or a pod not known.
                differing = {"": str(error)}
            else:
                pods = {*said, *sent}
                differing = {pod: f"{said.get(pod)}, {sent.get(pod)}" for pod in pods if said.get(pod) != sent.get(pod)}
            if not differing:
                assert len(said) >= PODS, "a namespace of them all has a policy, at least"
                return view
            time.sleep(1)
        pytest.fail(f"what the account says, and what was sent: {differing}")

    def gateways(self, space: str) -> set[str]:
        found = self.enrollment.kubectl.json("-n", space, "get", "gateways.gateway.networking.k8s.io")["items"]
        return {one["metadata"]["name"] for one in found}


def opened(run: Run) -> list[Any]:
    """What any call of a run left to nobody."""
    return [row for done in run.of("mesh_enrollment") for row in done.get("account", {}).get("opened", ())]


@pytest.mark.long
def test_three_waves_of_sixty_workloads(enrollment: Enrollment) -> None:
    sixty = Sixty(enrollment)
    outside, plain, behind = sixty.spaces
    assert [sixty.modes(space) for space in sixty.spaces] == [{"none": PODS}, {"sidecar": PODS}, {"sidecar": PODS}]
    before = {space: (enrollment.labels(space), sixty.specs(space)) for space in sixty.spaces}
    sixty.enforced_as_sent()

    # One workload's next pods cannot be made: found only when it is restarted.
    enrollment.kubectl("-n", behind, "delete", "serviceaccount", BROKEN)
    run = sixty.wave()
    assert run.failed == 1, run.text
    said = str(run.result["msg"])
    assert f"Wave {sixty.waves[2]} failed in the batch" in said and f"Deployment {behind}/{BROKEN}" in said
    assert "its namespaces have back what they had" in said
    assert (enrollment.labels(behind), sixty.specs(behind)) == before[behind]
    assert sixty.modes(behind) == {"sidecar": PODS} and not journals(enrollment, behind)
    assert sixty.gateways(behind) == set(), "the waypoint was made for this wave"
    first = sixty.restarts(behind)
    assert {first[name] for name in FIRST} == {2}, "there and back"
    assert {first[name] for name in LAST} == {0}, "nothing is touched after the group of the first that fails"
    assert sixty.modes(outside) == {"ambient": PODS} and set(sixty.restarts(outside).values()) == {0}
    assert sixty.modes(plain) == {"ambient": PODS} and set(sixty.restarts(plain).values()) == {1}
    assert opened(run) == []

    # Mended, the third wave goes through; the others are only looked at.
    enrollment.kubectl.apply(sixty.account)
    enrollment.kubectl("-n", behind, "rollout", "status", f"deployment/{BROKEN}", "--timeout=100s")
    between = sixty.restarts(behind)
    run = sixty.wave().ok()
    assert opened(run) == []
    assert [sixty.modes(space) for space in sixty.spaces] == [{"ambient": PODS}] * 3
    assert sixty.restarts(behind) == {name: count + 1 for name, count in between.items()}
    assert set(sixty.restarts(plain).values()) == {1}
    view = sixty.enforced_as_sent()
    gaps = [row for row in account(view, sixty.spaces) if row.verdict != "bound"]
    assert gaps == []
    assert sixty.wave().changed == 0

    # And back.
    sixty.wave(wave=sixty.waves[2], **{"return": True}).ok()
    assert (enrollment.labels(behind), sixty.specs(behind)) == before[behind]
    assert sixty.modes(behind) == {"sidecar": PODS}
    assert sixty.restarts(behind) == {name: count + 2 for name, count in between.items()}
    assert [sixty.modes(space) for space in (outside, plain)] == [{"ambient": PODS}] * 2
    sixty.enforced_as_sent()
