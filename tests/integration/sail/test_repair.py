# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Meshes that somebody else made and the operator calls Healthy, though no ambient traffic can pass."""

from __future__ import annotations

from typing import Any

from ..mesh.conftest import steps, until
from .conftest import SAIL, SailMesh, failing


def operator_by_hand(mesh: SailMesh, version: str = "1.30.3") -> None:
    """The operator's chart, installed by somebody else's helm."""
    where = ("--repo", mesh.cluster.charts, "--version", version, "-n", "sail-operator", "--create-namespace")
    mesh.helm("install", "sail-operator", "sail-operator", *where, "--wait")


def by_hand(mesh: SailMesh, *, ztunnel: dict[str, Any] | None = None) -> None:
    """The mesh of recordings/sail/cluster-name: a cluster name on the Istio only, a ZTunnel that names no istiod."""
    names = ("istio-system", "istio-cni", "ztunnel")
    mesh.kubectl.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))
    strategy = {"type": "RevisionBased", "inactiveRevisionDeletionGracePeriodSeconds": 30}
    values = {"global": {"multiCluster": {"clusterName": "homelab-cluster"}}}
    specs: dict[str, dict[str, Any]] = {
        "Istio": {"namespace": "istio-system", "profile": "ambient", "updateStrategy": strategy, "values": values},
        "IstioCNI": {"namespace": "istio-cni", "profile": "ambient"},
        "ZTunnel": {"namespace": "ztunnel", **(ztunnel or {})},
    }
    mesh.kubectl.apply(
        *(
            {
                "apiVersion": f"{SAIL}/v1",
                "kind": kind,
                "metadata": {"name": "default"},
                "spec": {"version": "v1.30.2", **spec},
            }
            for kind, spec in specs.items()
        )
    )
    for kind in specs:
        until(f"{kind} is Healthy", lambda kind=kind: mesh.state_of(kind) == "Healthy")  # type: ignore[misc]


def test_the_two_failures_are_repaired(empty: SailMesh) -> None:
    operator_by_hand(empty)
    by_hand(empty)
    told = empty.ztunnel()
    assert told["XDS_ADDRESS"] == "istiod.istio-system.svc:15012", "the mesh is not as broken as it should be"
    assert told["ISTIO_META_CLUSTER_ID"] == "Kubernetes"

    predicted = empty(check=True).ok()
    found = steps(predicted)
    assert found["release/sail-operator"]["action"] == "none"
    assert found["release/sail-operator"]["reason"].startswith("left alone")
    assert found["ZTunnel default"]["action"] == "repair"
    reason = found["ZTunnel default"]["reason"]
    assert "dials istiod.istio-system.svc:15012 instead of istiod-default-v1-30-2.istio-system.svc" in reason
    assert "cluster Kubernetes instead of homelab-cluster" in reason and "Healthy" in reason

    # Not even the cluster's name need be said: it is the one that istiod has.
    assert empty().ok().changed == 1
    told = empty.ztunnel()
    assert told["XDS_ADDRESS"] == told["CA_ADDRESS"] == "istiod-default-v1-30-2.istio-system.svc:15012"
    assert told["ISTIO_META_CLUSTER_ID"] == "homelab-cluster"
    assert empty().ok().changed == 0


def test_a_ztunnel_that_follows_the_istio_is_held_before_a_canary(empty: SailMesh) -> None:
    """The trap: it would be pointed at the new istiod at once, ready or not, and the old one be pruned."""
    operator_by_hand(empty)
    by_hand(empty, ztunnel={"targetRef": {"kind": "Istio", "name": "default"}})
    never = {"metadata": {"annotations": {"sail.harness.meshwright.io/never-ready": "v1.30.3"}}}
    empty.kubectl("patch", f"istios.{SAIL}", "default", "--type=merge", "-p", empty.as_json(never))

    failed = failing(empty(version="1.30.3", inactive_revision_grace=3, wait_timeout=20))
    assert [step["step"] for step in failed.result["steps"] if step["step"].startswith("pin/")] == [
        "pin/ZTunnel default"
    ]
    unready = {entry["object"]: entry for entry in failed.result["unready"]}
    assert unready["Istio default"]["state"] == "IstiodNotReady"
    assert unready["IstioRevision default-v1-30-3"]["conditions"][0]["reason"] == "IstiodNotReady"
    assert "Deployment istio-system/istiod-default-v1-30-3" in unready
    assert "IstiodNotReady" in failed.result["msg"] and "not all istiod pods are ready" in failed.result["msg"]
    assert empty.ztunnel()["XDS_ADDRESS"] == "istiod-default-v1-30-2.istio-system.svc:15012"

    # The old revision outlives its grace period.
    assert empty.in_use("default-v1-30-2") == "True"
    # And back: nothing that ran was touched.
    back = empty(version="1.30.2", inactive_revision_grace=3).ok()
    assert back.result["mesh"]["active"] == "default-v1-30-2"
    until("the failed revision is pruned", lambda: not empty.resource("istiorevision", "default-v1-30-3"), 90)
