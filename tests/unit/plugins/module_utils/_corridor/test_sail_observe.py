# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of a mesh by Sail, read from its resources."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.observe import (
    active_name,
    bound_to,
    by_helm,
    follows,
    installed,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Layout, target
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import MeshIntent

from .._intent.meshes import intent
from . import sails

R2, R3 = "default-v1-30-2", "default-v1-30-3"


def sail(**given: Any) -> MeshIntent:
    return intent(**{"method": "sail", "update_strategy": "revision_based", "version": "1.30.2", **given})


def layout_of(*objects: sails.Obj, **given: Any) -> Layout:
    found = installed(sail(**given), sails.observed(*objects)).layout
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("version", "strategy", "name"),
    [
        ("v1.30.2", "RevisionBased", R2),
        ("v1.30-latest", "RevisionBased", "default-v1-30-latest"),
        ("v1.31.0-beta.1", "RevisionBased", "default-v1-31-0-beta-1"),
        ("v1.30.2", "InPlace", "default"),
    ],
)
def test_names_of_revisions(version: str, strategy: str, name: str) -> None:
    assert active_name(sails.istio(version, strategy=strategy)) == name


def test_nothing_is_there() -> None:
    found = installed(sail(), sails.observed())
    assert (found.by, found.layout, found.others) == (None, None, ())


def test_a_canary_under_way() -> None:
    found = layout_of(
        sails.istio("v1.30.3"),
        sails.revision(R2, "v1.30.2"),
        sails.revision(R3, "v1.30.3"),
        sails.cni(),
        sails.ztunnel(**sails.target("IstioRevision", R2)),
        sails.tag("default", "IstioRevision", R2),
        sails.tag("default-previous", "IstioRevision", R2),
    )
    assert {name: str(version) for name, version in found.revisions.items()} == {R2: "1.30.2", R3: "1.30.3"}
    assert (found.active, found.serving, found.hold, found.ztunnel_revision) == (R3, R2, R2, R2)
    assert dict(found.tags) == {"default": R2}
    assert (str(found.cni), str(found.ztunnel)) == ("1.30.2", "1.30.2")


@pytest.mark.parametrize(
    ("spec", "revision"),
    [
        (sails.target("Istio", "default"), R2),
        (sails.target("IstioRevision", R2), R2),
        (sails.target("Istio", "another"), ""),
        ({"values": {"ztunnel": {"revision": R2}}}, R2),
        # Bound to nothing: what it dials is no revision of this mesh, and so the mesh is brought whole, not beside.
        ({}, ""),
    ],
)
def test_what_ztunnel_is_bound_to(spec: dict[str, Any], revision: str) -> None:
    there = [sails.istio(), sails.revision(R2, "v1.30.2"), sails.ztunnel(**spec)]
    found = layout_of(*there)
    assert found.ztunnel_revision == revision
    assert found.serving == R2
    aim = target(sail(), installed(sail(), sails.observed(*there)))
    assert "ztunnel" in aim.parts and aim.layout.ztunnel_revision == R2


def test_in_place() -> None:
    found = layout_of(
        sails.istio(strategy="InPlace"),
        sails.revision("default", "v1.30.2"),
        sails.ztunnel(),
        update_strategy="in_place",
    )
    assert list(found.revisions) == ["default"] and found.active == found.ztunnel_revision == "default"


def test_an_alias_has_the_version_that_it_stands_for() -> None:
    found = layout_of(sails.istio("v1.30-latest"), sails.revision("default-v1-30-latest", "v1.30.3"))
    assert str(found.version) == "1.30.3"


def test_two_meshes() -> None:
    there = sails.observed(
        sails.istio(),
        sails.istio(name="canary"),
        sails.revision(R2, "v1.30.2"),
        sails.revision("canary-v1-30-2", "v1.30.2", "canary"),
        sails.tag("prod", "Istio", "default"),
        sails.tag("next", "IstioRevision", "canary-v1-30-2"),
        sails.tag("lost", "IstioRevision", "default-v1-29-1"),
        sails.workload(
            "Deployment", "istiod-canary-v1-30-2", "istio-system", labels={"istio.io/rev": "canary-v1-30-2"}
        ),
        sails.workload("Deployment", f"istiod-{R2}", "istio-system", labels={"istio.io/rev": R2}),
    )
    found = installed(sail(), there)
    assert found.layout is not None
    assert list(found.layout.revisions) == [R2]
    # A tag of ours whose revision is gone is ours still: what it stands for is to be mended.
    assert dict(found.layout.tags) == {"prod": R2, "lost": "default-v1-29-1"}
    assert found.others == ("istio-system/canary-v1-30-2",) and found.other_tags == ("next",)


def test_who_follows_the_istio() -> None:
    assert follows(sails.ztunnel(**sails.target("Istio", "default")), "default")
    assert not follows(sails.ztunnel(**sails.target("Istio", "other")), "default")
    assert not follows(sails.ztunnel(**sails.target("IstioRevision", "default")), "default")
    assert not follows(None, "default")
    assert bound_to(sails.observed(), None) == ""


def test_a_mesh_by_helm_is_told_from_one_by_sail() -> None:
    helm = {"annotations": {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system"}}
    owners = [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": R2, "uid": "x"}]
    theirs = sails.workload("Deployment", "istiod", "istio-system", **helm)
    ours = sails.workload("Deployment", f"istiod-{R2}", "istio-system", ownerReferences=owners, **helm)
    ztunnel = sails.workload("DaemonSet", "ztunnel", "kube-system", labels={"app": "ztunnel"})
    assert by_helm(sail(), sails.observed(ours)) == []
    assert by_helm(sail(), sails.observed(theirs)) == ["Helm release istio-system/istiod"]
    assert by_helm(sail(), sails.observed(ztunnel)) == ["DaemonSet kube-system/ztunnel"]
    assert by_helm(sail(node_agents=False), sails.observed(ztunnel)) == []
    assert by_helm(sail(namespace="elsewhere"), sails.observed(theirs)) == []
