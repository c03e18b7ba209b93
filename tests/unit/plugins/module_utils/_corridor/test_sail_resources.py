# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which resources the parts of a layout are made of, and what is held where it is first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.observe import SailObserved, installed
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.prepare import plan_pins
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.resources import resources_of
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import Layout, Part, target
from ansible_collections.meshwright.istio.plugins.module_utils._desired.manifests import label
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_served import ServedSail

from .._intent.meshes import intent
from . import sails

R2, R3 = "default-v1-30-2", "default-v1-30-3"


def run(**given: Any) -> Any:
    mesh = intent(**{"method": "sail", "update_strategy": "revision_based", "version": "1.30.3", **given})
    return SimpleNamespace(intent=mesh)


def there(*more: sails.Obj, ztunnel: dict[str, Any] | None = None) -> SailObserved:
    return sails.observed(
        sails.istio(),
        sails.revision(R2, "v1.30.2"),
        sails.cni(),
        sails.ztunnel(**(ztunnel or sails.target("IstioRevision", R2))),
        *more,
    )


def made(one: Any, seen: SailObserved, layout: Layout, parts: Any) -> dict[str, list[str]]:
    found = resources_of(one, seen, layout, parts, ServedSail())
    return {part: [label(obj) for obj in objects] for part, objects in found.items() if objects}


def test_an_installation_in_its_order() -> None:
    one, seen = run(tags=[{"name": "prod"}], istiod_alias=True), sails.observed()
    aim = target(one.intent, installed(one.intent, seen))
    found = made(one, seen, aim.layout, aim.parts)
    assert found == {
        "control_plane": ["Istio default"],
        "cni": ["IstioCNI default"],
        "ztunnel": ["ZTunnel default"],
        "tags": ["IstioRevisionTag default", "IstioRevisionTag prod", "Service istio-system/istiod"],
    }
    assert list(found) == ["control_plane", "cni", "ztunnel", "tags"]


def test_a_canary_holds_the_old_revision_first_and_touches_no_agent() -> None:
    one, seen = run(), there()
    aim = target(one.intent, installed(one.intent, seen))
    found = made(one, seen, aim.layout, aim.parts)
    assert found == {"hold": ["IstioRevisionTag default-previous"], "control_plane": ["Istio default"]}
    assert next(iter(found)) == "hold"


@pytest.mark.parametrize("part", ["cni", "ztunnel", "tags"])
def test_one_part_is_one_part(part: Part) -> None:
    one, seen = run(), there()
    layout = Layout(
        revisions={R2: one.intent.version, R3: one.intent.version},
        active=R3,
        cni=one.intent.version,
        ztunnel=one.intent.version,
        ztunnel_revision=R2,
        tags={"default": R2},
        hold=R2,
    )
    assert list(made(one, seen, layout, {part})) == [part]


def test_a_tag_of_somebody_else_stays_theirs_while_it_leads_where_it_should() -> None:
    theirs = there(sails.tag("default", "Istio", "default"), sails.tag("prod", "IstioRevision", R2))
    one = run(version="1.30.2")
    aim = target(one.intent, installed(one.intent, theirs))
    assert "tags" not in made(one, theirs, aim.layout, aim.parts)
    listed = run(version="1.30.2", tags=[{"name": "prod"}])
    aim = target(listed.intent, installed(listed.intent, theirs))
    assert made(listed, theirs, aim.layout, aim.parts)["tags"] == ["IstioRevisionTag prod"]


@pytest.mark.parametrize(
    ("wanted", "parts", "given", "pins"),
    [
        (R3, {"control_plane"}, {}, ["pin/ZTunnel default", "pin/IstioRevisionTag prod"]),
        (R2, {"control_plane"}, {}, []),
        (R3, {"ztunnel"}, {}, []),
        ("default", {"control_plane"}, {"update_strategy": "in_place"}, []),
    ],
)
def test_what_follows_the_istio_is_held_before_it_moves(wanted: str, parts: Any, given: Any, pins: list[str]) -> None:
    seen = there(
        sails.tag("prod", "Istio", "default"),
        sails.tag("stable", "IstioRevision", R2),
        sails.tag("other", "Istio", "another"),
        ztunnel=sails.target("Istio", "default"),
    )
    one = run(**given)
    layout = Layout(revisions={wanted: one.intent.version}, active=wanted)
    found = plan_pins(one, seen, layout, parts)
    assert [pin.step for pin in found] == pins
    assert {pin.revision for pin in found} <= {R2}


def test_a_cluster_name_that_goes_from_the_istio_goes_from_ztunnel_too() -> None:
    """It was ours on the live Istio, and is asked for no more: the next apply takes it away there."""
    live = sails.istio(values={"global": {"multiCluster": {"clusterName": "homelab"}, "network": "lan"}})
    owned: dict[str, Any] = {"f:spec": {"f:values": {"f:global": {"f:multiCluster": {"f:clusterName": {}}}}}}
    live["metadata"]["managedFields"] = [{"manager": "meshwright-mesh", "operation": "Apply", "fieldsV1": owned}]
    seen = sails.observed(live, sails.revision(R2, "v1.30.2"), sails.ztunnel())
    one = run(version="1.30.2")
    aim = target(one.intent, installed(one.intent, seen))
    values = resources_of(one, seen, aim.layout, aim.parts, ServedSail())["ztunnel"][0]["spec"]["values"]["ztunnel"]
    assert values["multiCluster"]["clusterName"] == "Kubernetes"
    # The network is somebody else's, and stays.
    assert values["network"] == "lan"
