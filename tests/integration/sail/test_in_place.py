# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh that is upgraded in place."""

from __future__ import annotations

from typing import Any

from .conftest import SailMesh, failing


def test_in_place_install_and_upgrade(empty: SailMesh) -> None:
    place: dict[str, Any] = {"update_strategy": "in_place"}
    first = empty(**place).ok()
    assert first.result["mesh"]["revisions"] == {"default": "1.30.2"}
    assert empty.ztunnel()["XDS_ADDRESS"] == "istiod.istio-system.svc:15012"
    assert empty(**place).ok().changed == 0

    upgraded = empty(version="1.30.3", **place).ok()
    writes = [step["step"] for step in upgraded.result["steps"] if step["action"] != "none"]
    assert writes == ["Istio default", "IstioCNI default", "ZTunnel default"]
    assert upgraded.result["mesh"]["revisions"] == {"default": "1.30.3"}
    assert (
        empty.kubectl.json("get", "deployment", "istiod", "-n", "istio-system")["metadata"]["labels"]["app"] == "istiod"
    )
    assert empty.resource("istiorevision", "default")["spec"]["version"] == "v1.30.3"
    assert empty(version="1.30.3", **place).ok().changed == 0

    refused = failing(empty(version="1.30.3", check=True))
    assert "update_strategy" in refused.result["msg"] and "in_place" in refused.result["msg"]
    moved = failing(empty(version="1.30.3", namespace="elsewhere", check=True, **place))
    assert moved.result["msg"].startswith("namespace: Istio default installs into namespace istio-system")
    older = failing(empty(version="1.27.3", check=True, **place))
    assert "1.27.3" in older.result["msg"]
