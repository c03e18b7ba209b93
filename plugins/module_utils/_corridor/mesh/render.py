# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: rendered`: the objects that would be installed, or what a GitOps tool needs to do so, without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._desired import gitops_argocd, gitops_flux
from ..._desired.gateway_api import bundle_crds, companions
from ..._desired.gitops import (
    Objects,
    Unit,
    gitops_options,
    guard_gitops,
    helm_units,
    namespace_labels,
    rendered_layout,
    steady_releases,
)
from ..._desired.helm import NETWORK_LABEL, DesiredRelease, desired_namespaces, desired_releases
from ..._desired.layout import Layout
from ..._errors import BadInput
from ..._intent.mesh import MeshIntent
from ..._tools.helm import storage_driver
from ..helm.charts import HelmSide
from . import guards
from .gateway_api import read_bundle

Group = dict[str, Any]


def rendered(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The result with `rendered`: a list of `{name, namespace, objects}` in the order to apply them."""
    guards.guard_selectors(intent, {})
    if intent.method == "sail":
        raise BadInput("state: rendered is not there for method sail yet.", hint="Use method: helm.")
    layout = rendered_layout(intent)
    releases = steady_releases(intent, layout, desired_releases(intent))
    warnings, notes = guards.guard_kubernetes(intent, intent.kubernetes_version) if intent.preflight else ([], [])
    render_as = intent.options.get("render_as") or "manifests"
    if render_as == "manifests":
        groups = _manifests(intent, params, folder, releases)
    else:
        guard_gitops(intent)
        units = helm_units(intent, releases)
        groups = _argocd(intent, layout, units, notes) if render_as == "argocd" else _flux(intent, units, notes)
    return {"changed": False, "steps": [], "rendered": groups, "notes": notes, "warnings": warnings}


def _manifests(
    intent: MeshIntent, params: Mapping[str, Any], folder: str, releases: list[DesiredRelease]
) -> list[Group]:
    driver = storage_driver(params.get("helm_driver"))
    helm_side = HelmSide(intent.charts, folder, binary=params.get("helm_binary"), driver=driver, connection=None)
    wanted = {release.name: (release, False) for release in releases}
    objects = helm_side.render(wanted, kubernetes=intent.kubernetes_version)
    groups = [_group("namespaces", "", desired_namespaces(intent, {}))]
    for number, release in enumerate(releases):
        groups.append(_group(release.name, release.namespace, objects[release.name]))
        if number == 0 and intent.gateway_api.manage:
            bundle = read_bundle(intent.gateway_api)
            crds = [*bundle_crds(bundle, intent.gateway_api.url), *companions(bundle)]
            groups.append(_group("gateway-api", "", crds))
    return groups


def _argocd(intent: MeshIntent, layout: Layout, units: list[Unit], notes: list[str]) -> list[Group]:
    options = gitops_options(intent, gitops_argocd.NAMESPACE)
    labels = {name: namespace_labels(intent, name, NETWORK_LABEL) for name in intent.namespaces}
    groups = []
    if _gateway_api_from_git(intent, notes):
        application = gitops_argocd.gateway_api_application(intent.gateway_api.version, options)
        groups.append(_group("gateway-api", options.namespace, [application]))
    for name, objects in gitops_argocd.applications(units, options, labels):
        groups.append(_group(name, options.namespace, objects))
    logins = sorted({unit.source.location for unit in units if unit.source.username})
    if logins:
        notes.append(
            f"Argo CD logs in to {', '.join(logins)} by a Secret of {options.namespace} labelled "
            "argocd.argoproj.io/secret-type: repository, which is not rendered"
        )
    if any(unit.source.ca_file for unit in units):
        notes.append(
            f"Argo CD takes the authority's certificate from the ConfigMap {options.namespace}/argocd-tls-certs-cm, "
            "which is not rendered"
        )
    notes.append(
        "sync waves order Applications only where a parent Application syncs them and Argo CD assesses the health of "
        "Applications (resource.customizations in argocd-cm); elsewhere retries bring about the same"
    )
    _note_revision(intent, layout, notes, "Application")
    return groups


def _flux(intent: MeshIntent, units: list[Unit], notes: list[str]) -> list[Group]:
    options = gitops_options(intent, gitops_flux.NAMESPACE)
    namespaces = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": namespace_labels(intent, name, NETWORK_LABEL),
                # The mesh's root certificate is in there.
                "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
            },
        }
        for name in intent.namespaces
    ]
    sources, releases = gitops_flux.releases(units, options)
    groups = [_group("namespaces", "", namespaces), _group("sources", options.namespace, sources)]
    if _gateway_api_from_git(intent, notes):
        objects = gitops_flux.gateway_api(intent.gateway_api.version, options)
        groups.append(_group("gateway-api", options.namespace, objects))
    groups += [_group(name, options.namespace, objects) for name, objects in releases]
    for unit in units:
        where = f"{options.namespace}/{gitops_flux.credentials_name(unit)}"
        if unit.source.username and unit.source.kind == "oci":
            notes.append(f"Secret {where} of type kubernetes.io/dockerconfigjson holds the login; it is not rendered")
        elif unit.source.username:
            notes.append(f"Secret {where} holds username and password of the repository; it is not rendered")
        if unit.source.ca_file:
            where = f"{options.namespace}/{gitops_flux.authority_name(unit)}"
            notes.append(f"Secret {where} holds the authority's certificate as ca.crt; it is not rendered")
    notes[:] = dict.fromkeys(notes)
    _note_revision(intent, rendered_layout(intent), notes, "HelmRelease")
    return groups


def _gateway_api_from_git(intent: MeshIntent, notes: list[str]) -> bool:
    """Whether the Gateway API's CRDs come from their project's repository; a source of one's own is only noted."""
    wanted = intent.gateway_api
    if wanted.manage and wanted.source:
        notes.append(
            f"the Gateway API's CRDs of {wanted.source} are not rendered: put them into the repository, before istiod"
        )
    return wanted.manage and not wanted.source


def _note_revision(intent: MeshIntent, layout: Layout, notes: list[str], what: str) -> None:
    if intent.revisioned:
        notes.append(
            f"a new version is another revision with a further {what} beside this one of {layout.active}; tags move "
            "when they leave its revisionTags, and it is deleted when nothing uses the revision any more"
        )


def _group(name: str, namespace: str, objects: Objects) -> Group:
    return {"name": name, "namespace": namespace, "objects": objects}
