# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""500 namespaces into the ambient mesh: mesh_enrollment, kubernetes.core.k8s in a loop, and kubectl label in one call.

Each namespace has four pods, a disruption budget and two policies. Ours looks for all that is in the way, keeps a
journal, and labels; the peers label. Every round starts from namespaces without labels, without journals, and with
pods that are out of the mesh; the simulated istio-cni then takes them in while the process runs, for ours and the
peers alike. None of them waits for that (`wait: false`). kubectl that is given names reads five of them a second, its
default, and that is what it takes its time for; given a selector it reads once (`kubectl_label_selector`). Ratios are
of medians of whole processes; below 1 is faster.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from tests.harness import cluster
from tests.harness.state import State
from tests.integration.support import modules

from .. import memory, place, populated
from ..method import Case, Timed, run_once

NAME = "bench-enrollment"
COUNT = 500
LOOPED = 50
LABEL, MODE = "istio.io/dataplane-mode", "ambient"
JOURNAL = "meshwright-enrollment"
REDIRECTION = "ambient.istio.io/redirection"
# The peers take a minute or two each.
SLOW = 3
_SECONDS = 600
_peak: dict[str, float] = {}


def setup() -> list[Case]:
    """The cluster with a mesh and populated namespaces, and the processes to time."""
    # As Go's programs run everywhere else; the tests' setting spares memory.
    os.environ.setdefault("MESHWRIGHT_GOGC", "100")
    state = place.fresh(NAME)
    install = {
        "version": state.versions["current"],
        "charts": {"repository": state.charts},
        "gateway_api": {"source": state.gateway_api},
    }
    tasks = [{"name": "A mesh", "meshwright.istio.istio_mesh": install}]
    run_once("install", place.playbook("enrollment_install", tasks), place.environment(state))
    client = modules.client(state.kubeconfig, state.context, seconds=_SECONDS)
    modules.apply(client, populated.objects(COUNT))
    _until(client, "pods running", lambda pod: pod["status"].get("phase") == "Running", whole=True)
    outside = partial(_outside, client)
    ours, loop = _ours(), _loop()
    last = f"{populated.names(COUNT)[-1]} labeled"
    _peak.update(memory.peak(ours, place.environment(state), prepare=outside))
    case = partial(_case, state)
    return [
        case("ours_first", ours, outside, expect="changed=1"),
        case("ours_again", ours, partial(_inside, state, client, ours), expect="changed=0"),
        case("ours_check", [*ours, "--check"], outside, expect="changed=1"),
        case("k8s_loop_50", loop, outside, expect="changed=1", rounds=SLOW),
        case("kubectl_label", _kubectl(state, *populated.names(COUNT)), outside, expect=last, rounds=SLOW),
        case("kubectl_label_selector", _kubectl(state, "-l", populated.SELECTOR), outside, expect=last),
        case("empty_playbook", place.playbook("nothing", [{"name": "Nothing", "ansible.builtin.debug": {}}])),
    ]


def teardown() -> None:
    cluster.down(NAME)


def figures(timed: Mapping[str, Timed]) -> dict[str, float]:
    median = {name: times.median for name, times in timed.items()}
    first = median["ours_first"]
    found = {
        # The loop's 50 namespaces scaled to as many as ours.
        "label_500_vs_loop": first / (median["k8s_loop_50"] * (COUNT / LOOPED)),
        "label_500_vs_kubectl": first / median["kubectl_label"],
        "label_500_vs_kubectl_selector": first / median["kubectl_label_selector"],
        "relabel_500_vs_first": median["ours_again"] / first,
        "check_500_vs_first": median["ours_check"] / first,
    }
    return {**{name: round(value, 3) for name, value in found.items()}, **_peak}


def _case(state: State, name: str, command: list[str], prepare: Callable[[], Any] | None = None, **more: Any) -> Case:
    return Case(name, command, place.environment(state), place.throttled(state), prepare=prepare, **more)


def _outside(client: Client) -> None:
    """No namespace labelled, no journal, no pod in the mesh."""
    fresh = client.with_deadline(Deadline(_SECONDS))
    patch = {"metadata": {"labels": {LABEL: None}}}
    labelled = [each["metadata"]["name"] for each in fresh.list(kinds.NAMESPACE, labels=LABEL, metadata_only=True)]
    fresh.many(lambda name: fresh.patch(kinds.NAMESPACE, name, None, patch, resource_version=None), labelled)
    fresh.many(lambda name: fresh.delete(kinds.CONFIG_MAP, JOURNAL, name), _journalled(fresh))
    _until(fresh, "pods out of the mesh", lambda pod: not _captured(pod))


def _inside(state: State, client: Client, ours: list[str]) -> None:
    """All labelled by ours, and every pod in the mesh: what is to be found as desired."""
    if len(_journalled(client.with_deadline(Deadline(_SECONDS)))) < COUNT:
        _outside(client)
        run_once("prepare", ours, place.environment(state))
    _until(client, "pods in the mesh", _captured)


def _journalled(client: Client) -> list[str]:
    """The namespaces that have a journal."""
    found = client.list(kinds.CONFIG_MAP, fields=f"metadata.name={JOURNAL}", metadata_only=True)
    return [each["metadata"]["namespace"] for each in found]


def _captured(pod: Mapping[str, Any]) -> bool:
    return (pod["metadata"].get("annotations") or {}).get(REDIRECTION) == "enabled"


def _until(client: Client, what: str, holds: Callable[[Mapping[str, Any]], bool], *, whole: bool = False) -> None:
    """Return once it holds for all pods of the applications, of which `holds` sees the metadata, or the `whole`.

    Raises RuntimeError when it does not come about.
    """
    fresh = client.with_deadline(Deadline(_SECONDS))
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        found = sum(map(holds, fresh.list(kinds.POD, labels=f"app={populated.APP}", metadata_only=not whole)))
        if found == COUNT * populated.REPLICAS:
            return
        time.sleep(2)
    raise RuntimeError(f"{what}: {found} of {COUNT * populated.REPLICAS}")


def _ours() -> list[str]:
    task = {"namespaces": populated.names(COUNT), "mode": MODE, "wait": False}
    return place.playbook("ours_enrollment", [{"name": "Enrollment", "meshwright.istio.mesh_enrollment": task}])


def _loop() -> list[str]:
    definition = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "{{ item }}", "labels": {LABEL: MODE}},
    }
    loop = populated.names(LOOPED)
    task = {"name": "Label", "kubernetes.core.k8s": {"definition": definition}, "loop": loop}
    return place.playbook("k8s_enrollment", [task])


def _kubectl(state: State, *which: str) -> list[str]:
    return [state.programs["kubectl"], "label", "namespace", *which, f"{LABEL}={MODE}", "--overwrite"]
