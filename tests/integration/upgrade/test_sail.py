# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same by the (simulated) Sail Operator: ztunnel is pinned, the old revision held, its values given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.embedded import Embedded, shared
from ..support.playbook import Playbooks
from .conftest import PINNED, SHOP, Used, revision

OPERATOR, OLD, NEW = "1.30.3", "1.29.6", "1.30.3"


class UsedBySail(Used):
    def __init__(self, cluster: Embedded, playbooks: Playbooks) -> None:
        super().__init__(cluster, playbooks)
        self.old_version, self.new_version = OLD, NEW
        self.old, self.new = revision(OLD), revision(NEW)
        del self.options["charts"]
        self.options |= {
            "method": "sail",
            "operator": {"version": OPERATOR, "charts": {"repository": cluster.charts}},
            "inactive_revision_grace": 3,
        }

    def revisions_of_operator(self) -> set[str]:
        return set(self.kubectl("get", "istiorevisions", "-o", "jsonpath={.items[*].metadata.name}").split())

    def tags_of_operator(self) -> set[str]:
        return set(self.kubectl("get", "istiorevisiontags", "-o", "jsonpath={.items[*].metadata.name}").split())


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def sail_cluster() -> Iterator[Embedded]:
    with shared("-upgrade-sail") as embedded:
        yield embedded


@pytest.fixture
def used(sail_cluster: Embedded, collections: Path, tmp_path: Path) -> UsedBySail:
    found = UsedBySail(sail_cluster, sail_cluster.playbooks(tmp_path))
    found.prepare()
    return found


def test_an_istiod_that_never_gets_ready(used: UsedBySail) -> None:
    """The operator would point ztunnel at it at once, and prune the old revision."""
    before = used.generations()
    with used.watched(used.ztunnel) as dialled:
        run = used.role(tag="does-not-exist", wait_timeout=15)
    assert run.failed == 1 and "ImagePullBackOff" in run.result["msg"]
    assert dialled == {used.old}
    used.is_whole_on(used.old)
    assert used.generations() == before
    assert used.revisions_of_operator() == {used.old}
    assert used.tags_of_operator() == {"default"}
    istio = used.kubectl.json("get", "istios.sailoperator.io", "default")["spec"]
    assert "does-not-exist" not in str(istio), "the values of the failed upgrade are not left to the old revision"
    assert used.stage("return").ok().changed == 0


def test_returned_half_way_then_in_one_go(used: UsedBySail) -> None:
    before = used.generations()
    for stage in ("canary", "gate", "shift", "shift", "shift", "shift"):
        moved = used.stage(stage).ok().result["unit"]
    assert moved == [f"namespace/{PINNED}"]
    assert used.ztunnel() == used.new and used.tags_of_operator() == {"default", "default-previous"}
    assert used.role("rollback").ok().of("mesh_upgrade")[-1]["returned"]
    used.is_whole_on(used.old)
    assert used.tags_of_operator() == {"default"}

    used.role().ok()
    used.is_whole_on(used.new)
    assert used.revisions_of_operator() == {used.new}
    after = used.generations()
    assert after.pop(f"{SHOP}/cart") == before.pop(f"{SHOP}/cart")
    more = {name: 3 if name == f"{PINNED}/vault" else 1 for name in before}
    assert after == {name: count + more[name] for name, count in before.items()}
    assert used.role().ok().changed == 0
    assert used.install(version=used.new_version).ok().changed == 0
