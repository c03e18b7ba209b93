# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose an object is, by the marks of the tools."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.elsewhere import (
    controller_of,
    keeper_of,
)

Obj = dict[str, Any]
VS = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}


def obj(**meta: Any) -> Obj:
    return {**VS, "metadata": {"name": "reviews", "namespace": "shop", **meta}}


def owned(controller: bool | None) -> Obj:
    reference = {"apiVersion": "v1", "kind": "Widget", "name": "w", "uid": "1"}
    return reference if controller is None else {**reference, "controller": controller}


TRACKED = "web:networking.istio.io/VirtualService:shop/reviews"
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "reviews"}}


@pytest.mark.parametrize(
    ("found", "keeper"),
    [
        pytest.param(None, None, id="not there"),
        pytest.param(obj(), None, id="nobody's"),
        pytest.param(
            obj(annotations={"argocd.argoproj.io/tracking-id": TRACKED}), "Argo CD application web", id="argo tracks it"
        ),
        pytest.param(
            {
                **SERVICE,
                "metadata": {
                    "name": "reviews",
                    "annotations": {"argocd.argoproj.io/tracking-id": "web:/Service:shop/reviews"},
                },
            },
            "Argo CD application web",
            id="argo tracks a core object",
        ),
        pytest.param(
            obj(annotations={"argocd.argoproj.io/tracking-id": TRACKED.replace("reviews", "ratings")}),
            None,
            id="argo's annotation came with a copy",
        ),
        pytest.param(obj(labels={"argocd.argoproj.io/instance": "web"}), "Argo CD application web", id="argo's label"),
        pytest.param(obj(labels={"app.kubernetes.io/instance": "web"}), None, id="a label that anyone may set"),
        pytest.param(
            obj(labels={"app.kubernetes.io/instance": "web"}, managedFields=[{"manager": "kubectl"}]),
            None,
            id="that label, and kubectl",
        ),
        pytest.param(
            obj(labels={"app.kubernetes.io/instance": "web"}, managedFields=[{"manager": "argocd-controller"}]),
            "Argo CD application web",
            id="that label, written by argo",
        ),
        pytest.param(
            obj(labels={"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}),
            "Flux Kustomization flux/apps",
            id="flux",
        ),
        pytest.param(
            obj(
                labels={
                    "helm.toolkit.fluxcd.io/name": "web",
                    "helm.toolkit.fluxcd.io/namespace": "flux",
                    "app.kubernetes.io/managed-by": "Helm",
                },
                annotations={"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
            ),
            "Flux HelmRelease flux/web",
            id="helm in flux's hands",
        ),
        pytest.param(
            obj(
                labels={"app.kubernetes.io/managed-by": "Helm"},
                annotations={"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
            ),
            "Helm release shop/web",
            id="helm",
        ),
        pytest.param(obj(labels={"app.kubernetes.io/managed-by": "Helm"}), None, id="rendered by helm, not installed"),
        pytest.param(obj(ownerReferences=[owned(True)]), "Widget w", id="a controller's"),
        pytest.param(
            obj(ownerReferences=[owned(None)], labels={"gateway.istio.io/managed": "istio.io-gateway-controller"}),
            "Widget w",
            id="istiod's, for a gateway",
        ),
        pytest.param(obj(ownerReferences=[owned(None), owned(False)]), None, id="owned, but not controlled"),
    ],
)
def test_the_keeper(found: Obj | None, keeper: str | None) -> None:
    told = keeper_of(found)
    assert (told and str(told)) == keeper


def test_the_controller() -> None:
    reference = controller_of(obj(ownerReferences=[owned(False), owned(True)]))
    assert reference is not None and reference["name"] == "w"
    assert controller_of(obj(ownerReferences=[owned(False)])) is None
