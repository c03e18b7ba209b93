# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sidecar mesh of 10,000 injected pods: mesh_verify with all checks of the API, and istioctl analyze -A.

500 namespaces, 2,000 policies, Services and Deployments; then the same mesh at a tenth, a fifth, and twice that size,
for the slope. Ours is the whole playbook run, with `port_forward: false`: istioctl analyze asks no pod either. The
mesh is a healthy one. `peak_rss_mb` is that of all processes of ours at once. Ratios are of medians; below 1 is faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness import builder, cluster
from tests.harness.state import State

from .. import injected, memory, place
from ..method import Case, Timed, calm, run_once

NAME = "bench-verify"
SMALL, SIZE, LARGE = (1000, 2000), 10_000, 20_000
_peak: dict[str, float] = {}


def stages(only: str = "") -> Iterator[list[Case]]:
    """The processes to time at each size of the mesh, which grows from one to the next; `only` is one of the sizes."""
    # As Go's programs run everywhere else; the tests' setting spares memory.
    os.environ.setdefault("MESHWRIGHT_GOGC", "100")
    istioctl = str(builder.program("istioctl"))
    state = place.fresh(NAME, nodes=30)
    install = {
        "mode": "sidecar",
        "version": state.versions["current"],
        "charts": {"repository": state.charts},
        "gateway_api": {"source": state.gateway_api},
    }
    tasks = [{"name": "A mesh", "meshwright.istio.istio_mesh": install}]
    run_once("install", place.playbook("verify_install", tasks), place.environment(state))
    mesh, ours = injected.Mesh(state), _ours()
    for size in [int(only)] if only else [*SMALL, SIZE, LARGE]:
        mesh.grow(size)
        calm()
        cases = [_case(state, f"ours_{size}", ours)]
        if only or size == SIZE:
            _peak.update(memory.peak(ours, place.environment(state)))
            # A mesh's namespace that is not injected is always worth a word to istioctl.
            peer = [istioctl, "analyze", "--all-namespaces", "--color=false"]
            cases += [
                _case(state, f"istioctl_analyze_{size}", peer, expect="[IST0102] (Namespace default)"),
                _case(state, "empty_playbook", place.playbook("nothing", [_NOTHING])),
            ]
        yield cases


def teardown() -> None:
    cluster.down(NAME)


def figures(timed: Mapping[str, Timed]) -> dict[str, float]:
    median = {name: times.median for name, times in timed.items()}
    found = {}
    for name, seconds in median.items():
        if name.startswith("istioctl_analyze_"):
            found["verify_vs_analyze"] = median[name.replace("istioctl_analyze", "ours")] / seconds
    if all(f"ours_{size}" in median for size in (*SMALL, SIZE, LARGE)):
        few, more = SMALL
        steep = (median[f"ours_{LARGE}"] - median[f"ours_{SIZE}"]) / (LARGE - SIZE)
        found["slope"] = steep / ((median[f"ours_{more}"] - median[f"ours_{few}"]) / (more - few))
    return {**{name: round(value, 3) for name, value in found.items()}, **_peak}


_NOTHING: dict[str, Any] = {"name": "Nothing", "ansible.builtin.debug": {}}


def _case(state: State, name: str, command: list[str], expect: str = "failed=0") -> Case:
    return Case(name, command, place.environment(state), place.throttled(state), expect)


def _ours() -> list[str]:
    task = {"port_forward": False, "fail_on": "never"}
    return place.playbook("ours_verify", [{"name": "Check-up", "meshwright.istio.mesh_verify": task}])
