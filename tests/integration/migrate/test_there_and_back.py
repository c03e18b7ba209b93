# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sail to Helm and back: the operator is simulated, its Helm is the real one, and so are its refusals."""

from __future__ import annotations

import pytest

from ..mesh.conftest import steps
from .conftest import Hands, Seen

# What the operator's profile sets in ztunnel's chart too: with it the pod template is the same by both methods.
SAME_ZTUNNEL = {"ztunnel": {"profile": "ambient"}}


def _untouched(before: Seen, after: Seen) -> None:
    assert after.policies == before.policies
    assert after.root == before.root
    assert before.crds.items() <= after.crds.items()
    gone = {name for name in before.workloads if name not in after.workloads}
    assert not gone
    assert {name: after.workloads[name] for name in before.workloads} == before.workloads
    assert {name: after.objects.get(name) for name in before.objects} == before.objects
    assert after.pods_of("app-") == before.pods_of("app-")


def _told(run_notes: list[str], what: str, how: str) -> bool:
    return any(what in note and how in note for note in run_notes)


@pytest.mark.parametrize("strategy", ["revision_based", pytest.param("in_place", marks=pytest.mark.long)])
def test_there_and_back(hands: Hands, strategy: str) -> None:
    hands.strategy = strategy
    hands.by("sail").ok()
    before = hands.with_shop()
    assert before.policies and before.pods_of("ztunnel-")

    refused = hands.by("helm")
    assert refused.failed == 1 and "migrate: true" in refused.result["msg"]

    planned = hands.by("helm", migrate=True, values=SAME_ZTUNNEL, check=True).ok()
    assert planned.changed == 1 and hands.seen() == before
    names = list(steps(planned))
    stop, last = names.index("operator/sail-operator/sail-operator"), names.index(f"release/{hands.istiod()}")
    assert stop < names.index("Istio default") < last
    assert steps(planned)["Istio default"]["action"] == "delete"
    assert _told(planned.result["notes"], hands.istiod(), "will be restarted")
    assert not _told(planned.result["notes"], "DaemonSet ztunnel", "will be restarted")

    moved = hands.by("helm", migrate=True, values=SAME_ZTUNNEL).ok()
    assert moved.changed == 1 and moved.result["mesh"]["method"] == "helm"
    after = hands.seen()
    _untouched(before, after)
    assert after.pods_of("ztunnel-") == before.pods_of("ztunnel-")
    assert after.pods_of("istio-cni-") == before.pods_of("istio-cni-")
    assert after.pods_of("istiod") != before.pods_of("istiod")
    assert _told(moved.result["notes"], hands.istiod(), "was restarted")
    assert _told(moved.result["notes"], "DaemonSet ztunnel", "was not restarted")
    assert hands.names() == {"istio-base", hands.istiod(), "istio-cni", "ztunnel", "sail-operator"}
    assert not hands.journal()
    assert not hands.kubectl("get", "istios,istiorevisions,istiocnis,ztunnels,istiorevisiontags", "-o", "name").strip()
    hands.verified()
    assert hands.by("helm", migrate=True, values=SAME_ZTUNNEL).ok().changed == 0
    assert hands.by("helm", values=SAME_ZTUNNEL).ok().changed == 0

    back = hands.by("sail", migrate=True).ok()
    assert back.changed == 1 and back.result["mesh"]["method"] == "sail"
    again = hands.seen()
    _untouched(before, again)
    assert again.pods_of("ztunnel-") == before.pods_of("ztunnel-")
    assert again.pods_of("istio-cni-") == before.pods_of("istio-cni-")
    assert f"{hands.revision_name()}-istiod" in hands.names() and hands.istiod() not in hands.names()
    assert "istio-base" not in hands.names()
    assert not hands.journal()
    hands.verified()
    assert hands.by("sail", migrate=True).ok().changed == 0
