# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new version by revisions: beside the old one, and nothing moves."""

from __future__ import annotations

import time
from typing import Any

from ..mesh.conftest import steps
from .conftest import SailMesh

GRACE = 3


def test_a_canary_moves_nothing(empty: SailMesh) -> None:
    assert empty(inactive_revision_grace=GRACE).ok().changed == 1
    before = empty.ztunnel(), empty.resource("ztunnel", "default")["metadata"]["generation"]

    canary: dict[str, Any] = {"version": "1.30.3", "inactive_revision_grace": GRACE}
    predicted = empty(check=True, **canary).ok()
    writes = [step["step"] for step in predicted.result["steps"] if step["action"] != "none"]
    assert writes == ["IstioRevisionTag default-previous", "Istio default"]

    applied = empty(**canary).ok()
    mesh = applied.result["mesh"]
    assert mesh["revisions"] == {"default-v1-30-2": "1.30.2", "default-v1-30-3": "1.30.3"}
    assert (mesh["active"], mesh["serving"]) == ("default-v1-30-3", "default-v1-30-2")
    assert mesh["tags"] == {"default": "default-v1-30-2"}
    assert "mesh_upgrade" in applied.result["next"]
    assert (empty.ztunnel(), empty.resource("ztunnel", "default")["metadata"]["generation"]) == before

    time.sleep(GRACE + 3)
    assert empty.in_use("default-v1-30-2") == "True"
    assert empty.resource("istiorevision", "default-v1-30-2"), "the revision that workloads are on was pruned"
    again = empty(**canary).ok()
    assert again.changed == 0, steps(again)
