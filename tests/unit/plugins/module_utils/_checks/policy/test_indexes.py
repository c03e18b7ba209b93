# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is found by an index is what looking at everything finds, in the same order."""

from __future__ import annotations

import random

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.hosts import Wild, matches
from ansible_collections.meshwright.istio.plugins.module_utils._checks.selectors import Index

from . import policies as given

RANDOM = random.Random(7)
PAIRS = [(key, value) for key in "abc" for value in ("1", "2")]


def labels(most: int) -> dict[str, str]:
    return dict(RANDOM.sample(PAIRS, RANDOM.randint(0, most)))


def test_selectors() -> None:
    selectors = [labels(3) for _number in range(200)]
    index: Index[int] = Index()
    for at, selector in enumerate(selectors):
        index.add(selector, at)
    for _number in range(200):
        wanted = labels(6)
        assert index.of(wanted) == [at for at, one in enumerate(selectors) if one.items() <= wanted.items()]


def test_wildcards() -> None:
    names = ["a", "b", "example", "com"]
    hosts = [".".join(RANDOM.choices(names, k=RANDOM.randint(1, 4))) for _number in range(200)]
    patterns = ["*", *(f"*{RANDOM.choice(['.', '.', ''])}{host}" for host in hosts[:100])]
    wild: Wild[int] = Wild()
    for at, pattern in enumerate(patterns):
        wild.add(pattern, at)
    for host in (*hosts, *patterns):
        assert wild.of(host) == [at for at, pattern in enumerate(patterns) if matches(pattern, host)], host
        assert wild.same(host) == [at for at, pattern in enumerate(patterns) if pattern == host]
    assert sorted(wild.all()) == sorted((pattern, at) for at, pattern in enumerate(patterns))


def test_selected_pods() -> None:
    pods = []
    for number in range(60):
        pod = given.pod(f"p{number}", f"space-{number % 3}")
        pod["metadata"]["labels"] = labels(6)
        pods.append(pod)
    scene = given.view(*pods).scene
    for _number in range(100):
        wanted = labels(3)
        for space in ("space-0", "space-2", scene.root):
            among = pods if space == scene.root else [pod for pod in pods if pod["metadata"]["namespace"] == space]
            found = [pod for pod in among if wanted.items() <= pod["metadata"]["labels"].items()]
            key = [pod["metadata"]["name"] for pod in scene.selected(space, wanted)]
            assert sorted(key) == sorted(pod["metadata"]["name"] for pod in found)
