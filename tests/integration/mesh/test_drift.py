# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was changed behind Helm's back is found, repaired, and compared again."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.apply import mend
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from .conftest import Mesh, steps

CRD = "telemetries.telemetry.istio.io"
TRACING = ["schema", "openAPIV3Schema", "properties", "spec", "properties", "tracing"]


def patch(mesh: Mesh, kind: str, name: str, *operations: dict[str, Any], namespace: str = "") -> None:
    where = ["-n", namespace] if namespace else []
    mesh.kubectl("patch", kind, name, *where, "--type=json", "-p", json.dumps(operations))


def test_hand_edited_objects_are_found_and_repaired(ambient: Mesh) -> None:
    request = "/spec/template/spec/containers/0/resources/requests/cpu"
    patch(
        ambient, "deployment", "istiod", {"op": "replace", "path": request, "value": "123m"}, namespace="istio-system"
    )
    patch(ambient, "crd", CRD, {"op": "remove", "path": "/spec/versions/0/" + "/".join(TRACING)})
    ambient.kubectl("delete", "serviceaccount", "ztunnel", "-n", "istio-system")
    # A label of one's own is nobody's drift.
    ambient.kubectl("label", "daemonset", "istio-cni-node", "-n", "istio-system", "team=platform")

    predicted = ambient(check=True, diff=True).ok()
    found = steps(predicted)
    assert found["release/istiod"]["action"] == "repair"
    assert "resources.requests.cpu" in found["release/istiod"]["reason"]
    assert found["release/istio-base"]["action"] == "repair" and CRD in found["release/istio-base"]["reason"]
    assert "ServiceAccount istio-system/ztunnel (missing)" in found["release/ztunnel"]["reason"]
    assert found["release/istio-cni"]["action"] == "none"
    assert all(step["predicted_by"] == "server" for step in found.values() if step["action"] == "repair")

    repaired = ambient().ok()
    assert repaired.changed == 1
    for name in ("release/istiod", "release/istio-base", "release/ztunnel"):
        assert any("compared again" in note or "re-applied" in note for note in steps(repaired)[name]["notes"])
    deployment = ambient.kubectl.json("get", "deployment", "istiod", "-n", "istio-system")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "500m"
    below = ambient.kubectl.json("get", "crd", CRD)["spec"]["versions"][0]
    for key in TRACING:
        below = below[key]
    assert ambient.kubectl.json("get", "daemonset", "istio-cni-node", "-n", "istio-system")["metadata"]["labels"][
        "team"
    ]
    assert ambient().ok().changed == 0


def test_what_helm_leaves_is_reapplied(ambient: Mesh) -> None:
    """Helm 3 does not repair a custom resource whose manifest has not changed: then its manifest is applied itself."""
    ambient.kubectl("create", "namespace", "mended")
    try:
        wanted = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "reviews", "namespace": "mended"},
            "spec": {"host": "reviews", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
        }
        ambient.kubectl.apply(wanted)
        edit = {"op": "replace", "path": "/spec/trafficPolicy/tls/mode", "value": "DISABLE"}
        patch(ambient, "destinationrule", "reviews", edit, namespace="mended")
        options = ConnectionOptions(kubeconfig=ambient.cluster.kubeconfig, context=ambient.cluster.context)
        client = Client(connect(options), deadline=Deadline(60))
        assert "re-applied" in mend(client, [wanted])[0]
        assert ambient.kubectl.json("get", "destinationrule", "reviews", "-n", "mended")["spec"] == wanted["spec"]
        assert mend(client, [wanted]) == ["compared again: as the manifest says"]
    finally:
        ambient.kubectl("delete", "namespace", "mended", "--wait=false")
