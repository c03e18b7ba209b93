# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: rendered`: the objects that would be installed by Helm, without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._desired.gateway_api import bundle_crds, companions
from ..._desired.gitops import rendered_layout, steady_releases
from ..._desired.helm import desired_namespaces
from ..._intent.mesh import MeshIntent
from ..._tools.helm import storage_driver
from ..helm.charts import HelmSide
from . import guards
from .gateway_api import read_bundle


def rendered(intent: MeshIntent, params: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The result with `rendered`: a list of `{name, namespace, objects}` in the order to apply them."""
    guards.guard_selectors(intent, {})
    releases = steady_releases(intent, rendered_layout(intent))
    driver = storage_driver(params.get("helm_driver"))
    helm_side = HelmSide(intent.charts, folder, binary=params.get("helm_binary"), driver=driver, connection=None)
    wanted = {release.name: (release, False) for release in releases}
    objects = helm_side.render(wanted, kubernetes=intent.kubernetes_version)
    groups: list[dict[str, Any]] = [{"name": "namespaces", "namespace": "", "objects": desired_namespaces(intent, {})}]
    for number, release in enumerate(releases):
        groups.append({"name": release.name, "namespace": release.namespace, "objects": objects[release.name]})
        if number == 0 and intent.gateway_api.manage:
            bundle = read_bundle(intent.gateway_api)
            crds = [*bundle_crds(bundle, intent.gateway_api.url), *companions(bundle)]
            groups.append({"name": "gateway-api", "namespace": "", "objects": crds})
    warnings, notes = guards.guard_kubernetes(intent, intent.kubernetes_version) if intent.preflight else ([], [])
    return {"changed": False, "steps": [], "rendered": groups, "notes": notes, "warnings": warnings}
