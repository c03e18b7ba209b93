# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whom an object belongs to that another tool manages, by the marks that the tools leave. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ARGO_ID = "argocd.argoproj.io/tracking-id"
_ARGO_LABEL = "argocd.argoproj.io/instance"
_ARGO_INSTALLATION = "argocd.argoproj.io/installation-id"
_ARGO_MANAGERS = ("argocd-controller", "argocd-application-controller")
_INSTANCE = "app.kubernetes.io/instance"
_FLUX = {
    "kustomize.toolkit.fluxcd.io": "Kustomization",
    "helm.toolkit.fluxcd.io": "HelmRelease",
}
_OF_GATEWAY = "gateway.istio.io/managed"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_HELM_NAME, _HELM_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"


@dataclass(frozen=True, slots=True)
class Keeper:
    """`tool` and its object: "Argo CD" and "application shop"."""

    tool: str
    name: str

    def __str__(self) -> str:
        return f"{self.tool} {self.name}"


def keeper_of(obj: Mapping[str, Any] | None) -> Keeper | None:
    """The tool that keeps a live object, and its own object for it; None when none is known to."""
    meta = (obj or {}).get("metadata") or {}
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    if (labels or annotations) and obj is not None:
        application = _argo_application(obj, labels, annotations)
        if application:
            return Keeper("Argo CD", f"application {application}")
        for group, kind in _FLUX.items():
            if name := labels.get(f"{group}/name"):
                return Keeper("Flux", f"{kind} {labels.get(f'{group}/namespace', '')}/{name}".replace(" /", " "))
        if labels.get(_MANAGED_BY) == "Helm" and (release := annotations.get(_HELM_NAME)):
            return Keeper("Helm", f"release {annotations.get(_HELM_NAMESPACE, '')}/{release}".replace(" /", " "))
    owner = controller_of(obj)
    return Keeper(str(owner.get("kind")), str(owner.get("name"))) if owner else None


def controller_of(obj: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The owner reference of the controller that makes this object, if one does."""
    meta = (obj or {}).get("metadata") or {}
    for reference in meta.get("ownerReferences") or []:
        # istiod does not call itself the controller of what it makes for a Gateway, but it is.
        if reference.get("controller") or _OF_GATEWAY in (meta.get("labels") or {}):
            found: Mapping[str, Any] = reference
            return found
    return None


def _argo_application(obj: Mapping[str, Any], labels: Mapping[str, Any], annotations: Mapping[str, Any]) -> str:
    if told := str(annotations.get(_ARGO_ID) or ""):
        application, _colon, rest = told.partition(":")
        kind, _colon, name = rest.partition(":")
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        # Argo CD itself takes no heed of an id that came with a copy of another object.
        if kind == f"{group}/{obj.get('kind')}" and name.rpartition("/")[2] == obj["metadata"].get("name"):
            return application
    if label := labels.get(_ARGO_LABEL):
        return str(label)
    if label := labels.get(_INSTANCE):
        managers = {entry.get("manager") for entry in obj["metadata"].get("managedFields") or []}
        if _ARGO_INSTALLATION in annotations or not managers.isdisjoint(_ARGO_MANAGERS):
            return str(label)
    return ""
