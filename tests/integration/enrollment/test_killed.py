# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is killed, with kill -9, at any of its writes: the next one goes on, and restarts nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from . import killing
from .conftest import Enrollment, workload
from .test_enrollment import deny_admin, generations, journals, modes, waypoint

NAMES = ("cart", "web")


def shop(enrollment: Enrollment) -> tuple[str, dict[str, Any]]:
    """A namespace with sidecars, a policy that a waypoint has to take over, and the move that does so."""
    space = enrollment.namespace("sidecar")
    for name in NAMES:
        enrollment.deployed(space, *workload(space, name, replicas=1))
    enrollment.kubectl.apply(deny_admin(space))
    waypoint(space, enrollment)
    asked: dict[str, Any] = {
        "namespaces": [space],
        "mode": "ambient",
        "waypoint": "waypoint",
        "protect": True,
        "accept_blockers": ["single-replica"],
    }
    return space, asked


def policies(enrollment: Enrollment, space: str) -> dict[str, Any]:
    found = enrollment.kubectl.json("-n", space, "get", "authorizationpolicies")["items"]
    return {item["metadata"]["name"]: item["spec"] for item in found}


def arrived(enrollment: Enrollment, space: str) -> None:
    assert modes(enrollment, space) | dict.fromkeys(NAMES, "ambient") == modes(enrollment, space)
    assert {generations(enrollment, space)[name] for name in NAMES} == {2}, "something was restarted twice"
    assert "deny-admin" not in policies(enrollment, space)


def returned(enrollment: Enrollment, space: str) -> None:
    assert enrollment.labels(space) == {"istio-injection": "enabled"}
    assert modes(enrollment, space) | dict.fromkeys(NAMES, "sidecar") == modes(enrollment, space)
    assert policies(enrollment, space) == {"deny-admin": deny_admin(space)["spec"]}
    assert {generations(enrollment, space)[name] for name in NAMES} == {3}, "something was restarted twice"
    assert not journals(enrollment, space)


def test_each_run_gets_a_little_further(enrollment: Enrollment, tmp_path: Path) -> None:
    """Run after run is killed, each a few writes later than the one before, there and back."""
    space, asked = shop(enrollment)
    back = {"namespaces": [space], "state": "returned"}
    for args, check in ((asked, arrived), (back, returned)):
        for number in range(40):
            if killing.run(enrollment.cluster, "mesh_enrollment", args, at=3 + number, home=tmp_path) is not None:
                break
        else:
            pytest.fail("it never ended")
        assert number > 1, "it was hardly killed at all"
        check(enrollment, space)
        again = killing.run(enrollment.cluster, "mesh_enrollment", args, at=10**6, home=tmp_path)
        assert again is not None and again["changed"] is False


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_once_at_each_write(enrollment: Enrollment, tmp_path: Path, when: Literal["before", "after"]) -> None:
    """For each write of the whole move, a fresh namespace, one kill there, and one run that completes."""
    for at in range(1, 60):
        space, asked = shop(enrollment)
        answer = killing.run(enrollment.cluster, "mesh_enrollment", asked, at=at, home=tmp_path, when=when)
        if answer is None:
            killing.run(enrollment.cluster, "mesh_enrollment", asked, at=10**6, home=tmp_path)
        arrived(enrollment, space)
        enrollment.kubectl("delete", "namespace", space, "--wait=false")
        if answer is not None:
            assert at > 10
            return
    pytest.fail("it never ended")
