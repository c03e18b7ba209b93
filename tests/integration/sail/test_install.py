# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh by the Sail Operator: predicted, installed, found in order, removed without a trace."""

from __future__ import annotations

from typing import Any

from ..mesh.conftest import steps
from .conftest import SailMesh

NAMED: dict[str, Any] = {"cluster_name": "homelab-cluster"}


def test_check_apply_check_apply_absent(empty: SailMesh) -> None:
    before = empty.inventory()

    predicted = empty(check=True, diff=True, **NAMED).ok()
    assert predicted.changed == 1
    assert [step["step"] for step in predicted.result["steps"]] == [
        "Namespace istio-system",
        "Namespace istio-cni",
        "Namespace ztunnel",
        "Namespace sail-operator",
        "crds/sail-operator",
        "release/sail-operator",
        "gateway-api",
        "Istio default",
        "IstioCNI default",
        "ZTunnel default",
        "IstioRevisionTag default",
    ]
    assert {step["action"] for step in predicted.result["steps"]} == {"create"}
    # Their kinds come with this very plan: they were held against the chart's own CRDs.
    assert steps(predicted)["ZTunnel default"]["predicted_by"] == "schema"
    assert empty.inventory() == before, "check mode wrote something"

    applied = empty(**NAMED).ok()
    assert applied.changed == 1
    assert [step["step"] for step in applied.result["steps"]] == [step["step"] for step in predicted.result["steps"]]
    mesh = applied.result["mesh"]
    assert mesh["method"] == "sail" and mesh["version"] == "1.30.2"
    assert mesh["active"] == mesh["serving"] == "default-v1-30-2"
    assert mesh["tags"] == {"default": "default-v1-30-2"} and mesh["stale"] == []
    assert {name: one["state"] for name, one in mesh["components"].items() if name != "operator"} == dict.fromkeys(
        ("istiod", "cni", "ztunnel"), "Healthy"
    )
    assert mesh["components"]["operator"]["version"] == "1.30.3"

    # The first user's two failures: whom ztunnel dials, and as whom.
    told = empty.ztunnel()
    assert told["XDS_ADDRESS"] == told["CA_ADDRESS"] == "istiod-default-v1-30-2.istio-system.svc:15012"
    assert told["ISTIO_META_CLUSTER_ID"] == "homelab-cluster"
    assert empty.resource("ztunnel", "default")["spec"]["targetRef"] == {
        "kind": "IstioRevision",
        "name": "default-v1-30-2",
    }
    assert empty.resource("istio", "default")["spec"]["values"]["pilot"]["trustedZtunnelNamespace"] == "ztunnel"

    for check in (True, False):
        again = empty(check=check, diff=True, **NAMED).ok()
        assert again.changed == 0, again.result["table"]
        assert again.result["diff"] == []

    assert empty.verified() == []

    by_helm = empty.playbooks({"meshwright.istio.istio_mesh": {"state": "absent"}})
    assert by_helm.failed == 1 and "was installed by sail" in by_helm.result["msg"]

    kept = empty(state="absent").ok()
    assert kept.changed == 1
    left = {name for name in empty.inventory() if "istio" in name.lower() or "ztunnel" in name.lower()}
    assert left and all(
        name.startswith(
            (
                "CustomResourceDefinition",
                "Namespace",
                "ConfigMap//",
                "Secret/",
                "ConfigMap/",
                "ServiceAccount/",
                "ClusterRole",
            )
        )
        for name in left
    ), sorted(left)
    assert not any("WebhookConfiguration" in name for name in left)
    purged = empty(state="absent", purge=True).ok()
    assert purged.changed == 1
    assert empty.inventory() == before
    assert empty(state="absent", purge=True).ok().changed == 0
