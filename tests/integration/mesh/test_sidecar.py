# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sidecar mesh by Helm, with a real istiod: it injects, and it rejects what is wrong."""

from __future__ import annotations

import pytest

from .conftest import Mesh, steps, until


def test_check_apply_check_apply(empty: Mesh) -> None:
    predicted = empty(mode="sidecar", check=True).ok()
    assert predicted.changed == 1
    names = ["Namespace istio-system", "release/istio-base", "gateway-api", "release/istiod"]
    assert [step["step"] for step in predicted.result["steps"]] == names
    assert empty(mode="sidecar").ok().changed == 1
    assert empty(mode="sidecar", check=True).ok().changed == 0
    assert empty(mode="sidecar").ok().changed == 0
    assert empty.releases().keys() == {"istio-base", "istiod"}

    _a_pod_is_injected(empty)
    _a_bad_virtual_service_is_rejected(empty)

    # istio-cni comes along when asked for, and istiod then leaves traffic redirection to it.
    with_cni = empty(mode="sidecar", cni={"enabled": True}).ok()
    assert steps(with_cni)["release/istiod"]["reason"] == "values differ: pilot.cni.enabled"
    assert steps(with_cni)["release/istio-cni"]["action"] == "create"
    assert empty(mode="sidecar", cni={"enabled": True}).ok().changed == 0


def _a_pod_is_injected(mesh: Mesh) -> None:
    mesh.kubectl("create", "namespace", "injected")
    mesh.kubectl("label", "namespace", "injected", "istio-injection=enabled")
    try:
        mesh.kubectl("run", "echo", "--image=registry.example.com/echo:1", "-n", "injected")
        row = until(
            "the pod is ready with its sidecar",
            lambda: (
                found
                if (found := mesh.kubectl("get", "pod", "echo", "-n", "injected", "--no-headers").split())[2]
                == "Running"
                else None
            ),
        )
        assert row[1] == "2/2"
    finally:
        mesh.kubectl("delete", "namespace", "injected")


def _a_bad_virtual_service_is_rejected(mesh: Mesh) -> None:
    route = {"route": [{"destination": {"host": "reviews"}, "weight": -3}]}
    bad = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "bad", "namespace": "default"},
        "spec": {"hosts": ["reviews"], "http": [route]},
    }
    with pytest.raises(AssertionError, match="weight -3 < 0"):
        mesh.kubectl.apply(bad)
