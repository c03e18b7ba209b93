# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot as a scene: which source is which kind, what was not read, and what judging then says."""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy import scene, seen
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.model import Judged
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source, Undecided

from . import policies as given
from .seeing import snapshot


def test_every_kind_of_a_scene_has_a_source() -> None:
    assert set(seen.SOURCE_OF) == set(scene.ALL_KINDS)


def test_pods_are_those_of_gateways_and_the_excused_too() -> None:
    gateway, proxy = given.waypoint()
    starting = {**given.pod("late"), "status": {"phase": "Pending"}}
    on_host = {**given.pod("agent"), "spec": {"hostNetwork": True}}
    running = {**given.pod("web"), "status": {"phase": "Running"}}
    found = seen.scene_of(snapshot(given.space(), gateway, proxy, starting, on_host, running))
    assert len(list(found.all(scene.POD))) == 4
    assert list(found.all(scene.GATEWAY_POD)) == [proxy]
    assert list(found.all(scene.EXCUSED_POD)) == [starting, on_host]


def test_made_once() -> None:
    taken = snapshot(given.space(), given.virtual_service())
    assert seen.scene_of(taken) is seen.scene_of(taken)
    assert seen.view_of(taken).scene is seen.scene_of(taken)
    assert seen.judged(taken) is seen.judged(taken)


@pytest.mark.parametrize(
    ("source", "knows", "elsewhere"),
    [
        (Source("destination_rules"), True, True),
        (Source("destination_rules", served=False), True, True),
        (Source("destination_rules", error="may not list"), False, False),
        (Source("destination_rules", namespaces=frozenset({"shop"}), unseen="may not list all"), True, False),
    ],
    ids=["read", "not-served", "unreadable", "partial"],
)
def test_what_was_not_read_is_not_known(source: Source, knows: bool, elsewhere: bool) -> None:
    taken = snapshot(given.space())
    found = seen.scene_of(Snapshot({**taken.sources, source.name: source}))
    assert found.knows(scene.DESTINATION_RULE, "shop") is knows
    assert found.knows(scene.DESTINATION_RULE, "other") is elsewhere


def test_nothing_is_missing_where_nothing_was_read() -> None:
    """A subset may be in DestinationRules that could not be read."""
    route = [{"route": [{"destination": {"host": "reviews", "subset": "v2"}}]}]
    taken = snapshot(given.space(), given.service(), given.virtual_service(http=route))
    assert "unknown-subset" in seen.judged(taken)
    blind = Snapshot({**taken.sources, "destination_rules": Source("destination_rules", error="may not list")})
    assert "unknown-subset" not in seen.judged(blind)
    with pytest.raises(Undecided, match="may not list"):
        seen.need(blind, seen.sources_of(scene.VIRTUAL_SERVICE, scene.DESTINATION_RULE))


def test_each_problem_is_told_once_and_under_its_rule() -> None:
    both = [given.virtual_service("one"), given.virtual_service("two")]
    found = seen.judged(snapshot(given.space(), given.service(), *both))
    assert {rule: [one.obj["metadata"]["name"] for one in problems] for rule, problems in found.items()} == {
        "two-virtual-services": ["one", "two"]
    }


def test_another_cluster_may_have_the_host() -> None:
    lost = given.virtual_service(host="nobody")
    one = seen.judged(snapshot(given.space(), given.service(), lost))["unknown-host"]
    assert [problem.severity for problem in one] == ["error"]
    secret = {"metadata": {"name": "remote", "namespace": "istio-system"}}
    several = snapshot(given.space(), given.service(), lost, remote_secrets=[secret])
    assert [problem.severity for problem in seen.judged(several)["unknown-host"]] == ["warning"]


@pytest.mark.parametrize(
    ("more", "root"),
    [
        ({}, "istio-system"),
        ({"mesh_configs": [{"mesh": {"rootNamespace": "mesh-root"}}]}, "mesh-root"),
        ({"istiods": [given.istiod("mesh-system")]}, "mesh-system"),
        ({"istiods": [given.istiod("mesh-system")], "mesh_configs": [{"mesh": {}}]}, "mesh-system"),
    ],
    ids=["nothing", "configured", "control-plane", "not-configured"],
)
def test_root_namespace(more: dict[str, list[given.Obj]], root: str) -> None:
    assert seen.scene_of(snapshot(given.space(), **more)).root == root


@pytest.mark.parametrize(
    ("subject", "related"),
    [
        ("Service shop/web", ("Service shop/web",)),
        ("web.shop.svc.cluster.local VirtualService shop/b", ("VirtualService shop/b",)),
        ("Gateway shop/g listener https", ("Gateway shop/g",)),
        ("http[0]", ()),
        ("VirtualService shop/reviews", ()),
        ("app=web", ()),
    ],
)
def test_a_problem_as_a_finding(subject: str, related: tuple[str, ...]) -> None:
    one = Judged("rule", given.virtual_service(), "says so", "Apply it in the same task.", "warning", subject)
    found = seen.finding(one, ["a fact"])
    assert (found.severity, found.title) == ("warning", "VirtualService shop/reviews says so.")
    assert (found.objects, found.related) == (("VirtualService shop/reviews",), related)
    assert (found.evidence, found.remedy) == (("a fact",), "Apply it.")
