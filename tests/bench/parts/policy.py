# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""1,000 mixed objects in 50 namespaces: mesh_policy, kubernetes.core.k8s, kubectl, and a floor of bare requests.

On one cluster with a real istiod, whose webhooks judge every object. None of them waits for acceptance (`wait: false`),
since the peers do not; `ours_first_waiting` is what it costs. Each first apply starts without any of the objects.
Ratios are of medians of whole processes; below 1 is faster than the peer.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml

from tests.harness import cluster
from tests.harness.state import State
from tests.integration.support import modules

from .. import memory, place
from ..method import Case, Timed, run_once
from ..objects import Obj, objects, surroundings

NAME = "bench-policy"
COUNT = 1000
LOOPED = 100
THREADS = 8
SLOPE = (500, 2500, 5000)
# What takes a minute or more each is measured less often, and so are the steps of the slope.
SLOW, STEEP = 2, 3
_SECONDS = 600
_peak: dict[str, float] = {}


def setup() -> list[Case]:
    """The cluster with a mesh, and the processes to time."""
    # As Go's programs run everywhere else; the tests' setting spares memory.
    os.environ.setdefault("MESHWRIGHT_GOGC", "100")
    state = place.fresh(NAME)
    install = {
        "mode": "sidecar",
        "version": state.versions["current"],
        "charts": {"repository": state.charts},
        "gateway_api": {"source": state.gateway_api},
    }
    tasks = [{"name": "A mesh", "meshwright.istio.istio_mesh": install}]
    run_once("install", place.playbook("policy_install", tasks), place.environment(state))
    client = modules.client(state.kubeconfig, state.context, seconds=_SECONDS)
    modules.apply(client, surroundings(max(SLOPE)))
    found = objects(COUNT)
    clean = partial(modules.remove_all, client, found)
    full = partial(modules.apply, client, found)
    first = _ours("first", COUNT)
    _peak.update(memory.peak(first, place.environment(state), prepare=clean))
    case = partial(_case, state)
    cases = [
        case("ours_first", first, clean, expect="changed=1"),
        case("ours_unvalidated", _ours("unvalidated", COUNT, validate=False), clean, expect="changed=1"),
        case("ours_first_waiting", _ours("waiting", COUNT, wait=True), clean, expect="changed=1"),
        case("ours_again", first, partial(_run, state, clean, first), expect="changed=0"),
        case("ours_check", [*first, "--check"], clean, expect="changed=1"),
        case(
            "ours_absent",
            _ours("absent", COUNT, state="absent"),
            partial(_run, state, clean, first),
            expect="changed=1",
        ),
        case("floor", _floor(state, client, found), clean, expect=f"sent={COUNT} failed=0"),
    ]
    peer = _peer("k8s", COUNT)
    cases += [
        case("k8s_task_first", peer, clean, expect="changed=1"),
        case("k8s_task_again", peer, partial(_run, state, clean, peer), expect="changed=0"),
        case("k8s_task_check", [*peer, "--check"], clean, expect="changed=1"),
        case("k8s_loop_100", _loop(), clean, expect="changed=1", rounds=SLOW),
        case("kubectl_first", _kubectl(state, "apply", "--server-side", "-f"), clean, expect="serverside-applied"),
        case("kubectl_delete_no_wait", _kubectl(state, "delete", "--wait=false", "-f"), full, expect="deleted"),
        case("kubectl_delete", _kubectl(state, "delete", "-f"), full, expect="deleted", rounds=SLOW),
        case("empty_playbook", place.playbook("nothing", [{"name": "Nothing", "ansible.builtin.debug": {}}])),
    ]
    for count in SLOPE:
        cleaned = partial(modules.remove_all, client, objects(count))
        cases.append(case(f"ours_first_{count}", _ours(str(count), count), cleaned, expect="changed=1", rounds=STEEP))
    return cases


def teardown() -> None:
    cluster.down(NAME)


def figures(timed: Mapping[str, Timed]) -> dict[str, float]:
    median = {name: times.median for name, times in timed.items()}
    first, floor, task = median["ours_first"], median["floor"], median["k8s_task_first"]
    steep = (median["ours_first_5000"] - median["ours_first_2500"]) / 2500
    flat = (first - median["ours_first_500"]) / 500
    found = {
        "first_vs_k8s_task": first / task,
        "first_vs_kubectl": first / median["kubectl_first"],
        "first_vs_floor": first / floor,
        "unvalidated_vs_k8s_task": median["ours_unvalidated"] / task,
        "unvalidated_vs_floor": median["ours_unvalidated"] / floor,
        "absent_vs_kubectl": median["ours_absent"] / median["kubectl_delete"],
        "absent_vs_kubectl_no_wait": median["ours_absent"] / median["kubectl_delete_no_wait"],
        "nochange_vs_k8s_task": median["ours_again"] / median["k8s_task_again"],
        "check_vs_k8s_task": median["ours_check"] / median["k8s_task_check"],
        # The loop's 100 objects scaled to as many as ours.
        "loop_vs_first": median["k8s_loop_100"] * (COUNT / LOOPED) / first,
        "slope": steep / flat,
        # What no client can do better than: bare requests beside the peers' whole work, on as many processors.
        "floor_vs_k8s_task": floor / task,
        "floor_vs_kubectl": floor / median["kubectl_first"],
        "unvalidated_vs_kubectl": median["ours_unvalidated"] / median["kubectl_first"],
    }
    return {**{name: round(value, 3) for name, value in found.items()}, **_peak}


def _case(state: State, name: str, command: list[str], prepare: Callable[[], Any] | None = None, **more: Any) -> Case:
    return Case(name, command, place.environment(state), place.throttled(state), prepare=prepare, **more)


def _run(state: State, clean: Callable[[], None], command: list[str]) -> None:
    """What is to be found as desired must have been written by the same writer."""
    clean()
    run_once("prepare", command, place.environment(state))


def _file(count: int) -> str:
    """The objects as a file that ours, the peer and kubectl read alike."""
    path = place.FOLDER / f"policy-{count}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(objects(count), sort_keys=False), encoding="utf-8")
    return str(path)


def _ours(name: str, count: int, **options: Any) -> list[str]:
    task = {"src": [_file(count)], "apply_set": "bench", "wait": False, "wait_timeout": _SECONDS, **options}
    return place.playbook(f"ours_{name}", [{"name": "Policy", "meshwright.istio.mesh_policy": task}])


def _peer(name: str, count: int) -> list[str]:
    return place.playbook(name, [{"name": "Policy", "kubernetes.core.k8s": {"src": _file(count)}}])


def _loop() -> list[str]:
    task = {
        "name": "Policy",
        "kubernetes.core.k8s": {"definition": "{{ item }}"},
        "loop": objects(LOOPED),
        "loop_control": {"label": "{{ item.metadata.name }}"},
    }
    return place.playbook("k8s_loop", [task])


def _kubectl(state: State, *arguments: str) -> list[str]:
    return [state.programs["kubectl"], *arguments, _file(COUNT)]


def _floor(state: State, client: Any, found: list[Obj]) -> list[str]:
    pairs = [
        (
            client.resolve(each).path(each["metadata"]["namespace"], each["metadata"]["name"]),
            json.dumps(each, separators=(",", ":")).encode(),
        )
        for each in found
    ]
    path = place.FOLDER / "floor.pickle"
    path.write_bytes(pickle.dumps(pairs))
    script = place.ROOT / "tests" / "bench" / "floor.py"
    return [str(place.PYTHON), str(script), state.kubeconfig, str(path), str(THREADS)]
