# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.render_gitops import rendered_gitops
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import mesh_intent

from .._intent.meshes import params

FIELDS: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[4] / "fixtures" / "gitops" / "fields.json").read_text(encoding="utf-8")
)


def render(**given: Any) -> dict[str, Any]:
    options = params(**{"version": "1.31.1", "state": "rendered", "kubernetes_version": "1.34", **given})
    return rendered_gitops(mesh_intent(options), options, "/nowhere")


def groups(answer: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {group["name"]: group["objects"] for group in answer["rendered"]}


def one(answer: dict[str, Any], name: str) -> dict[str, Any]:
    (obj,) = groups(answer)[name]
    return dict(obj)


def paths(value: Any, above: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from paths(below, f"{above}.{key}" if above else key)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, f"{above}[]")
    else:
        yield above


def unknown(obj: dict[str, Any]) -> list[str]:
    known = FIELDS[obj["kind"]]
    free = tuple(field.removesuffix("*") for field in known if field.endswith("*"))
    return [path for path in paths(obj["spec"]) if path not in known and not f"{path}.".startswith(free)]


CASES: list[dict[str, Any]] = [
    {},
    {"mode": "sidecar"},
    {"update_strategy": "revision_based", "tags": [{"name": "prod"}]},
    {"charts": {"oci": "oci://registry.example.com/istio", "username": "u", "password": "secret-word"}},
    {"charts": {"repository": "https://charts.example.com", "username": "u", "password": "secret-word"}},
    {"charts": {"repository": "https://charts.example.com", "ca_file": "/etc/ca.pem"}},
    {"namespace_labels": {"team": "mesh"}, "network": "east", "cluster_name": "homelab"},
]


@pytest.mark.parametrize("tool", ["argocd", "flux"])
@pytest.mark.parametrize("given", CASES)
def test_fields_are_those_of_the_published_crds(tool: str, given: dict[str, Any]) -> None:
    answer = render(render_as=tool, **given)
    objects = [obj for group in answer["rendered"] for obj in group["objects"]]
    assert {obj["kind"] for obj in objects} >= ({"Application"} if tool == "argocd" else {"HelmRelease"})
    for obj in objects:
        if obj["kind"] != "Namespace":
            assert not unknown(obj), obj["metadata"]["name"]
    text = yaml.safe_dump_all(objects)
    assert list(yaml.safe_load_all(text)) == objects
    assert "secret-word" not in text + json.dumps(answer)


def test_a_wrong_field_would_be_found() -> None:
    application = one(render(render_as="argocd"), "istiod")
    application["spec"]["source"]["helm"]["values_object"] = {}
    assert unknown(application) == ["source.helm.values_object"]


def test_argocd_orders_and_leaves_istiods_own_edits_alone() -> None:
    answer = render(render_as="argocd", namespace_labels={"team": "mesh"}, ztunnel_namespace="ztunnel")
    found = groups(answer)
    assert list(found) == ["gateway-api", "istio-base", "istiod", "istio-cni", "ztunnel"]
    waves = {
        name: int(objs[0]["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for name, objs in found.items()
    }
    assert waves["istio-base"] < waves["istiod"] < waves["istio-cni"] < waves["ztunnel"]
    base, istiod = one(answer, "istio-base")["spec"], one(answer, "istiod")["spec"]
    assert base["source"]["helm"]["valuesObject"]["base"] == {"validationFailurePolicy": "Fail"}
    ignored = {rule["kind"]: rule["jqPathExpressions"] for rule in istiod["ignoreDifferences"]}
    assert ignored == {
        "ValidatingWebhookConfiguration": [".webhooks[]?.clientConfig.caBundle", ".webhooks[]?.failurePolicy"],
        "MutatingWebhookConfiguration": [".webhooks[]?.clientConfig.caBundle"],
    }
    assert "ignoreDifferences" not in one(answer, "ztunnel")["spec"]
    for name in found:
        options = one(answer, name)["spec"]["syncPolicy"]["syncOptions"]
        assert {"ServerSideApply=true", "RespectIgnoreDifferences=true"} <= set(options)
        assert "finalizers" not in one(answer, name)["metadata"]
    makers = [
        name for name in found if "CreateNamespace=true" in one(answer, name)["spec"]["syncPolicy"]["syncOptions"]
    ]
    assert makers == ["istio-base", "ztunnel"]
    assert base["syncPolicy"]["managedNamespaceMetadata"] == {"labels": {"team": "mesh"}}
    assert base["syncPolicy"]["automated"]["prune"] is False
    assert istiod["syncPolicy"]["automated"]["prune"] is True


@pytest.mark.parametrize(
    ("charts", "url"),
    [
        ({}, "https://istio-release.storage.googleapis.com/charts"),
        ({"oci": "oci://registry.example.com/istio/"}, "registry.example.com/istio"),
    ],
)
def test_argocd_sources(charts: dict[str, Any], url: str) -> None:
    answer = render(
        render_as="argocd",
        charts=charts,
        cluster_name="homelab",
        gitops={"namespace": "gitops", "project": "mesh", "server": "https://cluster.example.com"},
    )
    application = one(answer, "ztunnel")
    assert application["metadata"]["namespace"] == "gitops"
    spec = application["spec"]
    assert spec["project"] == "mesh"
    assert spec["destination"] == {"server": "https://cluster.example.com", "namespace": "istio-system"}
    assert spec["source"] == {
        "repoURL": url,
        "chart": "ztunnel",
        "targetRevision": "1.31.1",
        "helm": {"releaseName": "ztunnel", "valuesObject": {"multiCluster": {"clusterName": "homelab"}}},
    }


def test_flux_orders_and_leaves_istiods_own_edits_alone() -> None:
    answer = render(render_as="flux", gitops={"interval": "5m"}, wait_timeout=120)
    found = groups(answer)
    assert list(found) == ["namespaces", "sources", "gateway-api", "istio-base", "istiod", "istio-cni", "ztunnel"]
    assert [source["kind"] for source in found["sources"]] == ["HelmRepository"]
    after = {
        name: [other["name"] for other in objs[0]["spec"].get("dependsOn", [])]
        for name, objs in found.items()
        if objs[0]["kind"] == "HelmRelease"
    }
    assert after == {
        "istio-base": [],
        "istiod": ["istio-base"],
        "istio-cni": ["istiod"],
        "ztunnel": ["istiod", "istio-cni"],
    }
    istiod = one(answer, "istiod")
    assert istiod["apiVersion"] == "helm.toolkit.fluxcd.io/v2"
    spec = istiod["spec"]
    assert (spec["interval"], spec["timeout"]) == ("5m", "120s")
    assert spec["install"]["crds"] == spec["upgrade"]["crds"] == "CreateReplace"
    rules = {rule["target"]["kind"]: rule["paths"] for rule in spec["driftDetection"]["ignore"]}
    assert "/webhooks/0/failurePolicy" in rules["ValidatingWebhookConfiguration"]
    assert "/webhooks/3/clientConfig/caBundle" in rules["MutatingWebhookConfiguration"]
    assert not [path for path in rules["MutatingWebhookConfiguration"] if "failurePolicy" in path]
    assert spec["values"]["base"] == {"validationFailurePolicy": "Fail"}
    assert spec["targetNamespace"] == spec["storageNamespace"] == "istio-system"
    assert "ignore" not in one(answer, "ztunnel")["spec"]["driftDetection"]
    (namespace,) = found["namespaces"]
    assert "meshwright.io/made-by" not in namespace["metadata"]["labels"]


def test_flux_takes_each_chart_of_a_registry_as_a_source() -> None:
    answer = render(
        render_as="flux", charts={"oci": "oci://registry.example.com/istio", "username": "u", "password": "p"}
    )
    sources = {source["metadata"]["name"]: source for source in groups(answer)["sources"]}
    assert sources.keys() == {"istio-base", "istiod", "istio-cni", "ztunnel"}
    assert sources["istio-cni"]["kind"] == "OCIRepository"
    assert sources["istio-cni"]["spec"]["url"] == "oci://registry.example.com/istio/cni"
    assert sources["istio-cni"]["spec"]["ref"] == {"tag": "1.31.1"}
    assert sources["istio-cni"]["spec"]["secretRef"] == {"name": "istio-cni-credentials"}
    assert one(answer, "istio-cni")["spec"]["chartRef"] == {"kind": "OCIRepository", "name": "istio-cni"}
    assert any("flux-system/istio-cni-credentials" in note for note in answer["notes"])


@pytest.mark.parametrize("tool", ["argocd", "flux"])
def test_a_revision_has_a_release_of_its_own(tool: str) -> None:
    answer = render(render_as=tool, update_strategy="revision_based", name="prod", tags=[{"name": "stable"}])
    found = groups(answer)
    assert "istiod" not in found

    def values(name: str) -> dict[str, Any]:
        spec = one(answer, name)["spec"]
        return dict(spec["values"] if tool == "flux" else spec["source"]["helm"]["valuesObject"])

    istiod = values("istiod-prod-v1-31-1")
    assert istiod["revision"] == "prod-v1-31-1"
    assert istiod["revisionTags"] == ["default", "stable"]
    assert values("ztunnel")["revision"] == "prod-v1-31-1"
    assert values("istio-base")["defaultRevision"] == "prod-v1-31-1"
    assert any("prod-v1-31-1" in note for note in answer["notes"])


def test_a_second_mesh_leaves_the_node_agents_out() -> None:
    answer = render(render_as="flux", update_strategy="revision_based", name="canary", node_agents=False)
    assert "ztunnel" not in groups(answer)
    assert "istio-cni" not in groups(answer)


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"charts": {"path": "/charts"}}, "charts.path"),
        ({"charts": {"oci": "oci://r.example.com/x", "validate_certs": False}}, "charts.validate_certs"),
        ({"update_strategy": "revision_based", "istiod_alias": True}, "istiod_alias"),
        ({"update_strategy": "revision_based", "tags": [{"name": "old", "revision": "default-v1-30-0"}]}, "tags"),
        (
            {"update_strategy": "revision_based", "values": {"istiod": {"revisionTags": ["x"]}}},
            "values.istiod.revisionTags",
        ),
    ],
)
@pytest.mark.parametrize("tool", ["argocd", "flux"])
def test_what_cannot_be_rendered_is_refused(tool: str, given: dict[str, Any], option: str) -> None:
    with pytest.raises(BadInput, match=option) as refused:
        render(render_as=tool, **given)
    assert refused.value.hint


def test_a_source_of_the_gateway_api_is_noted() -> None:
    answer = render(render_as="flux", gateway_api={"source": "https://mirror.example.com/crds.yaml"})
    assert "gateway-api" not in groups(answer)
    assert any("https://mirror.example.com/crds.yaml" in note for note in answer["notes"])


SAIL: dict[str, Any] = {"method": "sail", "version": "1.30.3", "update_strategy": "revision_based"}


def test_sail_by_argocd() -> None:
    answer = render(render_as="argocd", **SAIL, tags=[{"name": "prod"}])
    found = groups(answer)
    order = [name for name in found if name != "gateway-api"]
    assert order == ["namespaces", "sail-operator", "istio", "istio-cni", "ztunnel", "tags"]
    operator = one(answer, "sail-operator")
    assert not unknown(operator)
    assert operator["spec"]["source"]["targetRevision"] == "1.30.3"
    assert operator["spec"]["syncPolicy"]["automated"]["prune"] is False
    waves = [int(found[name][0]["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for name in order]
    assert waves == sorted(waves) and waves[1] < waves[2]
    assert [obj["kind"] for obj in found["tags"]] == ["IstioRevisionTag", "IstioRevisionTag"]
    assert {obj["metadata"]["name"] for obj in found["namespaces"]} == {
        "istio-system",
        "istio-cni",
        "ztunnel",
        "sail-operator",
    }
    for name in ("istio", "istio-cni", "ztunnel"):
        options = found[name][0]["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
        assert "SkipDryRunOnMissingResource=true" in options


def test_sail_by_flux() -> None:
    answer = render(render_as="flux", **SAIL)
    found = groups(answer)
    assert found["sail-operator"][0]["kind"] == "HelmRelease"
    assert found["sources"][0]["spec"]["url"] == "https://istio-ecosystem.github.io/sail-operator"
    assert found["istio"][0]["spec"]["version"] == "v1.30.3"
    assert any("dependsOn" in note for note in answer["notes"])


@pytest.mark.parametrize("install", ["none", "olm"])
@pytest.mark.parametrize("tool", ["argocd", "flux"])
def test_an_operator_that_is_no_chart(tool: str, install: str) -> None:
    answer = render(render_as=tool, **SAIL, operator={"install": install})
    objects = [obj for group in answer["rendered"] for obj in group["objects"]]
    kinds = {obj["kind"] for obj in objects}
    assert ("Subscription" in kinds) == (install == "olm")
    charts = [obj for obj in objects if obj["kind"] == "HelmRelease"]
    charts += [obj for obj in objects if obj["kind"] == "Application" and "chart" in obj["spec"]["source"]]
    assert not charts
