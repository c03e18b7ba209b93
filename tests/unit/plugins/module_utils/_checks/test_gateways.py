# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Gateway API's CRDs: states that trigger the check, and states that do not."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import Edit, drop, healthy, outcome, put, recorded, severities, snapshot

GROUP = "gateway.networking.k8s.io"
BUNDLE = f"{GROUP}/bundle-version"


def bundle(version: str | None, *names: str) -> Edit:
    """An edit: the CRDs of the Gateway API (these, or all) are of another bundle; None removes the annotation."""

    def edit(items: list[dict[str, Any]]) -> None:
        for item in items:
            plural, group = item["metadata"]["name"].split(".", 1)
            if group != GROUP or (names and plural not in names):
                continue
            if version is None:
                item["metadata"]["annotations"].pop(BUNDLE)
            else:
                item["metadata"]["annotations"][BUNDLE] = version

    return edit


def without_gateway_api(items: list[dict[str, Any]]) -> None:
    items[:] = [item for item in items if not item["metadata"]["name"].endswith(GROUP)]


def titles(**edits: Edit) -> str:
    return " ".join(finding.title for finding in outcome("MW0025", healthy(**edits)).findings)


def test_well() -> None:
    result = outcome("MW0025", healthy())
    assert (result.status, result.findings) == ("passed", ())


@pytest.mark.parametrize(
    ("version", "kinds"),
    [
        ("v1.6.1", []),
        ("v1.6.0-rc.2", []),
        ("v1.5.1", ["TCPRoute"]),
        ("v1.4.0", ["TCPRoute", "TLSRoute"]),
        ("v1.3.0", ["BackendTLSPolicy", "TCPRoute", "TLSRoute"]),
        ("v1.0.0", ["BackendTLSPolicy", "GRPCRoute", "TCPRoute", "TLSRoute"]),
        (None, ["BackendTLSPolicy", "GRPCRoute", "TCPRoute", "TLSRoute"]),
        ("nonsense", ["BackendTLSPolicy", "GRPCRoute", "TCPRoute", "TLSRoute"]),
    ],
)
def test_bundle_too_old_for_istiod(version: str | None, kinds: list[str]) -> None:
    lists = recorded("embedded-ambient")
    # all four of them, for the standard channel of some releases lacks one or the other
    for plural in ("tcproutes", "tlsroutes", "backendtlspolicies", "grpcroutes"):
        drop_one = drop(f"{plural}.{GROUP}")
        drop_all_but = [item for item in lists["crds"] if item["metadata"]["name"] == f"{plural}.{GROUP}"]
        if not drop_all_but:
            drop_one(lists["crds"])
            metadata = {"name": f"{plural}.{GROUP}", "annotations": {BUNDLE: "v1.6.0"}}
            lists["crds"].append({"kind": "CustomResourceDefinition", "metadata": metadata})
    bundle(version)(lists["crds"])
    result = outcome("MW0025", snapshot(lists))
    found = sorted(title.split()[3] for title in (finding.title for finding in result.findings))
    assert found == kinds
    assert set(severities(result)) <= {"warning"}


def test_an_older_istiod_wants_less() -> None:
    image = put("istiod", "spec", "template", "spec", "containers", 0, "image", value="istio/pilot:1.27.0")
    seen = healthy(istiods=image, crds=bundle("v1.3.0"))
    assert outcome("MW0025", seen).status == "passed"


def test_bundles_mixed() -> None:
    assert "2 different bundles: v1.6.0, v1.7.0" in titles(crds=bundle("v1.7.0", "httproutes"))


@pytest.mark.parametrize(
    ("kind", "version", "status"),
    [("Gateway", "v1", "failed"), ("ReferenceGrant", "v1beta1", "failed"), ("HTTPRoute", "v1beta1", "passed")],
)
def test_version_not_served(kind: str, version: str, status: str) -> None:
    def edit(items: list[dict[str, Any]]) -> None:
        gone = {"group": GROUP, "version": version, "kind": kind}
        items[:] = [item for item in items if item != gone]

    assert outcome("MW0025", healthy(api=edit)).status == status


def test_absent_in_an_ambient_mesh() -> None:
    assert "can have no waypoints" in titles(crds=without_gateway_api)


def test_absent_in_sidecar_mode() -> None:
    no_ambient = put("istiod", "spec", "template", "spec", "containers", 0, "env", value=[])
    result = outcome("MW0025", healthy(istiods=no_ambient, daemonsets=drop("ztunnel"), crds=without_gateway_api))
    assert (result.status, "can do without" in result.reason) == ("skipped", True)
