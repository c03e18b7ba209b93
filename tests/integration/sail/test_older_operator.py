# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of the operator: without targetRef, upgraded, and left where they are."""

from __future__ import annotations

from typing import Any

from ..mesh.conftest import steps
from .conftest import SailMesh


def test_an_operator_without_target_ref_then_upgraded(empty: SailMesh) -> None:
    old: dict[str, Any] = {
        "version": "1.28.3",
        "operator": {"version": "1.28.3"},
        "cluster_name": "homelab",
        "network": "lan",
        "preflight": False,  # It would warn: this Istio is older than the server's Kubernetes.
    }
    assert empty(**old).ok().result["mesh"]["components"]["operator"]["version"] == "1.28.3"
    spec = empty.resource("ztunnel", "default")["spec"]
    assert "targetRef" not in spec
    assert spec["values"]["ztunnel"]["revision"] == "default-v1-28-3"
    assert spec["values"]["ztunnel"]["network"] == "lan"
    told = empty.ztunnel()
    assert told["XDS_ADDRESS"] == "istiod-default-v1-28-3.istio-system.svc:15012"
    assert told["ISTIO_META_CLUSTER_ID"] == "homelab"
    assert empty(**old).ok().changed == 0

    new = {**old, "operator": {"version": "1.30.3"}}
    upgraded = empty(**new).ok()
    assert steps(upgraded)["release/sail-operator"]["action"] == "update"
    assert steps(upgraded)["crds/sail-operator"]["action"] == "update"
    spec = empty.resource("ztunnel", "default")["spec"]
    assert spec["targetRef"] == {"kind": "IstioRevision", "name": "default-v1-28-3"}
    assert "revision" not in spec["values"]["ztunnel"]
    assert empty.ztunnel() == told

    # Never downgraded.
    kept = empty(**old).ok()
    assert kept.changed == 0
    assert any("never downgraded" in note for note in kept.result["notes"])


def test_the_first_operator_with_ambient_then_upgraded(empty: SailMesh) -> None:
    """ZTunnel v1alpha1, whose values have no network; then v1, which has."""
    old: dict[str, Any] = {
        "version": "1.27.3",
        "operator": {"version": "1.27.3"},
        "network": "lan",
        "preflight": False,
    }
    empty(**old).ok()
    told = empty.ztunnel()
    assert told["NETWORK"] == "lan" and told["XDS_ADDRESS"] == "istiod-default-v1-27-3.istio-system.svc:15012"
    assert empty(**old).ok().changed == 0

    assert empty(**{**old, "operator": {"version": "1.28.3"}}).ok().changed == 1
    values = empty.resource("ztunnel", "default")["spec"]["values"]["ztunnel"]
    assert values["network"] == "lan" and "env" not in values
    assert empty.ztunnel()["NETWORK"] == "lan"
    # It stays, since it installs what is asked for.
    assert empty(**{**old, "operator": {}}).ok().changed == 0
