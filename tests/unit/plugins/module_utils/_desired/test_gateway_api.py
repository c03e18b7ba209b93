# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.gateway_api import (
    CORE,
    MANAGER,
    bundle_crds,
    choose,
    installed_enough,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput


def crd(name: str, version: str, *, channel: str = "standard", manager: str = "kubectl", **meta: Any) -> dict[str, Any]:
    annotations = {
        "gateway.networking.k8s.io/bundle-version": version,
        "gateway.networking.k8s.io/channel": channel,
        **meta.pop("annotations", {}),
    }
    metadata = {"name": name, "annotations": annotations, "managedFields": [{"manager": manager}], **meta}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {"group": "gateway.networking.k8s.io"},
    }


def live(version: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {name: crd(name, version, **more) for name in CORE}


BUNDLE = [crd(name, "v1.6.0") for name in CORE]


@pytest.mark.parametrize(
    ("there", "applied", "word"),
    [
        ({}, len(CORE), "missing"),
        (live("v1.2.0"), len(CORE), "upgraded to 1.6.0"),
        (live("v1.2.0", manager=MANAGER), len(CORE), "upgraded to 1.6.0"),
        # Ours are kept in shape; somebody else's of the same version are as they should be.
        (live("v1.6.0", manager=MANAGER), len(CORE), "1.6.0 is installed"),
        (live("v1.6.0"), 0, "1.6.0 is installed"),
        (live("v1.7.0", manager=MANAGER), 0, "never downgraded"),
        (live("v1.6.0", channel="experimental"), 0, "experimental"),
        (live("nonsense"), len(CORE), "do not say their version"),
        (live("v1.2.0", manager="ingress-operator"), 0, "OpenShift"),
        (live("v1.2.0", labels={"addonmanager.kubernetes.io/mode": "Reconcile"}), 0, "GKE"),
        (live("v1.2.0", labels={"argocd.argoproj.io/instance": "crds"}), 0, "Argo CD"),
        (live("v1.2.0", labels={"kustomize.toolkit.fluxcd.io/name": "crds"}), 0, "Flux"),
        (live("v1.2.0", annotations={"meta.helm.sh/release-name": "gateway-api"}), 0, "Helm"),
    ],
)
def test_choices(there: dict[str, dict[str, Any]], applied: int, word: str) -> None:
    choice = choose(BUNDLE, there)
    assert len(choice.apply) == applied
    assert word in choice.reason


def test_one_that_is_missing_is_added() -> None:
    there = live("v1.6.0")
    gone = CORE[2]
    del there[gone]
    assert [one["metadata"]["name"] for one in choose(BUNDLE, there).apply] == [gone]


@pytest.mark.parametrize(
    ("version", "enough"), [("v1.5.9", False), ("v1.6.0", True), ("v1.7.0", True), ("nonsense", False)]
)
def test_installed_enough(version: str, enough: bool) -> None:
    assert installed_enough("v1.6.0", live(version)) is enough
    assert not installed_enough("v1.6.0", {})


def test_a_bundle_without_crds_is_no_bundle() -> None:
    with pytest.raises(BadInput, match=r"where\.yaml"):
        bundle_crds([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}], "where.yaml")
