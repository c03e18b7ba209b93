# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail import (
    hold_tag,
    identity,
    istio,
    istio_cni,
    nudged,
    sail_revision,
    tag,
    ztunnel,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_served import ServedSail, served_from
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_values import option_at, place
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import MeshIntent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version

from .._intent.meshes import intent

VERSION = parse_version("1.30.3")
REVISION = "default-v1-30-3"


def sail(**given: Any) -> MeshIntent:
    return intent(**{"method": "sail", "update_strategy": "revision_based", "version": "1.30.3", **given})


@pytest.mark.parametrize(
    ("component", "path", "placed"),
    [
        ("istiod", ("profile",), ("profile",)),
        ("istiod", ("meshConfig", "trustDomain"), ("values", "meshConfig", "trustDomain")),
        ("istiod", ("pilot", "env"), ("values", "pilot", "env")),
        ("istiod", ("replicaCount",), ("values", "pilot", "replicaCount")),
        ("base", ("global", "imagePullSecrets"), ("values", "global", "imagePullSecrets")),
        ("cni", ("cni", "chained"), ("values", "cni", "chained")),
        ("cni", ("chained",), ("values", "cni", "chained")),
        ("cni", ("global", "hub"), ("values", "global", "hub")),
        ("ztunnel", ("network",), ("values", "ztunnel", "network")),
        ("ztunnel", ("global", "platform"), ("values", "global", "platform")),
    ],
)
def test_where_values_go(component: Any, path: tuple[str, ...], placed: tuple[str, ...]) -> None:
    assert place(component, path) == placed


def test_the_control_plane() -> None:
    found = istio(sail(cluster_name="homelab", network="lan", inactive_revision_grace=7), VERSION)
    assert found["apiVersion"] == "sailoperator.io/v1" and found["metadata"] == {"name": "default"}
    assert found["spec"] == {
        "version": "v1.30.3",
        "namespace": "istio-system",
        "updateStrategy": {"type": "RevisionBased", "inactiveRevisionDeletionGracePeriodSeconds": 7},
        "profile": "ambient",
        "values": {
            "global": {"multiCluster": {"clusterName": "homelab"}, "network": "lan"},
            "pilot": {"trustedZtunnelNamespace": "ztunnel"},
        },
    }


@pytest.mark.parametrize(
    ("given", "namespace"),
    [
        ({}, "ztunnel"),
        ({"ztunnel_namespace": "istio-system"}, "istio-system"),
        ({"platform": "openshift"}, "kube-system"),
    ],
)
def test_istiod_always_trusts_ztunnels_namespace(given: dict[str, Any], namespace: str) -> None:
    """Also where the chart would assume the same: Sail's profiles may assume something else."""
    mesh = sail(**given)
    assert istio(mesh, VERSION)["spec"]["values"]["pilot"]["trustedZtunnelNamespace"] == namespace
    assert ztunnel(mesh, VERSION, REVISION, ServedSail())["spec"]["namespace"] == namespace


def test_in_place_and_sidecar() -> None:
    mesh = sail(update_strategy="in_place", mode="sidecar")
    spec = istio(mesh, VERSION)["spec"]
    assert spec == {"version": "v1.30.3", "namespace": "istio-system", "updateStrategy": {"type": "InPlace"}}
    assert sail_revision(mesh, "default") == "default"
    assert sail_revision(sail(update_strategy="in_place", name="canary"), "default") == "canary"


NEW, OLD, OLDEST = (served_from(parse_version(text)) for text in ("1.30.3", "1.28.3", "1.27.3"))


@pytest.mark.parametrize(
    ("served", "given", "api", "target", "values"),
    [
        (NEW, {}, "v1", {"kind": "IstioRevision", "name": REVISION}, {}),
        (NEW, {"update_strategy": "in_place"}, "v1", {"kind": "Istio", "name": "default"}, {}),
        (NEW, {"network": "lan"}, "v1", {"kind": "IstioRevision", "name": REVISION}, {"network": "lan"}),
        (OLD, {}, "v1", None, {"revision": REVISION}),
        (OLD, {"update_strategy": "in_place"}, "v1", None, {}),
        (OLD, {"network": "lan"}, "v1", None, {"revision": REVISION, "network": "lan"}),
        (OLDEST, {"network": "lan"}, "v1alpha1", None, {"revision": REVISION, "env": {"NETWORK": "lan"}}),
    ],
)
def test_ztunnel_is_bound_by_what_the_operator_serves(
    served: ServedSail, given: dict[str, Any], api: str, target: Any, values: dict[str, Any]
) -> None:
    mesh = sail(**given)
    revision = REVISION if mesh.revisioned else "default"
    found = ztunnel(mesh, VERSION, revision, served)
    assert found["apiVersion"] == f"sailoperator.io/{api}"
    assert found["spec"].get("targetRef") == target
    # The cluster's name is always said, also where both sides would assume the same.
    assert found["spec"]["values"]["ztunnel"] == {"multiCluster": {"clusterName": "Kubernetes"}, **values}


@pytest.mark.parametrize(
    ("given", "live", "found"),
    [
        ({}, None, ("Kubernetes", "")),
        ({"cluster_name": "homelab", "network": "lan"}, None, ("homelab", "lan")),
        ({}, {"global": {"multiCluster": {"clusterName": "theirs"}, "network": "wan"}}, ("theirs", "wan")),
        ({"cluster_name": "homelab"}, {"global": {"multiCluster": {"clusterName": "theirs"}}}, ("homelab", "")),
        ({"values": {"istiod": {"global": {"network": "free"}}}}, None, ("Kubernetes", "free")),
    ],
)
def test_ztunnel_takes_its_identity_from_istiods(
    given: dict[str, Any], live: dict[str, Any] | None, found: tuple[str, str]
) -> None:
    assert identity(sail(**given), {"spec": {"values": live}} if live else None) == found


def test_a_nudge_is_kept_and_changes_nothing_else() -> None:
    desired = ztunnel(sail(), VERSION, REVISION, NEW)
    once = nudged(desired, {"metadata": {"generation": 3}})
    assert once != desired
    once_more = ztunnel(sail(), VERSION, REVISION, NEW, live=once)
    assert once_more == once, "the next run would take it back, and change something each time"
    assert "Annotations" not in desired["spec"]["values"]["ztunnel"]


def test_node_agents_take_the_same_options() -> None:
    mesh = sail(
        cni={"chained": True, "bin_dir": "/opt/cni"},
        ztunnel={"log_level": "debug", "env": {"TRIES": 3, "FAST": True}},
        istiod={"env": {"PILOT_ENABLE_STATUS": True}},
        hub="registry.example.com/istio",
    )
    assert istio_cni(mesh, VERSION)["spec"]["values"] == {
        "cni": {"chained": True, "cniBinDir": "/opt/cni"},
        "global": {"hub": "registry.example.com/istio"},
    }
    spec = ztunnel(mesh, VERSION, REVISION, NEW)["spec"]["values"]["ztunnel"]
    assert spec["env"] == {"TRIES": "3", "FAST": "true"} and spec["logLevel"] == "debug"
    assert istio(mesh, VERSION)["spec"]["values"]["pilot"]["env"] == {"PILOT_ENABLE_STATUS": "true"}


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"istiod": {"disruption_budget": {"max_unavailable": "1"}}}, "istiod.disruption_budget.max_unavailable"),
        ({"cni": {"tolerations": [{"operator": "Exists"}]}}, "cni.tolerations"),
        ({"values": {"istiod": {"pdb": {"minAvailable": 1}}}}, "values.istiod.pdb.minAvailable"),
    ],
)
def test_values_that_sail_has_no_place_for_are_refused_by_option(given: dict[str, Any], option: str) -> None:
    with pytest.raises(BadInput) as caught:
        istio(sail(**given), VERSION)
    assert caught.value.details["option"] == option
    assert "method: helm" in caught.value.hint


def test_the_option_behind_a_field_of_a_resource() -> None:
    mesh = sail(
        istiod={"topology_spread": [{"maxSkew": 1}]},
        values={"istiod": {"pilot": {"nosuch": 1}}},
        ztunnel={"node_selector": {"a": "b"}},
    )
    assert option_at(mesh, "Istio", ("values", "pilot", "topologySpreadConstraints")) == "istiod.topology_spread"
    assert option_at(mesh, "Istio", ("values", "pilot", "nosuch")) == "values.istiod.pilot.nosuch"
    assert option_at(mesh, "ZTunnel", ("values", "ztunnel", "nodeSelector")) == "ztunnel.node_selector"
    assert option_at(mesh, "ZTunnel", ("targetRef",)) == ""


def test_tags() -> None:
    assert tag("prod", REVISION)["spec"] == {"targetRef": {"kind": "IstioRevision", "name": REVISION}}
    assert hold_tag("default") == "default-previous"
