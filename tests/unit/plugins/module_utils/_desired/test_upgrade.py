# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upgrade as units and layouts: the order, what each unit changes, the way back, and how the journal keeps it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Installed, Layout, target
from ansible_collections.meshwright.istio.plugins.module_utils._desired.upgrade import (
    Move,
    Unit,
    batches,
    fixed_units,
    hop,
    layout_of,
    layout_state,
    move_to,
    ordered,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version

from .._intent.meshes import intent

OLD, NEW = parse_version("1.30.3"), parse_version("1.31.1")
R_OLD, R_NEW = "default-v1-30-3", "default-v1-31-1"


def there(**changes: Any) -> Layout:
    known: dict[str, Any] = {
        "revisions": {R_OLD: OLD},
        "active": R_OLD,
        "crds": OLD,
        "cni": OLD,
        "ztunnel": OLD,
        "ztunnel_revision": R_OLD,
        "tags": {"default": R_OLD, "stable": R_OLD, "canary": "other-v1-31-0"},
    }
    return Layout(**{**known, **changes})


def move(**changes: Any) -> Move:
    return move_to(intent(version="1.31.1", update_strategy="revision_based"), there(**changes))


def test_the_canary_is_what_istio_mesh_would_install_beside() -> None:
    wanted = intent(version="1.31.1", update_strategy="revision_based")
    assert move().at([]) == target(wanted, Installed("helm", there())).layout


def test_a_canary_that_is_there_already_is_the_same_move() -> None:
    assert move(revisions={R_OLD: OLD, R_NEW: NEW}, active=R_NEW, crds=NEW) == Move(there(crds=NEW), R_NEW, NEW)


@pytest.mark.parametrize(
    ("done", "changes"),
    [
        (["cni"], {"cni": NEW}),
        (["cni", "ztunnel"], {"cni": NEW, "ztunnel": NEW, "ztunnel_revision": R_NEW}),
        (["tags"], {"tags": {"default": R_NEW, "stable": R_NEW, "canary": "other-v1-31-0"}}),
        (["namespace/shop", "waypoint/shop/waypoint"], {}),
    ],
)
def test_each_unit_moves_its_own_part(done: list[str], changes: dict[str, Any]) -> None:
    assert move().at(done) == move().at([]).change(**changes)


def test_until_the_end_the_old_revision_is_held_and_afterwards_gone() -> None:
    assert move().at(["cni", "ztunnel", "tags"]).hold == R_OLD
    ended = move().finished(set())
    assert (dict(ended.revisions), ended.active, ended.serving, ended.hold) == ({R_NEW: NEW}, R_NEW, R_NEW, "")


def test_other_revisions_go_only_when_nothing_uses_them() -> None:
    more = {"default-v1-29-0": parse_version("1.29.0"), "default-v1-29-5": parse_version("1.29.5"), R_OLD: OLD}
    ended = move(revisions=more).finished({"default-v1-29-5"})
    assert set(ended.revisions) == {"default-v1-29-5", R_NEW}


def test_going_back_new_configuration_goes_to_the_old_revision_and_the_new_one_is_held() -> None:
    back = move().going_back(["cni", "ztunnel"])
    assert (back.active, back.hold, back.ztunnel_revision) == (R_OLD, R_NEW, R_NEW)
    assert back.tags == there().tags
    assert move().returned() == there(crds=NEW)


def test_sidecar_mode_has_no_ztunnel_unit_and_no_agents_are_moved_that_are_not_there() -> None:
    sidecars = move(cni=None, ztunnel=None, ztunnel_revision="")
    assert [unit.name for unit in fixed_units(sidecars, alias=True)] == ["tags", "alias"]
    assert sidecars.at(["cni", "ztunnel"]) == sidecars.at([])
    assert [unit.name for unit in fixed_units(move(tags={}), alias=False)] == ["cni", "ztunnel"]


def test_the_order_is_that_of_the_documentation() -> None:
    names = ["alias", "gateway/in/gw", "waypoint/a/w", "namespace/b", "namespace/a", "tags", "ztunnel", "cni", "cni"]
    expected = ["cni", "ztunnel", "tags", "namespace/a", "namespace/b", "waypoint/a/w", "gateway/in/gw", "alias"]
    assert [unit.name for unit in ordered(map(Unit.named, names))] == expected


def test_namespaces_are_moved_together_and_all_else_one_by_one() -> None:
    units = [Unit.named(name) for name in ("cni", "namespace/a", "namespace/b", "namespace/c", "waypoint/a/w")]
    rows = [[unit.name for unit in row] for row in batches(units, 2)]
    assert rows == [["cni"], ["namespace/a", "namespace/b"], ["namespace/c"], ["waypoint/a/w"]]


def test_a_name_that_is_no_unit() -> None:
    with pytest.raises(BadInput, match="nothing/x"):
        Unit.named("nothing/x")


@pytest.mark.parametrize(
    ("old", "options", "refused"),
    [
        ("1.30.3", {}, False),
        ("1.31.0", {}, False),
        ("1.29.3", {}, True),
        ("1.29.3", {"mode": "sidecar"}, False),
        ("1.28.3", {"mode": "sidecar"}, True),
        ("1.29.3", {"mode": "sidecar", "cni": {"enabled": True}}, True),
        ("1.28.3", {"allow_version_skip": True}, False),
        ("1.32.0", {}, True),
        ("1.32.0", {"allow_downgrade": True}, False),
    ],
)
def test_hops(old: str, options: dict[str, Any], refused: bool) -> None:
    """Between revisions two minor versions, but for the node agents, of which there is one each."""
    problem, _notes = hop(intent(version="1.31.1", update_strategy="revision_based", **options), parse_version(old))
    assert bool(problem) is refused


def test_the_journal_keeps_a_layout() -> None:
    for layout in (there(), move().at(["cni"]), there(cni=None, ztunnel=None, ztunnel_revision="", tags={})):
        assert layout_of(json.loads(json.dumps(layout_state(layout)))) == layout
