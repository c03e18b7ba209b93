# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.base import (
    base_release,
    default_move,
    default_of,
    guard_base_elsewhere,
    without_default,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.installed import installed, to_remove
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.observe import MeshObserved, ReleaseState
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.retire import guard_unused
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh import guards
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Installed, Layout
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm_releases import Record, Release

from .._intent.meshes import intent
from .test_helm_decide import rel

OLD, NEW = "default-v1-30-3", "default-v1-31-1"
V_OLD, V_NEW = parse_version("1.30.3"), parse_version("1.31.1")


def state(name: str, version: str, status: str = "deployed", **values: Any) -> ReleaseState:
    chart = {"istio-base": "base", "istio-cni": "cni", "ztunnel": "ztunnel"}.get(name, "istiod")
    record = Record(name, "istio-system", 1, status, "x", "u", True, 0.0)
    return ReleaseState([record], rel(name=name, chart=chart, version=version, values=values))


def istiod(revision: str, namespace: str = "istio-system", *, sail: bool = False) -> dict[str, Any]:
    labels = {"istio.io/rev": revision, "app.kubernetes.io/version": "1.31.1"}
    meta: dict[str, Any] = {"name": f"istiod-{revision}", "namespace": namespace, "labels": labels}
    if sail:
        meta["ownerReferences"] = [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": revision}]
    return {"metadata": meta}


def tag(name: str, revision: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"istio-revision-tag-{name}", "labels": {"istio.io/tag": name, "istio.io/rev": revision}}
    }


def seen(*states: tuple[str, ReleaseState], **given: Any) -> MeshObserved:
    return MeshObserved("", "v1.35.4", {}, dict(states), [], {}, **given)


def found(observed: MeshObserved, **given: Any) -> Installed:
    return installed(intent(**{"update_strategy": "revision_based", **given}), observed)


ONE = (f"istiod-{OLD}", state(f"istiod-{OLD}", "1.30.3", revision=OLD))
OTHER = (f"istiod-{NEW}", state(f"istiod-{NEW}", "1.31.1", revision=NEW))
IN_PLACE = ("istiod", state("istiod", "1.30.3"))
CANARY = ("istiod-canary-v1-31-1", state("istiod-canary-v1-31-1", "1.31.1"))
ZTUNNEL = ("ztunnel", state("ztunnel", "1.30.3", revision=OLD))
BASE = ("istio-base", state("istio-base", "1.31.1", defaultRevision=OLD))


def test_nothing_is_installed() -> None:
    assert found(seen()) == Installed()
    # CRDs alone are no mesh.
    assert found(seen(BASE)).layout is None


def test_a_canary_beside_the_revision_in_use() -> None:
    there = found(seen(ONE, OTHER, ZTUNNEL, BASE, tags=[tag("default", OLD), tag("foreign", "canary-v1-31-1")]))
    layout = there.layout
    assert there.by == "helm" and layout is not None
    assert layout.revisions == {OLD: V_OLD, NEW: V_NEW}
    assert (layout.active, layout.serving, layout.crds) == (NEW, OLD, V_NEW)
    assert layout.tags == {"default": OLD} and there.other_tags == ("foreign",)


@pytest.mark.parametrize(
    ("tags", "active", "serving"),
    [
        ([], OLD, OLD),
        ([tag("prod", OLD)], OLD, OLD),
        ([tag("prod", NEW)], NEW, NEW),
        ([tag("prod", OLD), tag("early", NEW)], OLD, OLD),
        ([tag("default", OLD)], NEW, OLD),
    ],
)
def test_where_workloads_are_is_never_guessed_to_be_the_canary(
    tags: list[dict[str, Any]], active: str, serving: str
) -> None:
    layout = found(seen(ONE, OTHER, tags=tags)).layout
    assert layout is not None and (layout.active, layout.serving) == (active, serving)


@pytest.mark.parametrize(
    ("given", "revisions", "others"),
    [
        ({}, [OLD], ("istio-system/canary-v1-31-1",)),
        ({"name": "canary"}, ["canary-v1-31-1"], (f"istio-system/{OLD}",)),
        ({"name": "third"}, [], ("istio-system/canary-v1-31-1", f"istio-system/{OLD}")),
    ],
)
def test_meshes_are_told_apart_by_name(given: dict[str, Any], revisions: list[str], others: tuple[str, ...]) -> None:
    there = found(seen(ONE, CANARY), **given)
    assert list(there.layout.revisions if there.layout else []) == revisions
    assert there.others == others


def test_who_leaves_the_agents_to_another_has_none() -> None:
    layout = found(seen(ONE, CANARY, ZTUNNEL), name="canary").layout
    assert layout is not None and layout.ztunnel is None and layout.serving == "canary-v1-31-1"


def test_in_place_beside_revisions() -> None:
    observed = seen(IN_PLACE, CANARY)
    assert list(found(observed, update_strategy="in_place").layout.revisions) == ["default"]  # type: ignore[union-attr]
    assert found(observed, name="canary").others == ("istio-system/default",)
    # Of the same name: the mesh in place is this one, and keeps its strategy.
    there = found(seen(IN_PLACE))
    assert there.layout is not None and list(there.layout.revisions) == ["default"]


def test_an_uninstalled_revision_is_gone_and_an_unfinished_one_is_there() -> None:
    gone = (f"istiod-{OLD}", state(f"istiod-{OLD}", "1.30.3", "uninstalled"))
    half = (f"istiod-{NEW}", state(f"istiod-{NEW}", "1.31.1", "pending-install"))
    layout = found(seen(gone, half)).layout
    assert layout is not None and list(layout.revisions) == [NEW]


def test_what_the_operator_installed() -> None:
    there = found(seen(istiods=[istiod(NEW, sail=True)]))
    assert there.by == "sail" and there.layout is not None and there.layout.revisions == {NEW: V_NEW}
    promised = {"metadata": {"name": "default"}, "spec": {"namespace": "istio-system"}}
    assert found(seen(sail=[promised])).by == "sail"
    assert found(seen(sail=[promised]), name="other").by is None


def test_what_goes_with_a_mesh() -> None:
    releases = dict([ONE, OTHER, CANARY, IN_PLACE])
    assert to_remove(intent(state="absent"), releases) == ["default", OLD, NEW]
    # The strategy need not be said, and a second mesh removed twice does not take the first.
    assert to_remove(intent(state="absent", name="canary"), releases) == ["canary-v1-31-1"]
    assert to_remove(intent(state="absent", name="canary"), dict([IN_PLACE])) == []


# -- guards -----------------------------------------------------------------------------------------------------------


def layout_of(*revisions: str) -> Layout:
    return Layout(dict.fromkeys(revisions, V_NEW), revisions[0])


@pytest.mark.parametrize(
    ("given", "there", "words"),
    [
        ({"update_strategy": "revision_based"}, Installed("helm", layout_of("default")), "in_place"),
        ({}, Installed("helm", layout_of(NEW)), "revision_based"),
        ({}, Installed("sail", layout_of("default")), "Sail Operator"),
        ({"update_strategy": "revision_based"}, Installed(others=(f"elsewhere/{NEW}",)), "namespace elsewhere"),
        ({}, Installed(others=("elsewhere/default",)), "namespace elsewhere"),
    ],
)
def test_what_is_refused(given: dict[str, Any], there: Installed, words: str) -> None:
    asked = intent(**given)
    wanted = layout_of(NEW if given else "default")
    with pytest.raises(GuardRefused, match=words):
        guards.guard_installed(asked, there, wanted, None)


def test_the_operators_mesh_may_be_taken_over() -> None:
    there = Installed("sail", layout_of("default"))
    guards.guard_installed(intent(migrate=True), there, layout_of("default"), None)


def test_ztunnel_of_another_mesh() -> None:
    others = Installed(others=("istio-system/stable-v1-31-1",))
    bound = rel(name="ztunnel", values={"revision": "stable-v1-31-1"})
    asked: dict[str, Any] = {"update_strategy": "revision_based", "name": "canary"}
    with pytest.raises(GuardRefused, match="stable-v1-31-1") as refused:
        guards.guard_installed(intent(**asked), others, layout_of("canary-v1-31-1"), bound)
    assert "node_agents: false" in refused.value.hint
    guards.guard_installed(intent(node_agents=False, **asked), others, layout_of("canary-v1-31-1"), bound)


@pytest.mark.parametrize(
    ("there", "wanted", "version"),
    [
        (None, layout_of(NEW), None),
        (Layout({"default": V_OLD}, "default"), layout_of("default"), V_OLD),
        (Layout({OLD: V_OLD}, OLD), layout_of(NEW), V_OLD),
        (Layout({OLD: V_OLD, NEW: V_NEW}, NEW, ztunnel_revision=OLD), layout_of(NEW), V_NEW),
    ],
)
def test_what_a_control_plane_follows_upon(there: Layout | None, wanted: Layout, version: Any) -> None:
    assert guards.hop_from(Installed("helm", there), wanted) == version


def test_a_revision_in_use_is_not_retired() -> None:
    usage = Usage(revisions=frozenset([OLD, NEW]), tags={"prod": OLD}, namespaces={"shop": "prod"})
    with pytest.raises(GuardRefused, match="Namespace shop"):
        guard_unused([OLD], usage, "")
    guard_unused([NEW], usage, "")
    with pytest.raises(GuardRefused, match="istiod-default-validator"):
        guard_unused([NEW], usage, NEW)


# -- base -------------------------------------------------------------------------------------------------------------


def base(**values: Any) -> Release:
    return rel(name="istio-base", chart="base", version="1.30.3", values=values)


ASKED = intent(update_strategy="revision_based")
MINE = Installed("helm", Layout({OLD: V_OLD, NEW: V_NEW}, NEW, tags={"default": OLD}))
MOVED = Layout({OLD: V_OLD, NEW: V_NEW}, NEW, crds=V_NEW, tags={"default": NEW})


@pytest.mark.parametrize(
    ("values", "asks"),
    [
        ({}, "default"),
        ({"defaultRevision": ""}, ""),
        ({"defaultRevision": OLD}, OLD),
        ({"defaultRevision": None}, "default"),
    ],
)
def test_whom_the_default_validator_asks(values: dict[str, Any], asks: str) -> None:
    assert default_of(base(**values)) == asks
    assert default_of(None) == ""


def test_a_live_validator_is_moved_last() -> None:
    release = base(defaultRevision=OLD)
    crds = base_release(ASKED, release, MINE, MOVED, {"crds", "tags"})
    assert crds is not None and (crds.version, crds.values) == ("1.31.1", {"defaultRevision": OLD})
    move = default_move(ASKED, release, MINE, MOVED, {"crds", "tags"}, crds)
    assert move is not None and move.desired.values == {"defaultRevision": NEW}
    assert move.desired.step == "release/istio-base default revision" and move.desired.version == "1.31.1"
    # The move alone leaves the version as it is.
    alone = default_move(ASKED, release, MINE, MOVED, {"tags"}, None)
    assert alone is not None and alone.desired.version == "1.30.3"
    assert default_move(ASKED, release, MINE, MOVED, {"crds"}, crds) is None


def test_the_first_installation_and_a_dead_validator_need_no_move() -> None:
    parts = {"crds", "tags"}
    first = base_release(ASKED, None, Installed(), MOVED, parts)  # type: ignore[arg-type]
    assert first is not None and first.values == {"defaultRevision": NEW}
    assert default_move(ASKED, None, Installed(), MOVED, parts, first) is None  # type: ignore[arg-type]
    dead = base(defaultRevision="default-v1-29-0")
    mended = base_release(ASKED, dead, MINE, MOVED, parts)  # type: ignore[arg-type]
    assert mended is not None and mended.values == {"defaultRevision": NEW}


def test_what_meshes_share_is_neither_downgraded_nor_led_away() -> None:
    asked = intent(update_strategy="revision_based", name="canary", version="1.29.0", values={"base": {"mine": 1}})
    release = base(defaultRevision=OLD, theirs=2)
    there = Installed(others=(f"istio-system/{OLD}",))
    layout = Layout({"canary-v1-29-0": parse_version("1.29.0")}, "canary-v1-29-0", crds=parse_version("1.29.0"))
    desired = base_release(asked, release, there, layout, {"crds", "tags"})
    assert desired is not None and desired.version == "1.30.3"
    assert desired.values == {"defaultRevision": OLD, "theirs": 2, "mine": 1}
    assert default_move(asked, release, there, layout, {"crds", "tags"}, desired) is None


def test_crds_of_another_namespace_must_be_new_enough() -> None:
    assert guard_base_elsewhere(None, MOVED, {"crds"}) == ""
    with pytest.raises(GuardRefused, match=r"older than 1\.31\.1"):
        guard_base_elsewhere(base(), MOVED, {"crds"})
    assert "istio-base 1.30.3" in guard_base_elsewhere(base(), MOVED.change(crds=V_OLD), {"crds"})


def test_a_validator_whose_revision_goes_asks_nobody() -> None:
    decision = without_default(base(defaultRevision=OLD, theirs=2))
    assert decision.desired.values == {"defaultRevision": "", "theirs": 2} and decision.desired.version == "1.30.3"
