# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: rendered` of a mesh by Sail: the operator's chart or OLM's objects, then the resources, without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._desired.gateway_api import bundle_crds, companions
from ..._desired.helm import MADE_BY, MANAGER, desired_namespaces
from ..._desired.layout import Installed, target
from ..._desired.olm import olm_objects
from ..._desired.sail import istio, istio_cni, sail_revision, tag, ztunnel
from ..._desired.sail_served import ServedSail, served_by, served_from
from ..._desired.sail_versions import choose_operator
from ..._desired.tags import alias_service
from ..._errors import BadInput
from ..._intent.mesh import MeshIntent
from ..._intent.versions import Version
from ..._tools.helm import storage_driver
from ..helm.charts import HelmSide
from ..mesh import guards
from ..mesh.gateway_api import read_bundle
from .guards import guard_schema
from .observe import RELEASE
from .operator import guard_version, operator_release, render_operator

Group = dict[str, Any]


def rendered_sail(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The result with `rendered`: a list of `{name, namespace, objects}` in the order to apply them."""
    groups, warnings, notes = sail_groups(intent, params, folder)
    return {"changed": False, "steps": [], "rendered": groups, "notes": notes, "warnings": warnings}


def sail_groups(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> tuple[list[Group], list[str], list[str]]:
    """(groups of objects in the order to apply them, warnings, notes)."""
    guards.guard_selectors(intent, {})
    warnings, notes = guards.guard_kubernetes(intent, intent.kubernetes_version) if intent.preflight else ([], [])
    operator, served = _operator(intent, params, folder)
    guard_version(intent, intent.version, served)
    layout = target(intent, Installed()).layout
    namespaces = desired_namespaces(intent, {})
    place = intent.operator.namespace
    if operator and place not in intent.namespaces:
        metadata = {"name": place, "labels": {MADE_BY: MANAGER}}
        namespaces.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    groups: list[Group] = [{"name": "namespaces", "namespace": "", "objects": namespaces}]
    if operator:
        groups.append({"name": RELEASE, "namespace": place, "objects": operator})
    if intent.gateway_api.manage:
        bundle = read_bundle(intent.gateway_api)
        crds = [*bundle_crds(bundle, intent.gateway_api.url), *companions(bundle)]
        groups.append({"name": "gateway-api", "namespace": "", "objects": crds})
    resources = [("istio", istio(intent, layout.version))]
    if layout.cni is not None:
        resources.append(("istio-cni", istio_cni(intent, layout.cni)))
    if layout.ztunnel is not None:
        resources.append(("ztunnel", ztunnel(intent, layout.ztunnel, layout.ztunnel_revision, served)))
    guard_schema(intent, [obj for _name, obj in resources], served)
    groups += [{"name": name, "namespace": "", "objects": [obj]} for name, obj in resources]
    tags = [tag(name, sail_revision(intent, to)) for name, to in sorted(layout.tags.items())]
    if intent.istiod_alias:
        tags.append(alias_service(intent.namespace, sail_revision(intent, layout.serving)))
    if tags and intent.revisioned:
        groups.append({"name": "tags", "namespace": "", "objects": tags})
    return groups, warnings, notes


def _operator(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> tuple[list[dict[str, Any]], ServedSail]:
    """(its objects, what it serves)."""
    how = intent.operator.install or ("olm" if intent.options.get("platform") == "openshift" else "helm")
    version = intent.operator.version or choose_operator(intent.version)
    if how == "none" or how == "olm":
        served = served_from(version) if version else ServedSail()
        return (olm_objects(intent.operator, _named(intent, version)) if how == "olm" else []), served
    if version is None:
        raise BadInput(
            f"version: no release of the Sail Operator is known to install Istio {intent.version}.",
            hint="Name the operator.version that does.",
        )
    driver = storage_driver(params.get("helm_driver"))
    side = HelmSide(intent.operator.charts, folder, binary=params.get("helm_binary"), driver=driver, connection=None)
    desired = operator_release(intent, version)
    crds, objects = render_operator(side, desired, intent.kubernetes_version, False, None)
    return [*crds, *objects], served_by(crds) or served_from(version)


def _named(intent: MeshIntent, version: Version | None) -> Version | None:
    """The version to ask OLM for: OpenShift's package has numbers of its own."""
    return version if intent.operator.version or intent.operator.package == "sailoperator" else None
