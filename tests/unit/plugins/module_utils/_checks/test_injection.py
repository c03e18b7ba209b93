# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods without the sidecar that they were to have, and namespaces that refuse pods with one."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import INJECT, ago, bare, behind, found, pod, space, titles
from .snapshots import Edit, add, both, canary, drop, healthy, load, outcome, put

STATUS = {"sidecar.istio.io/status": '{"revision":"default"}'}


@pytest.mark.parametrize("check", ["MW0041", "MW0042"])
def test_healthy_passes(check: str) -> None:
    result = outcome(check, healthy())
    assert (result.status, result.findings) == ("passed", ())


@pytest.mark.parametrize(
    ("namespace", "one", "severity", "words"),
    [
        (space(), pod(), "", ""),
        (space(injection="enabled"), pod(notes=STATUS), "", ""),
        (space(injection="enabled"), pod(), "error", "started before the namespace was labelled"),
        (space(rev="default"), pod(), "error", "for revision default"),
        (space(injection="enabled"), pod(labels={INJECT: "false"}), "info", f"{INJECT}=false asks for that"),
        (space(injection="enabled"), pod(notes={INJECT: "false"}), "info", f"{INJECT}=false asks for that"),
        (space(injection="enabled"), pod(host=True), "info", "host's network"),
        (space(injection="enabled"), pod(phase="Succeeded"), "", ""),
        (space(injection="enabled"), behind(), "", ""),
        # one that was made with a proxy of its own
        (space(injection="enabled"), pod(containers=[{"name": "istio-proxy", "image": "p"}]), "", ""),
        # a gateway whose proxy the injector was to fill in
        (space(injection="enabled"), pod(containers=[{"name": "istio-proxy", "image": "auto"}]), "error", ""),
        (space(injection="enabled"), pod(notes={"ambient.istio.io/redirection": "enabled"}), "", ""),
        (space(injection="disabled"), pod(), "", ""),
        (space(injection="disabled"), pod(labels={INJECT: "true"}), "warning", "beats"),
        (space(mode="ambient"), pod(), "", ""),
        (space(), pod(labels={INJECT: "true"}), "error", "started before"),
        (space(rev="gone"), pod(labels={INJECT: "true"}), "error", "answered by no injector"),
        (space(rev="gone"), pod(), "error", "no injector answers the label istio.io/rev=gone"),
        (space(rev="gone"), pod(labels={INJECT: "false"}), "", ""),
        (space(rev="gone"), pod(host=True), "", ""),
        (space(rev="gone", mode="ambient"), pod(), "", ""),
        (space(rev="gone", injection="disabled"), pod(), "", ""),
        (space(), pod(labels={INJECT: "false"}), "", ""),
    ],
)
def test_pods(namespace: dict[str, Any], one: dict[str, Any], severity: str, words: str) -> None:
    result = found("MW0042", namespaces=add(namespace), pods=add(one))
    assert [each.severity for each in result.findings] == ([severity] if severity else [])
    assert words in titles(result)
    if severity:
        assert "Deployment team/app" in result.findings[0].objects


def test_a_namespace_that_is_never_injected() -> None:
    labels = put("kube-system", "metadata", "labels", value={"istio-injection": "enabled"})
    result = found("MW0042", namespaces=labels, pods=add(pod("dns", "kube-system")))
    assert "never injects" in titles(result)


def hooks(**fields: Any) -> Edit:
    def edit(items: list[dict[str, Any]]) -> None:
        for item in items:
            item["metadata"]["creationTimestamp"] = fields.get("made", item["metadata"].get("creationTimestamp"))
            for one in item["webhooks"]:
                one["failurePolicy"] = fields.get("policy", one.get("failurePolicy"))

    return edit


class TestWhy:
    def spaces(self) -> Edit:
        return add(space(injection="enabled"))

    def test_older_than_its_injector(self) -> None:
        edits: dict[str, Any] = {"namespaces": self.spaces(), "mutating_webhooks": hooks(made=ago(600))}
        assert "was not there yet" in titles(found("MW0042", **edits, pods=add(pod(age=900))))
        assert "was not there yet" not in titles(found("MW0042", **edits, pods=add(pod(age=300))))

    def test_nobody_answers(self) -> None:
        edits: dict[str, Any] = {"namespaces": self.spaces(), "mutating_webhooks": hooks(policy="Ignore")}
        assert "while nobody answered" in titles(found("MW0042", **edits, pods=add(pod())))
        result = found("MW0042", **edits, pods=add(pod()), endpoint_slices=drop())
        assert "nobody answers for it" in titles(result)

    def test_evidence_may_be_missing(self) -> None:
        edits: dict[str, Any] = {"namespaces": self.spaces(), "mutating_webhooks": hooks(policy="Ignore")}
        result = found("MW0042", **edits, pods=add(pod()), services=drop(), endpoint_slices=drop())
        assert [one.severity for one in result.findings] == ["error"]

    @pytest.mark.parametrize(
        ("owner", "words"), [("Job", "A Job's pods"), ("", "Delete it"), ("ReplicaSet", "rollout restart")]
    )
    def test_the_remedy_is_for_its_owner(self, owner: str, words: str) -> None:
        result = found("MW0042", namespaces=self.spaces(), pods=add(pod(owner=owner)))
        assert words in result.findings[0].remedy

    def test_one_finding_for_each_cause(self) -> None:
        pods = [pod(f"app-{number}") for number in range(30)]
        result = found("MW0042", namespaces=self.spaces(), pods=both(add(*pods), add(pod(labels={INJECT: "false"}))))
        assert [one.title.split()[0] for one in result.findings] == ["30", "1"]
        assert len(result.findings[0].objects) == 30

    def test_a_revision_beside_the_first(self) -> None:
        result = found("MW0042", **canary(), namespaces=add(space(rev="next")), pods=add(pod()))
        assert "for revision next" in titles(result)


def test_no_injector() -> None:
    assert bare("MW0042", namespaces=[space()], pods=[pod()]).status == "skipped"


# -- PodSecurity -------------------------------------------------------------------------------------------------------


def injected(init: str, age: float = 3600, where: str = "elsewhere") -> dict[str, Any]:
    return pod("other", where, age=age, notes=STATUS, init=[{"name": init, "image": "p"}])


class TestPodSecurity:
    @pytest.mark.parametrize(
        ("labels", "others", "severity"),
        [
            ({"injection": "enabled", "enforce": "restricted"}, [injected("istio-init")], "error"),
            ({"injection": "enabled", "enforce": "baseline"}, [injected("istio-init")], "error"),
            ({"injection": "enabled", "enforce": "privileged"}, [injected("istio-init")], ""),
            ({"injection": "enabled"}, [injected("istio-init")], ""),
            ({"injection": "enabled", "enforce": "restricted"}, [injected("istio-validation")], ""),
            # the youngest tells
            (
                {"injection": "enabled", "enforce": "baseline"},
                [injected("istio-validation", 60), injected("istio-init")],
                "",
            ),
            (
                {"injection": "enabled", "enforce": "baseline"},
                [injected("istio-validation"), injected("istio-init", 60)],
                "error",
            ),
            ({"injection": "enabled", "enforce": "restricted"}, [], "warning"),
            ({"mode": "ambient", "enforce": "restricted"}, [injected("istio-init")], ""),
            ({"enforce": "restricted"}, [injected("istio-init")], ""),
        ],
    )
    def test_levels(self, labels: dict[str, Any], others: list[dict[str, Any]], severity: str) -> None:
        for number, one in enumerate(others):
            one["metadata"]["name"] += str(number)
        result = found("MW0041", namespaces=add(space(**labels)), pods=both(drop(), add(*others)))
        assert [one.severity for one in result.findings] == ([severity] if severity else [])
        if severity:
            assert result.findings[0].objects == ("Namespace team",)

    @pytest.mark.parametrize(("level", "expected"), [("privileged", 0), ("baseline", 2), ("restricted", 2)])
    def test_the_meshs_own(self, level: str, expected: int) -> None:
        labels = {"pod-security.kubernetes.io/enforce": level}
        result = found("MW0041", namespaces=put("istio-system", "metadata", "labels", value=labels))
        assert len(result.findings) == expected

    def test_many_namespaces_are_one_finding(self) -> None:
        spaces = [space(f"team-{number}", injection="enabled", enforce="baseline") for number in range(30)]
        result = found("MW0041", namespaces=add(*spaces))
        assert [len(one.objects) for one in result.findings] == [30]

    def test_nothing_is_injected(self) -> None:
        assert bare("MW0041", namespaces=[space()]).status == "skipped"

    def test_recorded_sidecars(self) -> None:
        assert outcome("MW0041", load("healthy-sidecar")).status in ("passed", "unknown")
