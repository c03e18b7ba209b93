# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which kinds are policy of a mesh, and for those that are not, what is for them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ..._kube.kinds import known

# Every kind of these groups, those of future versions too: what the table does not know, discovery finds.
_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
)
_OTHERS = {
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
}
_CLUSTER_SCOPED = ("GatewayClass",)
_MESH = "it belongs to the mesh itself: meshwright.istio.istio_mesh installs that."
_MESH_KINDS = ("CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_GENERAL = "kubernetes.core.k8s"
_ELSE = (
    f"it is no policy. Apply it with {_GENERAL}; this module takes the kinds of Istio and of the Gateway API,"
    " and Service, ServiceAccount, ConfigMap, Secret and NetworkPolicy."
)
_GONE = ("authentication.istio.io", "rbac.istio.io", "config.istio.io")


class Accepted(NamedTuple):
    """A kind this module takes. A kind that the table does not know counts as namespaced until it is looked up."""

    group: str
    namespaced: bool


def accepted(api_version: str, kind: str) -> Accepted | str:
    """The kind, or a sentence on why it is not taken and what is for it."""
    group = api_version.rpartition("/")[0]
    if group in _GROUPS or (api_version, kind) in _OTHERS:
        row = known(api_version, kind)
        return Accepted(group, row.namespaced if row else kind not in _CLUSTER_SCOPED)
    for version, name in _OTHERS:
        if kind == name and group == version.rpartition("/")[0]:
            return f"its apiVersion has to be {version}."
    if group in _GONE:
        return "Istio has not known it since 1.6: see security.istio.io and telemetry.istio.io."
    if group in ("sailoperator.io", "install.istio.io"):
        return _MESH
    if kind in _MESH_KINDS:
        return f"it is no policy: Istio's are installed by meshwright.istio.istio_mesh, others by {_GENERAL}."
    return _ELSE
