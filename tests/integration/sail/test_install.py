# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh by the Sail Operator: predicted, installed, found in order, removed without a trace."""

from __future__ import annotations

from .conftest import SailMesh
from ..mesh.conftest import steps


def test_check_apply_check_apply(empty: SailMesh) -> None:
    before = empty.inventory()
    wanted = {"cluster_name": "homelab-cluster"}

    predicted = empty(check=True, diff=True, **wanted).ok()
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
    assert empty.inventory() == before, "check mode wrote something"

    applied = empty(**wanted).ok()
    assert applied.changed == 1
    for check in (True, False):
        again = empty(check=check, diff=True, **wanted).ok()
        assert again.changed == 0, steps(again)
        assert again.result["diff"] == []
