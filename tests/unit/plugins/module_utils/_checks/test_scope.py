# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""discoverySelectors that leave somebody out, and roots of trust that are missing or differ."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import bare, found, gateway, pod, space, titles
from .snapshots import Edit, add, drop, environment, healthy, load, outcome, put

ALL = [{"matchExpressions": [{"key": "nothing", "operator": "DoesNotExist"}]}]


def but(*names: str) -> list[dict[str, Any]]:
    """Selectors that choose all namespaces but these."""
    return [{"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [*names]}]}]


def selecting(selectors: list[dict[str, Any]]) -> Edit:
    return put("istio", "mesh", "discoverySelectors", value=selectors)


@pytest.mark.parametrize("check", ["MW0015", "MW0016"])
def test_healthy_passes(check: str) -> None:
    result = outcome(check, healthy())
    assert (result.status, result.findings) == ("passed", ())


class TestDiscovery:
    @pytest.mark.parametrize(
        ("selectors", "words"),
        [
            (ALL, []),
            ([{}], []),
            (but("default", "kube-system"), []),
            (but("istio-system"), ["its own", "of ztunnel"]),
            (but("shop"), ["namespace shop in ambient mode"]),
            (but("bank"), ["namespace bank whose pods it injects"]),
            ([{"matchLabels": {"mesh": "yes"}}], ["its own", "of ztunnel", "in ambient mode", "whose pods it injects"]),
            # one that selects is enough
            ([*but("shop"), {"matchLabels": {"istio.io/dataplane-mode": "ambient"}}], []),
        ],
    )
    def test_selectors(self, selectors: list[dict[str, Any]], words: list[str]) -> None:
        result = found("MW0015", mesh_configs=selecting(selectors))
        assert len(result.findings) == len(words)
        for finding, word in zip(result.findings, words, strict=True):
            assert word in finding.title
            assert finding.severity == "error"

    def test_the_selectors_are_told(self) -> None:
        result = found("MW0015", mesh_configs=selecting([{"matchLabels": {"a": "b"}}, *but("shop")]))
        told = "selected are namespaces with a=b or kubernetes.io/metadata.name NotIn (shop)"
        assert result.findings[0].evidence == (told,)

    def test_a_root_namespace_elsewhere(self) -> None:
        def edit(items: list[dict[str, Any]]) -> None:
            items[0]["mesh"].update(rootNamespace="policy", discoverySelectors=but("policy"))

        result = found("MW0015", mesh_configs=edit, namespaces=add(space("policy")))
        assert "namespace policy" in titles(result)

    def test_another_revisions_namespace_is_no_matter(self) -> None:
        result = found(
            "MW0015", mesh_configs=selecting(but("other")), namespaces=add(space("other", rev="next"), space("plain"))
        )
        assert result.findings == ()

    @pytest.mark.parametrize(("of_class", "expected"), [("istio", 1), ("somebody-elses", 0)])
    def test_gateways(self, of_class: str, expected: int) -> None:
        edits: dict[str, Any] = {
            "namespaces": add(space("edge")),
            "gateways": add(gateway("edge", "edge", of_class=of_class)),
        }
        result = found("MW0015", mesh_configs=selecting(but("edge")), **edits)
        assert [one.objects for one in result.findings] == [("Namespace edge",)] * expected
        assert len(found("MW0016", **edits).findings) == expected

    @pytest.mark.parametrize(
        "notes", [{"ambient.istio.io/redirection": "enabled"}, {"sidecar.istio.io/status": '{"revision":"default"}'}]
    )
    def test_pods_that_asked_themselves(self, notes: dict[str, str]) -> None:
        edits: dict[str, Any] = {"namespaces": add(space("team")), "pods": add(pod(notes=notes))}
        result = found("MW0015", mesh_configs=selecting(but("team")), **edits)
        assert [one.objects for one in result.findings] == [("Namespace team",)]


class TestRoots:
    @pytest.mark.parametrize(
        ("namespace", "edit", "severity", "words"),
        [
            ("bank", drop, "error", "no new sidecar, gateway or ztunnel pod starts there"),
            # shop has a waypoint, whose pod mounts it
            ("shop", drop, "error", "no root certificate"),
            ("istio-system", drop, "error", "no root certificate"),
            ("default", drop, "", ""),
        ],
    )
    def test_missing(self, namespace: str, edit: Any, severity: str, words: str) -> None:
        result = found("MW0016", root_certificates=without(namespace))
        assert [one.severity for one in result.findings] == ([severity] if severity else [])
        assert words in titles(result)

    def test_ambient_alone_is_a_warning(self) -> None:
        result = found("MW0016", namespaces=add(space("team", mode="ambient")))
        assert [one.severity for one in result.findings] == ["warning"]
        assert "no waypoint" in titles(result)

    @pytest.mark.parametrize(("age", "expected"), [(5, 0), (59, 0), (61, 1)])
    def test_new_namespaces_are_waited_for(self, age: float, expected: int) -> None:
        result = found("MW0016", namespaces=add(space("team", age, injection="enabled")))
        assert len(result.findings) == expected

    def test_one_finding_for_many(self) -> None:
        result = found(
            "MW0016", namespaces=add(*(space(f"team-{number}", injection="enabled") for number in range(30)))
        )
        assert [len(one.objects) for one in result.findings] == [30]

    def test_another_root(self) -> None:
        result = found("MW0016", root_certificates=rewritten("bank", lambda text: BLOCK))
        assert [one.severity for one in result.findings] == ["error"]
        assert result.findings[0].objects == ("ConfigMap bank/istio-ca-root-cert",)
        assert "another root" in titles(result)

    def test_a_change_of_root_under_way(self) -> None:
        result = found("MW0016", root_certificates=rewritten("bank", lambda text: f"{text}\n{BLOCK}"))
        assert [one.severity for one in result.findings] == ["warning"]

    def test_blanks_are_no_difference(self) -> None:
        assert found("MW0016", root_certificates=rewritten("bank", lambda text: f"\n{text}\n\n")).findings == ()

    def test_two_control_planes_with_two_roots(self) -> None:
        def second(items: list[dict[str, Any]]) -> None:
            other = dict(items[0], metadata={**items[0]["metadata"], "namespace": "istio-two"})
            items.append(other)

        def root(items: list[dict[str, Any]]) -> None:
            items.append({"metadata": {"name": "istio-ca-root-cert", "namespace": "istio-two"}, "data": {KEY: BLOCK}})

        result = found("MW0016", istiods=second, root_certificates=root)
        assert "different roots" in titles(result)

    def test_trust_bundles(self) -> None:
        def edit(items: list[dict[str, Any]]) -> None:
            container = items[0]["spec"]["template"]["spec"]["containers"][0]
            container["env"].append({"name": "ENABLE_CLUSTER_TRUST_BUNDLE_API", "value": "true"})

        assert found("MW0016", istiods=edit, root_certificates=drop()).status == "skipped"

    def test_a_config_map_of_another_name(self) -> None:
        edit = environment("istiod", "PILOT_CA_CERT_CONFIGMAP", "our-root")
        assert found("MW0016", istiods=edit, root_certificates=drop()).status == "skipped"


@pytest.mark.parametrize("check", ["MW0015", "MW0016"])
def test_no_mesh(check: str) -> None:
    assert bare(check, namespaces=[space("team")]).status == "skipped"


def test_the_recorded_sidecar_mesh_has_no_selectors() -> None:
    seen = load("healthy-sidecar")
    assert outcome("MW0015", seen).status in ("passed", "unknown")


KEY = "root-cert.pem"
BLOCK = "-----BEGIN CERTIFICATE-----\nYW5vdGhlciByb290\n-----END CERTIFICATE-----"


def without(namespace: str) -> Edit:
    def edit(items: list[dict[str, Any]]) -> None:
        items[:] = [item for item in items if item["metadata"]["namespace"] != namespace]

    return edit


def rewritten(namespace: str, change: Any) -> Edit:
    def edit(items: list[dict[str, Any]]) -> None:
        for item in items:
            if item["metadata"]["namespace"] == namespace:
                item["data"] = {KEY: change(item["data"][KEY])}

    return edit
