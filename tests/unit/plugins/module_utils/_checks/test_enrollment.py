# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labels of namespaces and pods: both modes, names that are nobody's, and pods that were not restarted."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import (
    add,
    both,
    canary,
    drop,
    healthy,
    injector,
    load,
    namespace,
    outcome,
    severities,
    sidecar,
    waypoint,
)


def pod(where: str, revision: str, **labels: str) -> dict[str, Any]:
    """A pod with a revision's label."""
    return {
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": where, "labels": {"istio.io/rev": revision, **labels}},
    }


@pytest.mark.parametrize("check", ["MW0020", "MW0021", "MW0022"])
@pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "embedded-ambient"])
def test_recorded_healthy(check: str, name: str) -> None:
    result = outcome(check, load(name))
    assert (result.status, result.findings) == ("passed", ())


class TestBothModes:
    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            ({"mode": "ambient"}, []),
            ({"injection": "enabled"}, []),
            ({"mode": "ambient", "injection": "disabled"}, []),
            ({"mode": "none", "injection": "enabled"}, []),
            ({"mode": "ambient", "rev": "nobody"}, []),
            ({"mode": "ambient", "injection": "enabled"}, ["warning"]),
            ({"mode": "ambient", "rev": "default"}, ["warning"]),
        ],
    )
    def test_labels(self, labels: dict[str, str], expected: list[str]) -> None:
        result = outcome("MW0020", healthy(namespaces=add(namespace("shop", **labels))))
        assert severities(result) == expected
        if expected:
            assert result.findings[0].objects == ("Namespace shop",)

    def test_nobody_injects(self) -> None:
        seen = healthy(mutating_webhooks=drop(), namespaces=add(namespace("shop", mode="ambient", injection="enabled")))
        assert severities(outcome("MW0020", seen)) == ["info"]


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            ({}, []),
            ({"injection": "enabled"}, []),
            ({"rev": "default"}, []),
            ({"rev": "next"}, []),
            ({"rev": "prod"}, []),
            ({"rev": "gone"}, ["error"]),
            ({"rev": "gone", "mode": "ambient"}, ["error"]),
            ({"rev": "gone", "injection": "disabled"}, []),
            ({"rev": "gone", "injection": "enabled"}, ["warning"]),
            ({"rev": "next", "injection": "enabled"}, ["warning"]),
            ({"rev": "default", "injection": "enabled"}, []),
        ],
    )
    def test_namespaces(self, labels: dict[str, str], expected: list[str]) -> None:
        seen = healthy(**canary(tag="prod"), namespaces=add(namespace("shop", **labels)))
        result = outcome("MW0021", seen)
        assert severities(result) == expected
        if expected:
            assert "Namespace shop" in result.findings[0].objects

    def test_injection_without_a_default(self) -> None:
        edits = canary()
        edits["mutating_webhooks"] = both(drop(), edits["mutating_webhooks"])
        edits["namespaces"] = add(namespace("shop", injection="enabled"))
        result = outcome("MW0021", healthy(**edits))
        assert severities(result) == ["error"]
        assert "no revision or tag named default" in result.findings[0].title
        edits["mutating_webhooks"] = both(edits["mutating_webhooks"], add(injector("next", "default")))
        assert outcome("MW0021", healthy(**edits)).findings == ()

    def test_one_finding_for_each_name(self) -> None:
        spaces = [namespace(f"shop-{number}", rev="gone") for number in range(30)]
        result = outcome("MW0021", healthy(namespaces=add(*spaces)))
        assert (len(result.findings), len(result.findings[0].objects)) == (1, 30)

    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            (pod("shop", "default"), []),
            (pod("shop", "gone"), ["error"]),
            (pod("shop", "gone", **{"sidecar.istio.io/inject": "false"}), []),
            # its namespace's own label decides
            (pod("labelled", "gone"), []),
        ],
    )
    def test_pods(self, found: dict[str, Any], expected: list[str]) -> None:
        spaces = add(namespace("shop"), namespace("labelled", rev="default"))
        assert severities(outcome("MW0021", healthy(namespaces=spaces, revision_pods=add(found)))) == expected


class TestOldRevision:
    @pytest.mark.parametrize(
        ("labels", "runs", "expected"),
        [
            ({"injection": "enabled"}, "default", []),
            ({"injection": "enabled"}, "next", ["warning"]),
            ({"rev": "next"}, "next", []),
            ({"rev": "next"}, "default", ["warning"]),
            ({"rev": "prod"}, "next", []),
            ({"rev": "prod"}, "default", ["warning"]),
            # without a label, nobody would inject it: not a matter of revisions
            ({}, "default", []),
            ({"rev": "next"}, "gone", ["error"]),
        ],
    )
    def test_sidecars(self, labels: dict[str, str], runs: str, expected: list[str]) -> None:
        seen = healthy(
            **canary(tag="prod"),
            namespaces=add(namespace("shop", **labels)),
            proxies=add(sidecar("client", "shop", runs)),
        )
        result = outcome("MW0022", seen)
        assert severities(result) == expected
        if expected:
            assert result.findings[0].objects == ("Pod shop/client",)

    def test_many_pods_are_one_finding(self) -> None:
        pods = [sidecar(f"client-{number}", "shop", "default") for number in range(40)]
        seen = healthy(**canary(), namespaces=add(namespace("shop", rev="next")), proxies=add(*pods))
        result = outcome("MW0022", seen)
        assert [item.title.split()[0] for item in result.findings] == ["40"]

    @pytest.mark.parametrize(("revision", "expected"), [("default", []), ("gone", ["error"])])
    def test_waypoints_only_need_their_istiod(self, revision: str, expected: list[str]) -> None:
        seen = healthy(namespaces=add(namespace("amb", mode="ambient")), proxies=add(waypoint("amb", revision)))
        assert severities(outcome("MW0022", seen)) == expected

    def test_skipped_without_istiod(self) -> None:
        assert outcome("MW0022", healthy(istiods=drop())).status == "skipped"
