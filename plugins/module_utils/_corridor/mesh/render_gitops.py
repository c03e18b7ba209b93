# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: rendered` for a GitOps tool: its Applications or releases, and what goes into the repository beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..._desired import gitops_argocd, gitops_flux
from ..._desired.gitops import (
    Objects,
    Unit,
    gitops_options,
    guard_gitops,
    helm_units,
    namespace_labels,
    operator_unit,
    rendered_layout,
    steady_releases,
)
from ..._desired.helm import NETWORK_LABEL, looked_after
from ..._desired.sail_versions import choose_operator
from ..._errors import BadInput
from ..._intent.mesh import MeshIntent
from ..sail.operator import operator_release
from ..sail.render import sail_groups
from . import guards

Group = dict[str, Any]
# After the operator and the Gateway API's CRDs.
_RESOURCES_WAVE = 2


@dataclass(slots=True)
class _Told:
    """What is rendered: charts, and plain objects as (name, objects) in their order."""

    units: list[Unit]
    plain: list[tuple[str, Objects]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rendered_gitops(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The result with `rendered`: a list of `{name, namespace, objects}`, in order. Needs neither helm nor charts."""
    told = _by_sail(intent, params, folder) if intent.method == "sail" else _by_helm(intent)
    groups = _argocd(intent, told) if intent.options.get("render_as") == "argocd" else _flux(intent, told)
    notes = list(dict.fromkeys(told.notes))
    return {"changed": False, "steps": [], "rendered": groups, "notes": notes, "warnings": told.warnings}


def _by_helm(intent: MeshIntent) -> _Told:
    guards.guard_selectors(intent, {})
    guard_gitops(intent)
    layout = rendered_layout(intent)
    warnings, notes = guards.guard_kubernetes(intent, intent.kubernetes_version) if intent.preflight else ([], [])
    told = _Told(helm_units(intent, steady_releases(intent, layout)), [], warnings, notes)
    if intent.revisioned:
        told.notes.append(
            f"a new version is another revision, rendered beside this one of {layout.active}; its tags move when they "
            "leave the one's revisionTags for the other's, and the one goes when nothing uses it any more"
        )
    return told


def _by_sail(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> _Told:
    # The operator comes as a chart of its own, or as OLM's objects; the rest are plain objects.
    how = intent.operator.install or ("olm" if intent.options.get("platform") == "openshift" else "helm")
    operator = replace(intent.operator, install="none" if how == "helm" else how)
    quiet = replace(intent, operator=operator, gateway_api=replace(intent.gateway_api, manage=False))
    groups, warnings, notes = sail_groups(quiet, params, folder)
    told = _Told([], [(group["name"], group["objects"]) for group in groups[1:]], warnings, notes)
    if how == "helm":
        version = intent.operator.version or choose_operator(intent.version)
        if version is None:
            raise BadInput(
                f"version: no release of the Sail Operator is known to install Istio {intent.version}.",
                hint="Name the operator.version that does.",
            )
        told.units = [operator_unit(intent, operator_release(intent, version))]
    return told


def _argocd(intent: MeshIntent, told: _Told) -> list[Group]:
    units, notes = told.units, told.notes
    options = gitops_options(intent, gitops_argocd.NAMESPACE)
    labels = {name: namespace_labels(intent, name, NETWORK_LABEL) for name in looked_after(intent)}
    groups: list[Group] = []
    if intent.method == "sail":
        groups.append(_group("namespaces", "", gitops_argocd.in_wave(_namespaces(intent), -1)))
    if _gateway_api_from_git(intent, notes):
        application = gitops_argocd.gateway_api_application(intent.gateway_api.version, options)
        groups.append(_group("gateway-api", options.namespace, [application]))
    for name, objects in gitops_argocd.applications(units, options, labels):
        groups.append(_group(name, options.namespace, objects))
    for number, (name, objects) in enumerate(told.plain):
        groups.append(_group(name, "", gitops_argocd.in_wave(objects, _RESOURCES_WAVE + number)))
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
    if told.plain:
        notes.append("the operator's resources are plain objects, for the repository of a parent Application")
    return groups


def _flux(intent: MeshIntent, told: _Told) -> list[Group]:
    units, notes = told.units, told.notes
    options = gitops_options(intent, gitops_flux.NAMESPACE)
    namespaces = [
        # The mesh's root certificate is in there.
        {**obj, "metadata": {**obj["metadata"], "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}}
        for obj in _namespaces(intent)
    ]
    sources, releases = gitops_flux.releases(units, options)
    groups = [_group("namespaces", "", namespaces)]
    if sources:
        groups.append(_group("sources", options.namespace, sources))
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
    if told.plain:
        groups += [_group(name, "", objects) for name, objects in told.plain]
        notes.append(
            f"{', '.join(name for name, _objects in told.plain)}: put these into a Kustomization that depends on the "
            "operator's (dependsOn, wait: true), since their kinds come with it"
        )
    return groups


def _gateway_api_from_git(intent: MeshIntent, notes: list[str]) -> bool:
    """Whether the Gateway API's CRDs come from their project's repository; a source of one's own is only noted."""
    wanted = intent.gateway_api
    if wanted.manage and wanted.source:
        notes.append(
            f"the Gateway API's CRDs of {wanted.source} are not rendered: put them into the repository, before istiod"
        )
    return wanted.manage and not wanted.source


def _namespaces(intent: MeshIntent) -> Objects:
    names = [*looked_after(intent), *([intent.operator.namespace] if intent.method == "sail" else [])]
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": namespace_labels(intent, name, NETWORK_LABEL)},
        }
        for name in dict.fromkeys(names)
    ]


def _group(name: str, namespace: str, objects: Objects) -> Group:
    return {"name": name, "namespace": namespace, "objects": objects}
