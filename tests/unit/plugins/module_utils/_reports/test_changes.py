# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is new and what is fixed since the run before."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._reports.changes import changes


def finding(check: str, *objects: str, title: str = "Wrong.") -> dict[str, Any]:
    return {"check": check, "severity": "error", "title": title, "objects": list(objects)}


def result(*findings: dict[str, Any], accepted: tuple[dict[str, Any], ...] = (), **statuses: str) -> dict[str, Any]:
    checks = {"MW0001": "passed", "MW0002": "passed", **statuses}
    return {
        "checks": [{"id": name, "status": status} for name, status in checks.items()],
        "findings": list(findings),
        "accepted": list(accepted),
        "cluster": {"time": "2026-01-01T00:00:00Z"},
    }


def pairs(found: dict[str, Any], name: str) -> list[tuple[str, str]]:
    return [(one["check"], one["object"]) for one in found[name]]


def test_by_check_and_object() -> None:
    before = result(finding("MW0001", "Service a/b", "Service a/c", title="2 are wrong."), finding("MW0002"))
    now = result(finding("MW0001", "Service a/c", "Service a/d", title="Two others."))
    found = changes(before, now)
    assert found["since"] == "2026-01-01T00:00:00Z"
    assert pairs(found, "new") == [("MW0001", "Service a/d")]
    assert pairs(found, "fixed") == [("MW0001", "Service a/b"), ("MW0002", "")]


def test_the_same_is_neither() -> None:
    same = result(finding("MW0001", "Service a/b", "and 3 more"))
    assert changes(same, result(finding("MW0001", "Service a/b", "and 4 more"))) == {
        "since": "2026-01-01T00:00:00Z",
        "new": [],
        "fixed": [],
    }


def test_what_cannot_be_seen_is_not_fixed_and_what_could_not_be_is_not_new() -> None:
    seen, blind = result(finding("MW0001", "Service a/b")), result(MW0001="unknown")
    assert changes(seen, blind)["fixed"] == []
    assert changes(blind, seen)["new"] == []


def test_accepted_meanwhile_is_not_fixed() -> None:
    one = finding("MW0001", "Service a/b")
    assert changes(result(one), result(accepted=(one,)))["fixed"] == []


def test_bounded() -> None:
    many = result(*(finding("MW0001", f"Service a/{number}") for number in range(300)))
    found = changes(result(), many)
    assert (len(found["new"]), found["left_out"]) == (200, 100)
