# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What to do about the Gateway API's CRDs: install, upgrade, or leave alone, never downgrade. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import BadInput
from .._intent.versions import Version, parse_version

MANAGER = "meshwright-gateway-api"
GROUP = "gateway.networking.k8s.io"
BUNDLE_VERSION = "gateway.networking.k8s.io/bundle-version"
CHANNEL = "gateway.networking.k8s.io/channel"
# Those every standard release has had since v1.1: with these at a version, that release is installed.
CORE = tuple(
    f"{name}.{GROUP}" for name in ("gatewayclasses", "gateways", "grpcroutes", "httproutes", "referencegrants")
)
_PLATFORM_MANAGERS = {
    "ingress-operator": "OpenShift's ingress operator",
    "cluster-ingress-operator": "OpenShift's ingress operator",
}
_OWNER_LABELS = {
    "addonmanager.kubernetes.io/mode": "the platform's add-on manager (GKE)",
    "app.kubernetes.io/managed-by": "",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
_OWNER_ANNOTATIONS = {"argocd.argoproj.io/tracking-id": "Argo CD", "meta.helm.sh/release-name": "Helm"}


@dataclass(frozen=True, slots=True)
class GatewayApiChoice:
    """`apply`: CRDs to apply (empty: leave alone); `reason` in words; `warning` when a person should know."""

    apply: list[dict[str, Any]]
    reason: str
    warning: str = ""


def owner(crd: Mapping[str, Any]) -> str:
    """Who else keeps this CRD, or "" when nobody is known to: a platform, Argo CD, Flux, Helm."""
    meta = crd.get("metadata") or {}
    for field in meta.get("managedFields") or []:
        if field.get("manager") in _PLATFORM_MANAGERS:
            return _PLATFORM_MANAGERS[field["manager"]]
    for name, who in _OWNER_LABELS.items():
        value = (meta.get("labels") or {}).get(name)
        if value:
            return who or str(value)
    for name, who in _OWNER_ANNOTATIONS.items():
        if (meta.get("annotations") or {}).get(name):
            return who
    return ""


def managed_by_us(crd: Mapping[str, Any]) -> bool:
    return any(field.get("manager") == MANAGER for field in (crd.get("metadata") or {}).get("managedFields") or [])


def bundle_version(crd: Mapping[str, Any]) -> Version | None:
    """The Gateway API release a CRD is from, or None when it does not say."""
    text = ((crd.get("metadata") or {}).get("annotations") or {}).get(BUNDLE_VERSION, "")
    try:
        return parse_version(text)
    except BadInput:
        return None


def installed_enough(wanted: str, live: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the core CRDs are there at `wanted` or newer: then its bundle need not even be fetched."""
    least = parse_version(wanted)
    found = [bundle_version(live[name]) if name in live else None for name in CORE]
    return all(version is not None and version >= least for version in found)


def bundle_crds(objects: Iterable[dict[str, Any]], source: str) -> list[dict[str, Any]]:
    """The Gateway API CRDs of a bundle. Raises BadInput naming the source when there are none."""
    crds = [
        obj
        for obj in objects
        if obj.get("kind") == "CustomResourceDefinition" and (obj.get("spec") or {}).get("group") == GROUP
    ]
    if not crds:
        raise BadInput(
            f"gateway_api.source: {source} holds no CustomResourceDefinition of {GROUP}.",
            hint="It must be a release's bundle, such as standard-install.yaml.",
        )
    return crds


def companions(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a bundle brings beside its CRDs: the admission policy that guards them against downgrades."""
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    return [obj for obj in objects if obj.get("kind") in kinds and str(obj["metadata"]["name"]).endswith(f".{GROUP}")]


def choose(crds: list[dict[str, Any]], live: Mapping[str, Mapping[str, Any]]) -> GatewayApiChoice:
    """What to apply of a bundle, given the Gateway API CRDs that exist (by name)."""
    channels = {_annotation(crd, CHANNEL) or "standard" for crd in crds}
    wanted = max((version for version in map(bundle_version, crds) if version), default=None)
    if not live:
        return GatewayApiChoice(crds, f"the Gateway API's CRDs are missing; {_named(wanted)} is installed")
    keepers = sorted({who for who in map(owner, live.values()) if who})
    if keepers:
        return GatewayApiChoice([], f"the Gateway API's CRDs belong to {', '.join(keepers)} and are left alone")
    if "experimental" not in channels and any(_annotation(crd, CHANNEL) == "experimental" for crd in live.values()):
        return GatewayApiChoice(
            [],
            "the Gateway API's experimental CRDs are installed and left alone; the standard ones lack fields",
        )
    newest = max((version for version in map(bundle_version, live.values()) if version), default=None)
    if wanted is not None and newest is not None and newest > wanted:
        return GatewayApiChoice([], f"{_named(newest)} is installed, newer than {wanted}; it is never downgraded")
    # A CRD of the wanted version that somebody else applied is as it should be: not ours to keep in shape.
    apply = [
        crd
        for crd in crds
        if (known := live.get(crd["metadata"]["name"])) is None
        or managed_by_us(known)
        or bundle_version(known) != wanted
    ]
    if newest is None:
        return GatewayApiChoice(
            apply, f"the Gateway API's CRDs do not say their version; {_named(wanted)} is applied over them"
        )
    if newest == wanted:
        return GatewayApiChoice(apply, f"{_named(wanted)} is installed")
    return GatewayApiChoice(apply, f"{_named(newest)} is upgraded to {wanted}")


def _annotation(crd: Mapping[str, Any], name: str) -> str:
    return str(((crd.get("metadata") or {}).get("annotations") or {}).get(name, ""))


def _named(version: Version | None) -> str:
    return f"Gateway API {version}" if version else "the Gateway API of this bundle"
